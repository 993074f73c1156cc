import { createEmailVerificationOperation, type SdkUser } from '@stile/api';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import { ensureSessionKey } from '../internal/sessionKey.js';
import { rememberVerification } from '../internal/verifications.js';
import type { EmailOTPVerification, StileClient } from '../types.js';

/**
 * Sends a code by e-mail: to sign in, to link the address, or to prove it again. Without an address it goes to that
 * of the signed-in user. {@link verifyOTP} takes the code. `codeLength` of the answer says how many digits to expect; a
 * field should take 6 to 12 whatever it says.
 *
 * @throws UserNotAuthenticatedError without an address when nobody is signed in
 * @throws ValueMustBeDefinedError without an address when the user has none
 */
export async function sendEmailOTP(
  { email }: { email?: string | undefined } = {},
  client?: StileClient,
): Promise<EmailOTPVerification> {
  const core = await readyCore(client);
  const address = email ?? addressOf(core.state.user);
  await ensureSessionKey(core);
  const verification = await request<EmailOTPVerification>(core, {
    ...createEmailVerificationOperation,
    shape: { verificationUUID: 'string', email: 'string' },
    body: {
      email: address,
      ...(core.state.captchaToken ? { captchaToken: core.state.captchaToken } : undefined),
    },
  });
  await rememberVerification(core, verification);
  return verification;
}

function addressOf(user: SdkUser | null): string {
  if (!user)
    throw new UserNotAuthenticatedError('sendEmailOTP needs an e-mail address when nobody is signed in');
  // The profile's address may be unproven; one that signs in is not.
  const proven = user.verifiedCredentials.filter(({ format, email }) => format === 'email' && email);
  const address = (proven.find(({ signInEnabled }) => signInEnabled) ?? proven[0])?.email ?? user.email;
  if (!address) throw new ValueMustBeDefinedError('The user has no e-mail address');
  return address;
}
