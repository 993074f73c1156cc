import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { coreOf } from '../internal/core.js';
import { commit } from '../internal/recordStore.js';
import type { StileClient } from '../types.js';

/**
 * Takes the legacy MFA token out of the client, for the call that it is meant for. Event: `mfaTokenChanged`.
 *
 * @throws ValueMustBeDefinedError when the client has none
 */
export function consumeMfaToken(client?: StileClient): string {
  const core = coreOf(client);
  const { mfaToken } = core.state;
  if (!mfaToken)
    throw new ValueMustBeDefinedError('No MFA token found: authenticate with createMfaTokenOptions first');
  commit(core, { type: 'mfa-token-gone', mfaToken });
  return mfaToken;
}
