import { InvalidParamError } from '../errors/InvalidParamError.js';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';

const PATH = '/api/v0';

/**
 * The base URL to use, without a slash at the end: as the app says it, or a path of the page's own server. Nothing in
 * the page's markup decides where tokens go.
 */
export function resolveApiBaseUrl(given: string | undefined): string {
  if (!given) {
    throw new ValueMustBeDefinedError(
      'Say where your Stile server is: createStileClient({ coreConfig: { apiBaseUrl: "https://auth.example.com/api/v0" } })',
    );
  }
  const url = parse(given);
  const path = url.pathname === '/' ? PATH : url.pathname;
  return `${url.origin}${path.replace(/\/+$/, '')}`;
}

function parse(text: string): URL {
  const isPath = text.startsWith('/') && !text.startsWith('//');
  if (!isPath && !/^https?:\/\//i.test(text)) {
    throw new InvalidParamError(
      `coreConfig.apiBaseUrl has to begin with https:// (http:// on localhost), or with / for a path of this page's server: ${text}`,
    );
  }
  let url: URL;
  try {
    url = isPath ? new URL(text, location.origin) : new URL(text);
  } catch (cause) {
    throw new InvalidParamError(`coreConfig.apiBaseUrl is not a URL: ${text}`, cause);
  }
  if (url.username || url.password) {
    throw new InvalidParamError('coreConfig.apiBaseUrl must not name a user or a password');
  }
  return url;
}
