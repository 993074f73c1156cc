import {
  type UpdateSelfResponse,
  UpdateSelfResponseDates,
  type UserFields,
  updateUserOperation,
} from '@stile/api';
import { readyCore } from '../internal/core.js';
import { authenticate } from '../internal/session.js';
import { rememberVerification } from '../internal/verifications.js';
import type { OTPVerification, StileClient } from '../types.js';

/**
 * Changes fields of the user's profile. A held token for `user:update` is sent along (`credential:update` where
 * e-mail address or phone number change).
 *
 * @returns for a new e-mail address or phone number, the verification that {@link verifyOTP} completes
 */
export async function updateUser(
  { userFields }: { userFields: { [Field in keyof UserFields]: UserFields[Field] | undefined } },
  client?: StileClient,
): Promise<OTPVerification | undefined> {
  const core = await readyCore(client);
  // A field without a value is not sent.
  const fields = Object.entries(userFields).flatMap(([name, value]) => (value === undefined ? [] : name));
  // The acknowledgement of recovery codes is never gated, so it must not spend a token.
  const isFree = fields.every((field) => field === 'mfaBackupCodeAcknowledgement');
  const isContact = fields.some((field) => field === 'email' || field === 'phoneNumber');
  const scope: (typeof updateUserOperation.scopes)[number] = isContact ? 'credential:update' : 'user:update';
  const answer = await authenticate<UpdateSelfResponse>(core, {
    ...updateUserOperation,
    body: userFields,
    mfaToken: true,
    scopes: isFree ? [] : [scope],
    dates: UpdateSelfResponseDates,
  });
  const verification = answer.emailVerification ?? answer.smsVerification ?? undefined;
  if (verification) await rememberVerification(core, verification);
  return verification;
}
