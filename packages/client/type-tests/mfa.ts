// Call shapes of apps that were written for the public SDK: authenticator apps, recovery codes, protected actions.

import {
  acknowledgeRecoveryCodes,
  authenticateMfaRecoveryCode,
  authenticatePasskeyMFA,
  authenticateTotpMfaDevice,
  consumeMfaToken,
  createDynamicClient,
  createNewMfaRecoveryCodes,
  deleteMfaDevice,
  getMfaDevices,
  getMfaMethods,
  getMfaRecoveryCodes,
  isMfaRequiredForAction,
  isPendingRecoveryCodesAcknowledgment,
  isUserMissingMfaAuth,
  MFAAction,
  onEvent,
  registerTotpMfaDevice,
  setDefaultMfaDevice,
} from '@dynamic-labs-sdk/client';

const dynamicClient = createDynamicClient({ environmentId: '5711e000-0000-4000-8000-000000000001' });

declare function exportWaasPrivateKey(params: object): Promise<void>;
declare const params: object;

export const register = async (): Promise<void> => {
  const { uri, secret } = await registerTotpMfaDevice();
  [uri, secret] satisfies string[];
};

export const onLogin = async (): Promise<void> => {
  await authenticateTotpMfaDevice({ code: '123456' });
};

export const onExportWithScope = async (): Promise<void> => {
  await authenticateTotpMfaDevice({
    code: '123456',
    requestedScopes: ['wallet:export'],
  });
  await exportWaasPrivateKey(params);
};

export const onExportWithToken = async (): Promise<void> => {
  const required = await isMfaRequiredForAction({ mfaAction: MFAAction.WalletWaasExport });
  if (required) {
    await authenticateTotpMfaDevice({ code: '123456', createMfaTokenOptions: { singleUse: true } });
  }
  await exportWaasPrivateKey(params);
};

export const onExportWithPasskey = async (): Promise<void> => {
  const required = await isMfaRequiredForAction({ mfaAction: MFAAction.WalletWaasExport });
  if (required) {
    await authenticatePasskeyMFA({ createMfaToken: { singleUse: true } });
  }
  await exportWaasPrivateKey(params);
};

export const remove = async (): Promise<void> => {
  await authenticateTotpMfaDevice({ code: '123456', createMfaTokenOptions: { singleUse: true } });
  const mfaToken = dynamicClient.mfaToken;
  await deleteMfaDevice({ deviceId: 'device-id', mfaAuthToken: mfaToken });
  await deleteMfaDevice({ deviceId: 'device-id', mfaAuthToken: consumeMfaToken() });
  await deleteMfaDevice({ deviceId: 'device-id' });
};

export const list = async (): Promise<void> => {
  const mfaDevices = await getMfaDevices();
  const [first] = mfaDevices;
  first?.createdAt satisfies Date | undefined;
  if (first?.id && !first.default) await setDefaultMfaDevice({ deviceId: first.id }, dynamicClient);
};

export const completeSignIn = async (code: string): Promise<readonly string[]> => {
  if (isUserMissingMfaAuth(dynamicClient)) {
    const { devices, passkeys, userHasVerifiedMfaMethods } = await getMfaMethods();
    if (!userHasVerifiedMfaMethods) await registerTotpMfaDevice();
    else if (passkeys.length > devices.length) await authenticatePasskeyMFA();
    else await authenticateMfaRecoveryCode({ code });
  }
  if (!isPendingRecoveryCodesAcknowledgment()) return (await createNewMfaRecoveryCodes()).recoveryCodes;
  const { recoveryCodes } = await getMfaRecoveryCodes();
  await acknowledgeRecoveryCodes();
  return recoveryCodes;
};

export const follow = (show: (token: string | null) => void): (() => void) =>
  onEvent({ event: 'mfaTokenChanged', listener: ({ mfaToken }) => show(mfaToken) });

export const wrong = async (): Promise<void> => {
  // @ts-expect-error a code is text: leading zeros count
  await authenticateTotpMfaDevice({ code: 123456 });
  // @ts-expect-error an action is one of the enum's values
  await isMfaRequiredForAction({ mfaAction: 'wallet:export' });
};
