export {
  JwtScope,
  JwtVerifiedCredentialFormatEnum,
  MFAAction,
  type MFADevice,
  MFADeviceType,
  type MFAGetRecoveryCodesResponse,
  type MFAMethodsResponse,
  type MFARegisterTotpDeviceGetResponse,
  MfaBackupCodeAcknowledgement,
  MfaEnrollment,
  type ProjectSettings,
  ProviderEnum,
  type Scope,
  type SdkUser,
  type StepUpCheckResponse,
  type StepUpCredential,
  type StepUpTerms,
  TokenScope,
  type UserPasskey,
  type UserSession,
  type VerifyResponse,
} from '@stile/api';
export { createStileClient, createStileClient as createDynamicClient } from './client/createStileClient.js';
export { destroyClient } from './client/destroyClient.js';
export { fetchProjectSettings } from './client/fetchProjectSettings.js';
export { getDefaultClient } from './client/getDefaultClient.js';
export { initializeClient } from './client/initializeClient.js';
export { waitForClientInitialized } from './client/waitForClientInitialized.js';
export { APIError } from './errors/APIError.js';
export { ClientAlreadyInitializedError } from './errors/ClientAlreadyInitializedError.js';
export { ClientNotFoundError } from './errors/ClientNotFoundError.js';
export { InvalidParamError } from './errors/InvalidParamError.js';
export { MfaInvalidOtpError } from './errors/MfaInvalidOtpError.js';
export { MfaRateLimitedError } from './errors/MfaRateLimitedError.js';
export { MultipleClientsFoundError } from './errors/MultipleClientsFoundError.js';
export { NetworkError } from './errors/NetworkError.js';
export { NoPasskeyCredentialsFoundError } from './errors/NoPasskeyCredentialsFoundError.js';
export { NoWebAuthNSupportError } from './errors/NoWebAuthNSupportError.js';
export { StileError } from './errors/StileError.js';
export { UnauthorizedError } from './errors/UnauthorizedError.js';
export { UnavailableInServerSideError } from './errors/UnavailableInServerSideError.js';
export { UserNotAuthenticatedError } from './errors/UserNotAuthenticatedError.js';
export { ValueMustBeDefinedError } from './errors/ValueMustBeDefinedError.js';
export { offEvent } from './events/offEvent.js';
export { onceEvent } from './events/onceEvent.js';
export { onEvent } from './events/onEvent.js';
export { acknowledgeRecoveryCodes } from './mfa/acknowledgeRecoveryCodes.js';
export { authenticateMfaRecoveryCode } from './mfa/authenticateMfaRecoveryCode.js';
export { authenticateTotpMfaDevice } from './mfa/authenticateTotpMfaDevice.js';
export { consumeMfaToken } from './mfa/consumeMfaToken.js';
export { createNewMfaRecoveryCodes } from './mfa/createNewMfaRecoveryCodes.js';
export { deleteMfaDevice } from './mfa/deleteMfaDevice.js';
export { getMfaDevices } from './mfa/getMfaDevices.js';
export { getMfaMethods } from './mfa/getMfaMethods.js';
export { getMfaRecoveryCodes } from './mfa/getMfaRecoveryCodes.js';
export { isMfaRequiredForAction } from './mfa/isMfaRequiredForAction.js';
export { isPendingRecoveryCodesAcknowledgment } from './mfa/isPendingRecoveryCodesAcknowledgment.js';
export { isUserMissingMfaAuth } from './mfa/isUserMissingMfaAuth.js';
export { registerTotpMfaDevice } from './mfa/registerTotpMfaDevice.js';
export { renameMfaDevice } from './mfa/renameMfaDevice.js';
export { setDefaultMfaDevice } from './mfa/setDefaultMfaDevice.js';
export { sendEmailOTP } from './otp/sendEmailOTP.js';
export { type VerifyOTPParams, verifyOTP } from './otp/verifyOTP.js';
export { authenticatePasskeyMFA } from './passkeys/authenticatePasskeyMFA.js';
export { deletePasskey } from './passkeys/deletePasskey.js';
export { getPasskeys } from './passkeys/getPasskeys.js';
export { registerPasskey } from './passkeys/registerPasskey.js';
export { renamePasskey } from './passkeys/renamePasskey.js';
export { signInWithPasskey } from './passkeys/signInWithPasskey.js';
export type { PasskeyResponse } from './passkeys/types.js';
export { checkUserScopes } from './session/checkUserScopes.js';
export { getRemovalEffect, type RemovalEffect } from './session/getRemovalEffect.js';
export { isSignedIn } from './session/isSignedIn.js';
export { logout } from './session/logout.js';
export { refreshAuth } from './session/refreshAuth.js';
export { getSessions } from './sessions/getSessions.js';
export { revokeOtherSessions } from './sessions/revokeOtherSessions.js';
export { revokeSession } from './sessions/revokeSession.js';
export { checkStepUpAuth } from './stepUp/checkStepUpAuth.js';
export { getElevatedAccessToken } from './stepUp/getElevatedAccessToken.js';
export { hasElevatedAccessToken } from './stepUp/hasElevatedAccessToken.js';
export type {
  CoreConfig,
  CreateMfaToken,
  EmailOTPVerification,
  InitStatus,
  Keychain,
  KeyName,
  Logger,
  LogoutReason,
  MaybePromise,
  OTPVerification,
  SmsOTPVerification,
  StileClient,
  StileClient as DynamicClient,
  StileClientConfig,
  StileClientConfig as DynamicClientConfig,
  StileEventListener,
  StileEventName,
  StileEvents,
  StorageAdapter,
} from './types.js';
export { deleteUser } from './user/deleteUser.js';
export { refreshUser } from './user/refreshUser.js';
export { unlinkEmail } from './user/unlinkEmail.js';
export { updateUser } from './user/updateUser.js';
