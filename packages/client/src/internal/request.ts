import { NetworkError } from '../errors/NetworkError.js';
import { StileError } from '../errors/StileError.js';
import { API_VERSION, VERSION } from '../version.js';
import { readAnswer, type Shape } from './answers.js';
import { type Core, tooLate, usesCookie } from './core.js';
import { needsDeviceProof, proofFor } from './deviceProof.js';
import type { ElevatedToken } from './elevatedToken.js';
import { dropRefusedToken, holdElevatedToken, takeElevatedToken } from './elevatedTokens.js';
import { randomName } from './encoding.js';
import { errorOf } from './errorOf.js';
import { endExpired, isTokenOver } from './expiry.js';
import { REQUEST_LIMIT, until } from './limits.js';
import { dropNonces } from './nonces.js';
import { isTooLate, type Sent, sentOf } from './record.js';
import { commit, endRefused, readStored } from './session.js';

export type ApiRequest = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** After `/sdk/{environmentId}`. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  /** What the answer must have. Without it the call gives `undefined`, whatever the body is. */
  shape?: Shape;
  /** Where the answer holds dates. */
  dates?: readonly string[];
  /** Attach the first held elevated token for one of these scopes, if any. A single-use one is then spent. */
  elevated?: readonly string[];
  /** Attach the legacy MFA token, if any. */
  mfaToken?: boolean;
  /** The session that the call is about, where it began earlier than with this request. */
  since?: Pick<Sent, 'gen'>;
  /** `false` for what has nothing to do with a session; or that of another session than the present one. */
  session?: false | { token: string | null; publicKey: string | null };
  credentials?: RequestCredentials;
  keepalive?: boolean;
  signal?: AbortSignal;
  /** How long it may take, in milliseconds. Default: `REQUEST_LIMIT`. */
  limit?: number;
  /** Is called when the request has been handed to `fetch`. */
  onSent?: () => void;
};

/** Calls the server and answers the parsed body. As {@link exchange}, for those who need no more. */
export async function request<T>(core: Core, call: ApiRequest): Promise<T> {
  return (await exchange<T>(core, call)).answer;
}

/**
 * Calls the server and answers the parsed body, with the state in which the request was sent. Throws what `errorOf`
 * makes of an error answer, `APIError` for an answer that is something else, and `NetworkError` when there is none in
 * time. Nothing is sent when the session has ended, or given way to another one, since the call began.
 */
export async function exchange<T>(core: Core, call: ApiRequest): Promise<{ answer: T; sent: Sent }> {
  const since = call.since ?? sentOf(core.record);
  const url = `${core.apiBaseUrl}/sdk/${core.config.environmentId}${call.path}${queryOf(call.query)}`;
  return limited(core, url, call, async (signal) => {
    const extra = (await core.config.coreConfig?.getApiHeaders?.()) ?? {};
    const reads = (call.method ?? 'GET') === 'GET';
    const proves = !reads && needsDeviceProof(call.path) && !usesCookie(core);
    const proof = proves ? await proofFor(core, call.path) : {};
    const attempt: Attempt = { url, since, signal, extra, proof };
    try {
      return await send<T>(core, call, attempt);
    } catch (error) {
      // Nonces wait in the storage for a day, and the server may have forgotten them (a new database, a new key).
      if (!proves || !(error instanceof StileError && error.code === 'invalid_nonce')) throw error;
      await dropNonces(core);
      return await send<T>(core, call, { ...attempt, proof: await proofFor(core, call.path) });
    }
  });
}

type Attempt = {
  url: string;
  since: Pick<Sent, 'gen'>;
  signal: AbortSignal;
  extra: Record<string, string>;
  proof: Record<string, string>;
  /** The token of a first attempt, which the second one takes along. */
  elevated?: ElevatedToken | undefined;
};

/** Everything that depends on the session is read here, after all that takes time. */
async function send<T>(core: Core, call: ApiRequest, attempt: Attempt): Promise<{ answer: T; sent: Sent }> {
  const { url, signal } = attempt;
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  await readStored(core);
  signal.throwIfAborted();
  if (call.session === undefined && isTooLate(core.record, attempt.since)) throw tooLate();
  const sent = sentOf(core.record);
  if (call.elevated) attempt.elevated ??= takeElevatedToken(core, call.elevated);
  const { elevated } = attempt;
  const headers = {
    ...headersOf(core, call),
    ...attempt.extra,
    ...(elevated ? { 'x-dyn-elevated-access-token': elevated.token } : undefined),
    ...attempt.proof,
  };
  const credentials = call.credentials ?? (usesCookie(core) ? 'include' : undefined);
  const init: RequestInit = {
    method: call.method ?? 'GET',
    headers,
    signal,
    ...(body === undefined ? undefined : { body }),
    ...(credentials ? { credentials } : undefined),
    ...(call.keepalive ? { keepalive: true } : undefined),
  };
  const { fetch = globalThis.fetch } = core.config.coreConfig ?? {};
  try {
    const answered = reach(fetch, url, init);
    call.onSent?.();
    const response = await answered;
    if (!response.ok) throw await errorOf(response);
    const text = call.shape ? await textOf(response, url, signal) : '';
    return { answer: readAnswer(response.status, text, call.shape, call.dates ?? []) as T, sent };
  } catch (error) {
    // No answer at all: the token may well be unspent. If it is not, the server will say so at its next use.
    if (elevated && error instanceof NetworkError && !isTooLate(core.record, sent)) {
      holdElevatedToken(core, elevated);
    }
    if (error instanceof StileError) afterRefusal(core, call, { error, headers, sent });
    throw error;
  }
}

function afterRefusal(
  core: Core,
  call: ApiRequest,
  { error, headers, sent }: { error: StileError; headers: Record<string, string>; sent: Sent },
): void {
  // Tokens that the server refused: used, expired, or dead with what they were proved with.
  const elevated = headers['x-dyn-elevated-access-token'];
  if (elevated) dropRefusedToken(core, elevated, error.code);
  const mfaToken = headers['x-mfa-auth-token'];
  if (mfaToken && error.code === 'mfa_token_invalid') commit(core, { type: 'mfa-token-gone', mfaToken });
  if (error.status !== 401 || call.session !== undefined) return;
  // A session that the server refuses to renew is over, but not one that only needs its own device for that.
  const isOver =
    error.code === 'session_ended' || (call.path === '/refresh' && error.code !== 'device_proof_required');
  if (!isOver) return;
  // The refusal of an expired token says nothing about a renewal that was sent before.
  if (error.code !== 'session_ended' && isTokenOver(core)) void endExpired(core, sent);
  else endRefused(core, 'session-refresh-unauthorized', sent);
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

/** Runs until it ends, takes too long, its caller gives up, or the client is destroyed. */
async function limited<T>(
  core: Core,
  url: string,
  { signal: callers, limit = REQUEST_LIMIT }: ApiRequest,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
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
  try {
    own.signal.throwIfAborted();
    return await until(own.signal, run(own.signal));
  } finally {
    clearTimeout(timer);
    for (const step of undo) step();
  }
}

function headersOf({ config, instanceId, record }: Core, call: ApiRequest): Record<string, string> {
  const { token, publicKey } = call.session || {
    token: call.session === false ? null : record.token,
    publicKey: record.sessionKey,
  };
  const origin = typeof window === 'undefined' ? config.metadata?.universalLink : undefined;
  return {
    'x-dyn-api-version': `API/${API_VERSION}`,
    'x-dyn-version': VERSION,
    'x-dyn-request-id': randomName(50),
    'x-dyn-session-id': instanceId,
    'x-dynamic-platform': 'web',
    ...(publicKey ? { 'x-dyn-session-public-key': publicKey } : undefined),
    ...(origin ? { origin } : undefined),
    ...(call.body === undefined ? undefined : { 'content-type': 'application/json' }),
    ...(token ? { authorization: `Bearer ${token}` } : undefined),
    ...(call.mfaToken && record.mfaToken ? { 'x-mfa-auth-token': record.mfaToken } : undefined),
    ...call.headers,
  };
}

function queryOf(query: ApiRequest['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : '';
}
