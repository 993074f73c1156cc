// Call shapes of apps that were written for the public SDK: they compile against this package under an alias.

import { JwtVerifiedCredentialFormatEnum, TokenScope } from '@dynamic-labs/sdk-api-core';
import {
  authenticatePasskeyMFA,
  checkStepUpAuth,
  getElevatedAccessToken,
  hasElevatedAccessToken,
  sendEmailOTP,
  verifyOTP,
} from '@dynamic-labs-sdk/client';

declare const otpCode: string;

export async function exportKey(perform: () => Promise<void>): Promise<void> {
  const { isRequired, credentials, defaultCredentialId } = await checkStepUpAuth({
    scope: TokenScope.Walletexport,
  });
  if (isRequired) {
    const preferred = credentials.find(({ id }) => id === defaultCredentialId);
    preferred?.alias satisfies string | undefined;
    await authenticatePasskeyMFA({ requestedScopes: [TokenScope.Walletexport] });
  }
  await perform();
}

export const isReady = (): boolean => hasElevatedAccessToken(TokenScope.Walletexport);

export async function proveAddress(): Promise<void> {
  await sendEmailOTP();
  await verifyOTP({ type: 'email', token: otpCode, requestedScopes: [TokenScope.Credentiallink] });
}

export async function signInWithCode(email: string): Promise<string | undefined> {
  const otpVerification = await sendEmailOTP({ email });
  const { user } = await verifyOTP({ otpVerification, verificationToken: otpCode, allowNewMFALinking: true });
  return user.id;
}

export async function chooseMethod(): Promise<string | null | undefined> {
  const { isRequired, credentials, defaultCredentialId } = await checkStepUpAuth({
    scope: TokenScope.Walletexport,
  });
  if (!isRequired) return null;
  const credential = credentials.find(({ id }) => id === defaultCredentialId) ?? credentials[0];
  switch (credential?.format) {
    case JwtVerifiedCredentialFormatEnum.Passkey:
      return 'passkey';
    case JwtVerifiedCredentialFormatEnum.Totp:
      return 'totp';
    case JwtVerifiedCredentialFormatEnum.Email:
      return 'email';
    case JwtVerifiedCredentialFormatEnum.PhoneNumber:
      return 'phone';
    case JwtVerifiedCredentialFormatEnum.Oauth:
      return 'oauth';
    case JwtVerifiedCredentialFormatEnum.Blockchain:
      return 'wallet';
    default:
      return credential?.format;
  }
}

const SCOPE = TokenScope.Walletexport;

export async function stepUp(): Promise<{ done: boolean; needs?: string; deviceId?: string }> {
  const { isRequired, credentials } = await checkStepUpAuth({ scope: SCOPE });
  if (!isRequired) return { done: true };
  const [credential] = credentials;
  if (!credential) return { done: false, needs: 'unknown' };
  if (credential.format === JwtVerifiedCredentialFormatEnum.Totp) {
    return { done: false, needs: 'totp', deviceId: credential.id };
  }
  if (credential.format === JwtVerifiedCredentialFormatEnum.Passkey) {
    await authenticatePasskeyMFA({ requestedScopes: [SCOPE] });
    return { done: true };
  }
  return { done: false, needs: credential.format };
}

// A scope is a member, its wire value, or one of the environment's own; nothing else.
export async function scopes(named: 'payments:transfer'): Promise<void> {
  await checkStepUpAuth({ scope: 'wallet:export' });
  await checkStepUpAuth({ scope: 'payments:transfer' });
  await authenticatePasskeyMFA({ requestedScopes: ['wallet:export', named, TokenScope.Userdelete] });
  getElevatedAccessToken({ scope: 'payments:transfer', consume: false }) satisfies string | undefined;
  // @ts-expect-error a scope has a colon
  await checkStepUpAuth({ scope: 'export' });
}
