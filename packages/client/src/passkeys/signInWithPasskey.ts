import type { GetPasskeyAuthenticationOptionsResponse, VerifyResponse } from '@stile/api';
import { NoWebAuthNSupportError } from '../errors/NoWebAuthNSupportError.js';
import { StileError } from '../errors/StileError.js';
import { type Core, readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import { authenticate, ensureSessionKey } from '../internal/session.js';
import { rememberPasskeyUser, signalUnknown } from '../internal/signals.js';
import { type Ceremony, getCredential, requireWebAuthn } from '../internal/webauthn.js';
import type { StileClient } from '../types.js';
import type { PasskeyResponse } from './types.js';

/**
 * Signs in with a passkey.
 *
 * With `mediation: 'conditional'` the browser offers the passkeys in the autofill of an
 * `<input autocomplete="username webauthn">`, and the promise waits until the user picks one. Another ceremony, or
 * `signal`, ends the waiting with an `AbortError`.
 *
 * @param params.relatedOriginRpId relying party id, for a page on a related origin
 * @param params.extensions more WebAuthn extensions, e.g. PRF inputs, as the browser takes them
 * @throws NoWebAuthNSupportError without passkeys (or without autofill of them); errors of the browser pass through
 */
export async function signInWithPasskey(
  params: {
    relatedOriginRpId?: string | undefined;
    mediation?: 'conditional' | undefined;
    signal?: AbortSignal | undefined;
    extensions?: AuthenticationExtensionsClientInputs | undefined;
  } = {},
  client?: StileClient,
): Promise<PasskeyResponse> {
  const { relatedOriginRpId, mediation, signal, extensions } = params;
  const core = await readyCore(client);
  requireWebAuthn();
  if (mediation === 'conditional' && !(await PublicKeyCredential.isConditionalMediationAvailable?.())) {
    throw new NoWebAuthNSupportError('This browser does not offer passkeys in the autofill');
  }
  await ensureSessionKey(core);
  const options = await request<GetPasskeyAuthenticationOptionsResponse>(core, {
    path: '/users/passkeys/signin',
    query: { relatedOriginRpId },
    ...(signal ? { signal } : undefined),
  });
  const { body, clientExtensionResults } = await getCredential(core, options, {
    extensions,
    mediation,
    signal,
  });
  const answer = await send(core, body, options.rpId);
  await rememberPasskeyUser(core, {
    ...(typeof body.response.userHandle === 'string' ? { userHandle: body.response.userHandle } : undefined),
    ...(options.rpId ? { rpId: options.rpId } : undefined),
  });
  return { ...answer, clientExtensionResults };
}

async function send(core: Core, body: Ceremony['body'], rpId: string | undefined): Promise<VerifyResponse> {
  try {
    return await authenticate<VerifyResponse>(core, { method: 'POST', path: '/users/passkeys/signin', body });
  } catch (error) {
    // Deleted on the server, still in the authenticator.
    if (error instanceof StileError && error.code === 'passkey_not_found')
      await signalUnknown(core, body.id, rpId);
    throw error;
  }
}
