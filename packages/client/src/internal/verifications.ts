import type { OTPVerification } from '../types.js';
import type { Core } from './core.js';

export type OtpType = 'email' | 'sms';

const NAME = 'verifications';

type Verifications = { email?: OTPVerification; sms?: OTPVerification };

export function typeOf(verification: OTPVerification): OtpType {
  return 'phoneNumber' in verification ? 'sms' : 'email';
}

/** Remembers the latest code sent, over a reload too: people look for the mail and come back to a new page. */
export async function rememberVerification(core: Core, verification: OTPVerification): Promise<void> {
  const patch = { [typeOf(verification)]: verification };
  core.verifications = { ...core.verifications, ...patch };
  await core.store?.patch(NAME, patch);
}

export async function recallVerification(core: Core, type: OtpType): Promise<OTPVerification | undefined> {
  return core.verifications[type] ?? ((await core.store?.read(NAME)) as Verifications | undefined)?.[type];
}

export async function forgetVerification(core: Core, type: OtpType): Promise<void> {
  delete core.verifications[type];
  await core.store?.patch(NAME, { [type]: undefined });
}

/** Codes that were sent to one user are nothing to the next one. */
export function forgetVerifications(core: Core): void {
  core.verifications = {};
  void core.store?.remove(NAME);
}
