import { InvalidParamError } from '../errors/InvalidParamError.js';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';

const META = 'stile-api-base-url';

/** The base URL to use, without a slash at the end. */
export function resolveApiBaseUrl(given: string | undefined): string {
  const text = given ?? fromPage();
  if (!text) {
    throw new ValueMustBeDefinedError(
      'Say where your Stile server is: createStileClient({ coreConfig: { apiBaseUrl: "https://auth.example.com/api/v0" } })',
    );
  }
  const page = typeof location === 'undefined' ? undefined : location.href;
  let url: URL;
  try {
    url = new URL(text, page);
  } catch (cause) {
    throw new InvalidParamError(`coreConfig.apiBaseUrl is not a URL: ${text}`, cause);
  }
  const path = url.pathname === '/' ? '/api/v0' : url.pathname;
  return `${url.origin}${path.replace(/\/+$/, '')}`;
}

/** The server's own pages name their API. */
function fromPage(): string | undefined {
  if (typeof document === 'undefined') return undefined;
  return document.querySelector(`meta[name="${META}"]`)?.getAttribute('content') ?? undefined;
}
