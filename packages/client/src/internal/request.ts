import { NetworkError } from '../errors/NetworkError.js';
import { StileError } from '../errors/StileError.js';
import { API_VERSION, VERSION } from '../version.js';
import { type Core, usesCookie } from './core.js';
import { reviveDates } from './dates.js';
import { deviceProof, needsDeviceProof } from './deviceProof.js';
import { dropRefusedToken, takeElevatedToken } from './elevatedTokens.js';
import { randomName } from './encoding.js';
import { errorOf } from './errorOf.js';
import { dropMfaToken } from './mfaToken.js';
import { dropNonces } from './nonces.js';

export type ApiRequest = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** After `/sdk/{environmentId}`. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** Attach the first held elevated token for one of these scopes, if any. A single-use one is then spent. */
  elevated?: readonly string[];
  /** Attach the legacy MFA token, if any. */
  mfaToken?: boolean;
  /** Where the answer holds dates. */
  dates?: readonly string[];
  /** The access token to use, where it is not that of the state. */
  token?: string | null;
  credentials?: RequestCredentials;
  keepalive?: boolean;
  signal?: AbortSignal;
};

/**
 * Calls the server and answers the parsed body, `undefined` for an empty one. Throws what `errorOf` makes of an
 * error answer, and `NetworkError` when there is none.
 */
export async function request<T>(core: Core, call: ApiRequest): Promise<T> {
  const common: Record<string, string> = {
    ...headersOf(core, call),
    ...(await core.config.coreConfig?.getApiHeaders?.()),
  };
  const proves = needsDeviceProof(call.path) && !usesCookie(core);
  const proof = proves ? await deviceProof(core) : undefined;
  // Last of all, so that nothing that fails before the request spends a single-use token.
  const elevated = call.elevated && takeElevatedToken(core, call.elevated);
  const headers = { ...common, ...(elevated ? { 'x-dyn-elevated-access-token': elevated } : undefined) };
  try {
    return await send<T>(core, call, { ...headers, ...proof });
  } catch (error) {
    if (error instanceof StileError) dropRefused(core, error.code, headers);
    // Nonces wait in the storage for a day, and the server may have forgotten them (a new database, a new key).
    if (!proves || !(error instanceof StileError && error.code === 'invalid_nonce')) throw error;
    await dropNonces(core);
    return await send<T>(core, call, { ...headers, ...(await deviceProof(core)) });
  }
}

/** Forgets the tokens that the server refused: used, expired, or dead with what they were proved with. */
function dropRefused(core: Core, code: string, headers: Record<string, string>): void {
  const elevated = headers['x-dyn-elevated-access-token'];
  if (elevated) dropRefusedToken(core, elevated, code);
  const mfaToken = headers['x-mfa-auth-token'];
  if (mfaToken && mfaToken === core.state.mfaToken && code === 'mfa_token_invalid') dropMfaToken(core);
}

async function send<T>(core: Core, call: ApiRequest, headers: Record<string, string>): Promise<T> {
  const { coreConfig = {}, environmentId } = core.config;
  const url = `${core.apiBaseUrl}/sdk/${environmentId}${call.path}${queryOf(call.query)}`;
  const credentials = call.credentials ?? (usesCookie(core) ? 'include' : undefined);
  const init: RequestInit = {
    method: call.method ?? 'GET',
    headers,
    ...(call.body === undefined ? undefined : { body: JSON.stringify(call.body) }),
    ...(credentials ? { credentials } : undefined),
    ...(call.keepalive ? { keepalive: true } : undefined),
    ...(call.signal ? { signal: call.signal } : undefined),
  };
  const response = await reach(coreConfig.fetch ?? globalThis.fetch, url, init);
  if (!response.ok) throw await errorOf(response);
  const text = await response.text();
  return (text ? reviveDates(JSON.parse(text), call.dates ?? []) : undefined) as T;
}

async function reach(fetch: typeof globalThis.fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new NetworkError(url, cause);
  }
}

function headersOf({ config, instanceId, state }: Core, call: ApiRequest): Record<string, string> {
  const { token = state.token } = call;
  const origin = typeof window === 'undefined' ? config.metadata?.universalLink : undefined;
  return {
    'x-dyn-api-version': `API/${API_VERSION}`,
    'x-dyn-version': VERSION,
    'x-dyn-request-id': randomName(50),
    'x-dyn-session-id': instanceId,
    'x-dynamic-platform': 'web',
    ...(state.sessionPublicKey ? { 'x-dyn-session-public-key': state.sessionPublicKey } : undefined),
    ...(origin ? { origin } : undefined),
    ...(call.body === undefined ? undefined : { 'content-type': 'application/json' }),
    ...(token ? { authorization: `Bearer ${token}` } : undefined),
    ...(call.mfaToken && state.mfaToken ? { 'x-mfa-auth-token': state.mfaToken } : undefined),
    ...call.headers,
  };
}

function queryOf(query: ApiRequest['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : '';
}
