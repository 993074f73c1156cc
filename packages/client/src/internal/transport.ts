import { NetworkError } from '../errors/NetworkError.js';
import { API_VERSION, VERSION } from '../version.js';
import { readAnswer, type Shape } from './answers.js';
import { type Core, usesCookie } from './core.js';
import { randomName } from './encoding.js';
import { errorOf } from './errorOf.js';
import { REQUEST_LIMIT, until } from './limits.js';
import type { SessionRecord } from './record.js';

export type Call = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** After `/sdk/{environmentId}`. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** What the answer must have. Without it the call gives `undefined`, whatever the body is. */
  shape?: Shape;
  /** Where the answer holds dates. */
  dates?: readonly string[];
  /** Attach the legacy MFA token, if any. */
  mfaToken?: boolean;
  credentials?: RequestCredentials;
  keepalive?: boolean;
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. Default: `REQUEST_LIMIT`. */
  limit?: number;
  /** Is called when the request has been handed to `fetch`. */
  onSent?: () => void;
};

/** What a call may tell of the session that it is about. */
export type Told = Pick<SessionRecord, 'token' | 'sessionKey' | 'mfaToken'>;

/** One call under way. `extra` are the headers that the app adds. */
export type Attempt = {
  url: string;
  signal: AbortSignal;
  body: string | undefined;
  extra: Record<string, string>;
};

/** Runs until it ends, takes too long, its caller gives up, or the client is destroyed. */
export async function limited<T>(core: Core, call: Call, run: (attempt: Attempt) => Promise<T>): Promise<T> {
  const { signal: callers, limit = REQUEST_LIMIT } = call;
  const url = `${core.apiBaseUrl}/sdk/${core.config.environmentId}${call.path}${queryOf(call.query)}`;
  const own = new AbortController();
  const late = () => own.abort(new NetworkError(url, new Error(`no answer in ${limit} ms`)));
  const timer = setTimeout(late, limit);
  // Under Node a request that was given up must not keep the process alive.
  (timer as { unref?: () => void }).unref?.();
  const undo = [core.life.signal, callers].map((signal) => {
    const forward = () => own.abort(signal?.reason);
    if (signal?.aborted) forward();
    signal?.addEventListener('abort', forward);
    return () => signal?.removeEventListener('abort', forward);
  });
  const start = async () => {
    const extra = (await core.config.coreConfig?.getApiHeaders?.()) ?? {};
    return run({ url, signal: own.signal, body: JSON.stringify(call.body), extra });
  };
  try {
    own.signal.throwIfAborted();
    return await until(own.signal, start());
  } finally {
    clearTimeout(timer);
    for (const step of undo) step();
  }
}

/**
 * Sends a call and answers the parsed body. Throws what `errorOf` makes of an error answer, `APIError` for an answer that
 * is something else, and `NetworkError` when there is none.
 */
export async function send<T>(
  core: Core,
  call: Call,
  { url, signal, body }: Attempt,
  headers: Record<string, string>,
): Promise<T> {
  const credentials = call.credentials ?? (usesCookie(core) ? 'include' : undefined);
  const init: RequestInit = {
    method: call.method,
    headers,
    signal,
    ...(body === undefined ? undefined : { body }),
    ...(credentials ? { credentials } : undefined),
    ...(call.keepalive ? { keepalive: true } : undefined),
  };
  const { fetch = globalThis.fetch } = core.config.coreConfig ?? {};
  const answered = reach(fetch, url, init);
  call.onSent?.();
  const response = await answered;
  if (!response.ok) throw await errorOf(response);
  const text = call.shape ? await textOf(response, url, signal) : '';
  return readAnswer(response.status, text, call.shape, call.dates ?? []) as T;
}

async function reach(fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    init.signal?.throwIfAborted();
    throw new NetworkError(url, cause);
  }
}

async function textOf(response: Response, url: string, signal: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    throw new NetworkError(url, cause);
  }
}

/** The headers of a call. Those of the app replace others of the same name. */
export function headersOf(
  { config, instanceId }: Core,
  call: Call,
  { body, extra }: Attempt,
  { token, sessionKey, mfaToken }: Told,
): Record<string, string> {
  const origin = typeof window === 'undefined' ? config.metadata?.universalLink : undefined;
  return {
    'x-dyn-api-version': `API/${API_VERSION}`,
    'x-dyn-version': VERSION,
    'x-dyn-request-id': randomName(50),
    'x-dyn-session-id': instanceId,
    'x-dynamic-platform': 'web',
    ...(sessionKey ? { 'x-dyn-session-public-key': sessionKey } : undefined),
    ...(origin ? { origin } : undefined),
    ...(body === undefined ? undefined : { 'content-type': 'application/json' }),
    ...(token ? { authorization: `Bearer ${token}` } : undefined),
    ...(call.mfaToken && mfaToken ? { 'x-mfa-auth-token': mfaToken } : undefined),
    ...call.headers,
    ...extra,
  };
}

/**
 * Makes a call that is not about the present session, and answers the parsed body. No token goes along unless one is given.
 *
 * @param read takes over what other tabs have stored, before the call is sent
 */
export function callApart<T>(
  core: Core,
  call: Call,
  read: (core: Core) => Promise<void> | void,
  told?: Told,
): Promise<T> {
  return limited(core, call, async (attempt) => {
    await read(core);
    attempt.signal.throwIfAborted();
    const headers = headersOf(core, call, attempt, told ?? { ...core.record, token: null });
    return send<T>(core, call, attempt, headers);
  });
}

function queryOf(query: Call['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : '';
}
