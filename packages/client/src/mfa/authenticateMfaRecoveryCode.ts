import { authenticateRecoveryCodeOperation, type Scope, type VerifyResponse } from '@stile/api';
import { proveFactor } from '../internal/mfa.js';
import type { CreateMfaToken, StileClient } from '../types.js';

/**
 * Uses up one of the user's recovery codes, in place of a second factor that is not at hand. Upper or lower case,
 * blanks and hyphens do not matter.
 *
 * Events: `mfaCompletionSuccess`, `mfaCompletionFailure`.
 *
 * @param params.createMfaTokenOptions asks for a legacy MFA token; use `requestedScopes` in new code
 * @throws MfaInvalidOtpError for a code that is wrong or used up
 * @throws MfaRateLimitedError after too many wrong ones
 */
export async function authenticateMfaRecoveryCode(
  {
    code,
    createMfaTokenOptions,
    requestedScopes,
  }: {
    code: string;
    createMfaTokenOptions?: CreateMfaToken | undefined;
    requestedScopes?: readonly Scope[] | undefined;
  },
  client?: StileClient,
): Promise<VerifyResponse> {
  return proveFactor(client, {
    operation: authenticateRecoveryCodeOperation,
    code,
    createMfaToken: createMfaTokenOptions,
    requestedScopes,
  });
}
