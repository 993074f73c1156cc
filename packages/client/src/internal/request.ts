import { refreshAuthOperation } from '@stile/api';
import { NetworkError } from '../errors/NetworkError.js';
import { StileError } from '../errors/StileError.js';
import { type Core, checkSince, usesCookie } from './core.js';
import { proofFor } from './deviceProof.js';
import type { ElevatedToken } from './elevatedToken.js';
import { dropRefusedToken, holdElevatedToken, takeElevatedToken } from './elevatedTokens.js';
import { dropNonces } from './nonces.js';
import { isGone, type Sent, type Since, sentOf } from './record.js';
import { commit, readStored } from './recordStore.js';
import { endExpired, endRefused } from './signOut.js';
import { type Attempt, type Call, headersOf, limited, send } from './transport.js';

/** A call in the name of the present session. */
export type ApiRequest = Call & {
  /** Attach the first held elevated token for one of these scopes, if any. A single-use one is then spent. */
  scopes?: readonly string[];
  /** Show that this browser holds the device key. */
  deviceProof?: boolean;
  /** The session that the call is about, where it began earlier than with this request. */
  since?: Since;
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
  return limited(core, call, async (attempt) => {
    const proves = call.deviceProof && !usesCookie(core);
    const proof = proves ? await proofFor(core, call.path) : {};
    const own: Own = { ...attempt, since, proof };
    try {
      return await sendOwn<T>(core, call, own);
    } catch (error) {
      // Nonces wait in the storage for a day, and the server may have forgotten them (a new database, a new key).
      if (!proves || !(error instanceof StileError && error.code === 'invalid_nonce')) throw error;
      await dropNonces(core);
      return await sendOwn<T>(core, call, { ...own, proof: await proofFor(core, call.path) });
    }
  });
}

/** An attempt in the name of the present session. */
type Own = Attempt & {
  since: Since;
  proof: Record<string, string>;
  /** The token of a first attempt, which the second one takes along. */
  elevated?: ElevatedToken | undefined;
};

/** Everything that depends on the session is read here, after all that takes time. */
async function sendOwn<T>(core: Core, call: ApiRequest, own: Own): Promise<{ answer: T; sent: Sent }> {
  await readStored(core);
  own.signal.throwIfAborted();
  checkSince(core, own.since);
  const { record } = core;
  const sent = sentOf(record);
  own.elevated ??= takeElevatedToken(core, call.scopes ?? []);
  const { elevated } = own;
  const headers = {
    ...headersOf(core, call, own, record),
    ...(elevated ? { 'x-dyn-elevated-access-token': elevated.token } : undefined),
    ...own.proof,
  };
  try {
    return { answer: await send<T>(core, call, own, headers), sent };
  } catch (error) {
    // No answer at all: the token may well be unspent. If it is not, the server will say so at its next use.
    if (elevated && error instanceof NetworkError && !isGone(core.record, sent)) {
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
  if (error.status !== 401) return;
  if (error.code === 'session_ended') endRefused(core, 'session-refresh-unauthorized', sent);
  // The refusal of a token says nothing about a renewal that was sent before; that of a device nothing about the session.
  else if (call.path === refreshAuthOperation.path && error.code !== 'device_proof_required') {
    core.ending = endExpired(core, sent);
  }
}
