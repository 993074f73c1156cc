import type { SdkUser } from '@stile/api';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import { type Core, coreOf } from '../internal/core.js';
import { findElevatedToken } from '../internal/elevatedTokens.js';
import { claimsOf } from '../internal/jwt.js';
import type { StileClient } from '../types.js';

const SCOPE = 'credential:unlink';
/** What an elevated token's `acr` says when its proof is a second factor, too. */
const SECOND_FACTOR: readonly unknown[] = ['mfa', 'phishing_resistant_verified'];

/**
 * What removing a credential does to the session that removes it: nothing; it may owe a second factor again; or it may
 * end, so that the user is signed out here.
 */
export type RemovalEffect = 'stays' | 'may-lower' | 'may-end';

/**
 * What it means for this session to remove a passkey, an authenticator app or an address here, so that the page can warn
 * before it does. An id that names no credential of the user `may-end` it. Sessions elsewhere that the credential opened or raised always end or are lowered.
 *
 * The server keeps this session while something else that signs in was proved in it, and its level while another second
 * factor was. The client knows which credential opened the session, and which one the held `credential:unlink` token was
 * proved with. So ask (again) after the step-up for the removal. `stays` is
 * certain then, as long as the settings of the environment are those that the client loaded. The other two are possible: what
 * else was proved in the session, no token says.
 *
 * @param params.credentialId `id` in `user.verifiedCredentials`, which is also that of a passkey or an authenticator app
 * @throws UserNotAuthenticatedError when nobody is signed in
 */
export function getRemovalEffect(
  { credentialId }: { credentialId: string },
  client?: StileClient,
): RemovalEffect {
  const core = coreOf(client);
  const { user } = core.state;
  if (!user) throw new UserNotAuthenticatedError();
  const removed = user.verifiedCredentials.find(({ id }) => id === credentialId);
  if (!removed) return 'may-end';
  const left = user.verifiedCredentials.filter(({ id }) => id !== credentialId);
  const session = claimsOf(core.record.token ?? core.record.legacyToken ?? '');
  // Beside a legacy token the server may not take the elevated one: then that one's proof says nothing.
  const held = core.record.mfaToken ? undefined : findElevatedToken(core, SCOPE);
  const proof = held && claimsOf(held.token);
  const proved = left.find(({ id }) => id === proof?.credential_id);

  const isOpenerLeft = left.some(({ id }) => id === session?.signin_credential_id);
  if (!isOpenerLeft && !proved?.signInEnabled) return 'may-end';

  const hasSecondFactor =
    (proved && SECOND_FACTOR.includes(proof?.acr)) ||
    // No address is a second factor, so one that was proved is there without it.
    (removed.format === 'email' && Array.isArray(session?.amr) && session.amr.includes('mfa'));
  return hasSecondFactor || !mayOweFactor(core, left) ? 'stays' : 'may-lower';
}

/** Whether the environment can ask a user with these credentials for a second factor. Some passkeys are none. */
function mayOweFactor({ state }: Core, left: SdkUser['verifiedCredentials']): boolean {
  const { projectSettings } = state;
  if (!projectSettings) return true;
  const { enabled, required, enrollment } = projectSettings.security.mfa ?? {};
  // With the enrolment `action`, a factor is required for some actions, and not for the session.
  if (enrollment ? enrollment === 'signup' : required) return true;
  return enabled === true && left.some(({ format }) => format !== 'email');
}
