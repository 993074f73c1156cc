/**
 * The enums whose members the public contract fixes while the server's OpenAPI document lists none or some of them
 * (`ProviderEnum` has providers that Stile does not speak; a scope of the environment's own is a plain string).
 * `codegen.mjs` leaves these names out of `generated.ts` and fails when the document has a value that is missing here.
 * Member names follow its rule (`memberName`); a test checks that.
 */

/** What an elevated access token allows. Environments may define more, in the form `name:verb` (see `Scope`). */
export const TokenScope = {
  BusinessAccountlinkWallet: 'business_account:link_wallet',
  BusinessAccountmemberadd: 'business_account:member:add',
  BusinessAccountmemberremove: 'business_account:member:remove',
  BusinessAccountmemberroleupdate: 'business_account:member:role:update',
  BusinessAccountsigneradd: 'business_account:signer:add',
  BusinessAccountsignerremove: 'business_account:signer:remove',
  BusinessAccounttransferOwnership: 'business_account:transfer_ownership',
  BusinessAccountwalletremove: 'business_account:wallet:remove',
  ConsoleadminActionreview: 'console:admin_action:review',
  ConsoleapprovalWorkflowupdate: 'console:approval_workflow:update',
  Consolememberinvite: 'console:member:invite',
  Consolemfareset: 'console:mfa:reset',
  Consoleprojectdelete: 'console:project:delete',
  Consolesettingsupdate: 'console:settings:update',
  Consolessoupdate: 'console:sso:update',
  Consoleuserdelete: 'console:user:delete',
  Credentiallink: 'credential:link',
  Credentialunlink: 'credential:unlink',
  Credentialupdate: 'credential:update',
  Userupdate: 'user:update',
  Userdelete: 'user:delete',
  Walletdelegate: 'wallet:delegate',
  Walletdelete: 'wallet:delete',
  Walletexport: 'wallet:export',
  Walletrestore: 'wallet:restore',
  Walletsign: 'wallet:sign',
} as const;
/** Wire value of {@link TokenScope}. */
export type TokenScope = (typeof TokenScope)[keyof typeof TokenScope];

/** What a session allows; several are separated by spaces in `user.scope`. */
export const JwtScope = {
  Userbasic: 'user:basic',
  RequiresAdditionalAuth: 'requiresAdditionalAuth',
  UserDataForm: 'userDataForm',
  WaasBackupToken: 'waasBackupToken',
  Deviceregister: 'device:register',
} as const;
/** Wire value of {@link JwtScope}. */
export type JwtScope = (typeof JwtScope)[keyof typeof JwtScope];

/** An action that an environment can protect with MFA. */
export const MFAAction = {
  WalletWaasSign: 'wallet.waas.sign',
  WalletWaasExport: 'wallet.waas.export',
  WalletWaasReshare: 'wallet.waas.reshare',
  WalletWaasRefresh: 'wallet.waas.refresh',
  UserUpdate: 'user.update',
} as const;
/** Wire value of {@link MFAAction}. */
export type MFAAction = (typeof MFAAction)[keyof typeof MFAAction];

/** Whether the user has confirmed that the recovery codes are kept. */
export const MfaBackupCodeAcknowledgement = {
  Pending: 'pending',
  Complete: 'complete',
} as const;
/** Wire value of {@link MfaBackupCodeAcknowledgement}. */
export type MfaBackupCodeAcknowledgement =
  (typeof MfaBackupCodeAcknowledgement)[keyof typeof MfaBackupCodeAcknowledgement];

/** When an environment asks its users to enrol an MFA method. */
export const MfaEnrollment = {
  None: 'none',
  Signup: 'signup',
  Action: 'action',
} as const;
/** Wire value of {@link MfaEnrollment}. */
export type MfaEnrollment = (typeof MfaEnrollment)[keyof typeof MfaEnrollment];

/** A sign-in, delivery or wallet provider. Stile speaks a part of them. */
export const ProviderEnum = {
  EmailOnly: 'emailOnly',
  MagicLink: 'magicLink',
  Apple: 'apple',
  Bitbucket: 'bitbucket',
  Coinbasesocial: 'coinbasesocial',
  Discord: 'discord',
  Epicgames: 'epicgames',
  Facebook: 'facebook',
  Farcaster: 'farcaster',
  Github: 'github',
  Gitlab: 'gitlab',
  Google: 'google',
  Instagram: 'instagram',
  Linkedin: 'linkedin',
  Microsoft: 'microsoft',
  Twitch: 'twitch',
  Twitter: 'twitter',
  Blocto: 'blocto',
  Banxa: 'banxa',
  CoinbaseOnramp: 'coinbaseOnramp',
  CryptoDotCom: 'cryptoDotCom',
  MoonPay: 'moonPay',
  Dynamic: 'dynamic',
  Alchemy: 'alchemy',
  Zerodev: 'zerodev',
  Telegram: 'telegram',
  Turnkey: 'turnkey',
  CoinbaseWaas: 'coinbaseWaas',
  Sms: 'sms',
  Spotify: 'spotify',
  Tiktok: 'tiktok',
  Line: 'line',
  Steam: 'steam',
  Shopify: 'shopify',
  Zksync: 'zksync',
  Kraken: 'kraken',
  Blockaid: 'blockaid',
  Passkey: 'passkey',
  Okta: 'okta',
  Sendgrid: 'sendgrid',
  Resend: 'resend',
  TrmWalletScreening: 'trmWalletScreening',
  ChainalysisAddressScreening: 'chainalysisAddressScreening',
} as const;
/** Wire value of {@link ProviderEnum}. */
export type ProviderEnum = (typeof ProviderEnum)[keyof typeof ProviderEnum];
