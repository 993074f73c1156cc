import {
  type GetPasskeyAuthenticationOptionsResponse,
  getPasskeySignInOptionsOperation,
  signInWithPasskeyOperation,
  type VerifyResponse,
} from '@stile/api';
import { NoWebAuthNSupportError } from '../errors/NoWebAuthNSupportError.js';
import { StileError } from '../errors/StileError.js';
import { type Core, readyCore } from '../internal/core.js';
import { until } from '../internal/limits.js';
import { authenticate } from '../internal/session.js';
import { ensureSessionKey } from '../internal/sessionKey.js';
import { ask } from '../internal/sessionless.js';
import { rememberPasskeyUser, signalUnknown } from '../internal/signals.js';
import { type Ceremony, getCredential, requireWebAuthn } from '../internal/webauthn.js';
import type { StileClient } from '../types.js';
import type { PasskeyResponse } from './types.js';

/** How long the server takes an answer to its options, where these do not say. Milliseconds. */
const TIMEOUT = 5 * 60 * 1000;
/** When a failed try to renew an offer is repeated. Milliseconds. */
const PAUSE = 10_000;

type Params = {
  relatedOriginRpId?: string | undefined;
  mediation?: 'conditional' | undefined;
  signal?: AbortSignal | undefined;
  extensions?: AuthenticationExtensionsClientInputs | undefined;
};

type Options = GetPasskeyAuthenticationOptionsResponse;

/**
 * Signs in with a passkey.
 *
 * With `mediation: 'conditional'` the browser offers the passkeys in the autofill of an
 * `<input autocomplete="username webauthn">`, and the promise waits until the user picks one, however long that takes:
 * the offer is renewed before the server forgets it. Another ceremony, or `signal`, ends the waiting with an
 * `AbortError`; while a ceremony that the user began is under way, the offer waits for its end.
 *
 * @param params.relatedOriginRpId relying party id, for a page on a related origin
 * @param params.extensions more WebAuthn extensions, e.g. PRF inputs, as the browser takes them
 * @throws NoWebAuthNSupportError without passkeys (or without autofill of them); errors of the browser pass through
 */
export async function signInWithPasskey(params: Params = {}, client?: StileClient): Promise<PasskeyResponse> {
  const core = await readyCore(client);
  requireWebAuthn();
  const isConditional = params.mediation === 'conditional';
  if (isConditional && !(await PublicKeyCredential.isConditionalMediationAvailable?.())) {
    throw new NoWebAuthNSupportError('This browser does not offer passkeys in the autofill');
  }
  await ensureSessionKey(core);
  const options = await fetchOptions(core, params);
  if (isConditional) return waitInAutofill(core, params, options);
  return send(core, await getCredential(core, options, params), options);
}

function fetchOptions(core: Core, { relatedOriginRpId, signal }: Params): Promise<Options> {
  return ask<Options>(core, {
    ...getPasskeySignInOptionsOperation,
    query: { relatedOriginRpId },
    shape: { challenge: 'string' },
    ...(signal ? { signal } : undefined),
  });
}

/** Offers passkeys until one is picked. Browsers ignore the timeout of an offer, the server does not. */
async function waitInAutofill(core: Core, params: Params, first: Options): Promise<PasskeyResponse> {
  for (let options = first; ; options = await fetchUntilThere(core, params)) {
    const ceremony = await pick(core, params, options);
    try {
      if (ceremony) return await send(core, ceremony, options);
    } catch (error) {
      // The machine slept, and the offer with it.
      if (!(error instanceof StileError && error.code === 'invalid_challenge')) throw error;
    }
  }
}

/** What the user picks; `undefined` when it is time for a new offer. */
async function pick(core: Core, params: Params, options: Options): Promise<Ceremony | undefined> {
  const { signal } = params;
  const own = new AbortController();
  const forward = () => own.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward);
  let isOld = false;
  const renew = () => {
    isOld = true;
    own.abort();
  };
  // A fifth is left for whoever is picking just then.
  const timer = setTimeout(renew, (options.timeout ?? TIMEOUT) * 0.8);
  try {
    return await getCredential(core, options, { ...params, signal: own.signal });
  } catch (error) {
    if (isOld && !signal?.aborted && !core.life.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forward);
  }
}

async function fetchUntilThere(core: Core, params: Params): Promise<Options> {
  for (;;) {
    try {
      return await fetchOptions(core, params);
    } catch (error) {
      if (params.signal?.aborted || core.life.signal.aborted) throw error;
    }
    const pause = new Promise((resolve) => setTimeout(resolve, PAUSE));
    await until(core.life.signal, params.signal ? until(params.signal, pause) : pause);
  }
}

async function send(
  core: Core,
  { body, clientExtensionResults }: Ceremony,
  { rpId }: Options,
): Promise<PasskeyResponse> {
  let answer: VerifyResponse;
  try {
    answer = await authenticate<VerifyResponse>(core, {
      kind: 'sign-in',
      ...signInWithPasskeyOperation,
      body,
    });
  } catch (error) {
    // Deleted on the server, still in the authenticator.
    if (error instanceof StileError && error.code === 'passkey_not_found')
      await signalUnknown(core, body.id, rpId);
    throw error;
  }
  await rememberPasskeyUser(core, {
    ...(typeof body.response.userHandle === 'string' ? { userHandle: body.response.userHandle } : undefined),
    ...(rpId ? { rpId } : undefined),
  });
  return { ...answer, clientExtensionResults };
}
