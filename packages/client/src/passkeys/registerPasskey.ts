import {
  type GetPasskeyRegistrationOptionsResponse,
  getPasskeyRegistrationOptionsOperation,
  registerPasskeyOperation,
  type VerifyResponse,
} from '@stile/api';
import { StileError } from '../errors/StileError.js';
import { type Core, readyCore } from '../internal/core.js';
import { type Sent, sentOf } from '../internal/record.js';
import { request } from '../internal/request.js';
import { authenticate } from '../internal/session.js';
import { rememberPasskeyUser, signalUnknown } from '../internal/signals.js';
import { type Ceremony, createCredential, requireWebAuthn } from '../internal/webauthn.js';
import type { CreateMfaToken, StileClient } from '../types.js';
import type { PasskeyResponse } from './types.js';

/**
 * Registers a new passkey for the signed-in user. That counts as authenticating with it. A held `credential:link`
 * token is sent along.
 *
 * @param params.createMfaToken asks for a legacy MFA token
 * @param params.extensions more WebAuthn extensions, e.g. `{ prf: {} }`, as the browser takes them
 * @throws NoWebAuthNSupportError without passkeys in the browser; errors of the browser pass through
 * @throws APIError 403 when a step-up is needed first
 */
export async function registerPasskey(
  {
    createMfaToken,
    extensions,
  }: {
    createMfaToken?: CreateMfaToken | undefined;
    extensions?: AuthenticationExtensionsClientInputs | undefined;
  } = {},
  client?: StileClient,
): Promise<PasskeyResponse> {
  const core = await readyCore(client);
  requireWebAuthn();
  const since = sentOf(core.record);
  const options = await request<GetPasskeyRegistrationOptionsResponse>(core, {
    ...getPasskeyRegistrationOptionsOperation,
    shape: { challenge: 'string', rp: 'object', user: 'object' },
    since,
  });
  const { body, clientExtensionResults } = await createCredential(core, options, extensions);
  const answer = await send(
    core,
    { ...body, ...(createMfaToken ? { createMfaToken } : undefined) },
    { rpId: options.rp.id, since },
  );
  await rememberPasskeyUser(core, { userHandle: options.user.id, rpId: options.rp.id });
  return { ...answer, clientExtensionResults };
}

async function send(
  core: Core,
  body: Ceremony['body'],
  { rpId, since }: { rpId: string; since: Sent },
): Promise<VerifyResponse> {
  try {
    return await authenticate<VerifyResponse>(core, {
      ...registerPasskeyOperation,
      body,
      since,
    });
  } catch (error) {
    // Refused for certain: the passkey exists in the authenticator and nowhere else. After a 5xx nobody knows.
    const status = error instanceof StileError ? (error.status ?? 0) : 0;
    if (status >= 400 && status < 500) await signalUnknown(core, body.id, rpId);
    throw error;
  }
}
