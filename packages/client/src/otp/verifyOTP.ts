import {
  type Scope,
  type SdkUser,
  signInWithEmailOperation,
  type UpdateSelfResponse,
  UpdateSelfResponseDates,
  type VerifyResponse,
  verifyEmailOperation,
} from '@stile/api';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { readyCore } from '../internal/core.js';
import { sentOf } from '../internal/record.js';
import { authenticate } from '../internal/session.js';
import { forgetVerification, type OtpType, recallVerification, typeOf } from '../internal/verifications.js';
import type { OTPVerification, StileClient } from '../types.js';

type Options = {
  /** Scopes that the proof is to grant. Only for a signed-in user; a sign-in drops them. */
  requestedScopes?: readonly Scope[] | undefined;
  /** Asks, at sign-in, for the right to enrol a first MFA method (`credential:link`). */
  allowNewMFALinking?: boolean | undefined;
};

/** A code with what {@link sendEmailOTP} answered, or with the way it was sent (then the latest code sent counts). */
export type VerifyOTPParams = Options &
  ({ otpVerification: OTPVerification; verificationToken: string } | { type: OtpType; token: string });

/**
 * Takes the code that the user typed. It signs in when nobody is signed in; else it links the address or number, or,
 * with `requestedScopes`, proves it again for an elevated access token, which the client then holds.
 *
 * @throws ValueMustBeDefinedError when no code was sent that way
 * @throws APIError `wrong_email_verification_token`, `invalid_email_verification` and the like
 */
export async function verifyOTP(params: VerifyOTPParams, client?: StileClient): Promise<VerifyResponse> {
  const core = await readyCore(client);
  const [verification, verificationToken] =
    'otpVerification' in params
      ? [params.otpVerification, params.verificationToken]
      : [await recallVerification(core, params.type), params.token];
  if (!verification) {
    throw new ValueMustBeDefinedError('No code was sent: call sendEmailOTP first, or pass otpVerification');
  }
  const type = typeOf(verification);
  const { requestedScopes, allowNewMFALinking } = params;
  const route = type === 'email' ? '/emailVerifications' : '/smsVerifications';
  const code = { verificationUUID: verification.verificationUUID, verificationToken };
  const { user } = core.state;
  const since = sentOf(core.record);
  const answer = user
    ? await authenticate<UpdateSelfResponse>(core, {
        ...verifyEmailOperation,
        path: `${route}/verify`,
        since,
        body: { ...code, ...(requestedScopes ? { requestedScopes } : undefined) },
        // Only a new address or number is a link; proving one again must not spend a token.
        ...(isKnown(user, verification) ? { scopes: [] } : undefined),
        dates: UpdateSelfResponseDates,
      })
    : await authenticate<VerifyResponse>(core, {
        kind: 'sign-in',
        ...signInWithEmailOperation,
        path: `${route}/signin`,
        since,
        body: { ...code, ...(allowNewMFALinking === undefined ? undefined : { allowNewMFALinking }) },
      });
  await forgetVerification(core, type);
  return answer;
}

function isKnown({ verifiedCredentials }: SdkUser, verification: OTPVerification): boolean {
  return verifiedCredentials.some((credential) =>
    'phoneNumber' in verification
      ? credential.phoneNumber === verification.phoneNumber &&
        credential.phoneCountryCode === verification.phoneCountryCode
      : credential.format === 'email' && credential.email?.toLowerCase() === verification.email.toLowerCase(),
  );
}
