import type { OTPVerification, StileClient } from '../types.js';
import { updateUser } from '../user/updateUser.js';

/** Tells the server that the user has kept the recovery codes. They cannot be read afterwards. */
export async function acknowledgeRecoveryCodes(client?: StileClient): Promise<OTPVerification | undefined> {
  return updateUser({ userFields: { mfaBackupCodeAcknowledgement: 'complete' } }, client);
}
