import type {
  EmailVerificationCreateResponse,
  ProjectSettings,
  SdkUser,
  SmsVerificationCreateResponse,
} from '@stile/api';

/** A value, or a promise of one. */
export type MaybePromise<T> = T | Promise<T>;

/** Where a client keeps its state. The default is `localStorage`. */
export type StorageAdapter = {
  getItem(key: string): MaybePromise<string | null | undefined>;
  setItem(key: string, value: string): MaybePromise<void>;
  removeItem(key: string): MaybePromise<void>;
  /**
   * Tells of keys that others have changed, as the browser's `storage` event does for `localStorage` (`null`: all of
   * them). Answers a function that ends this. Only for storages that several pages or processes share.
   */
  subscribe?: ((onChange: (key: string | null) => void) => () => void) | undefined;
};

/** The key of the session (replaced at sign-out) and the key of the device (kept). */
export type KeyName = 'session' | 'device';

/** Where a client keeps its two P-256 signing keys. The default is IndexedDB, with keys that cannot be exported. */
export type Keychain = {
  /** SEC1 compressed point, 66 lower-case hex digits; `undefined` when there is no such key. */
  getPublicKey(name: KeyName): Promise<string | undefined>;
  /** Makes the key unless there is one, and answers its public key. Of two tabs at once, one wins for both. */
  createKey(name: KeyName): Promise<string>;
  /** ECDSA with SHA-256 over the UTF-8 text: r‖s, 128 hex digits. */
  sign(name: KeyName, text: string): Promise<string>;
  deleteKey(name: KeyName): Promise<void>;
};

/** Where warnings go that no caller can be told about. */
export type Logger = {
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

/** Where the server is, and the parts of a client that an app can replace. */
export type CoreConfig = {
  /**
   * Base URL of the Stile server with `/api/v0`, e.g. `https://auth.example.com/api/v0`. Without a path, `/api/v0`
   * is added; without an origin (`/api/v0`), that of the page is taken.
   */
  apiBaseUrl?: string | undefined;
  /** More headers for every request. */
  getApiHeaders?: (() => MaybePromise<Record<string, string>>) | undefined;
  fetch?: typeof fetch | undefined;
  storageAdapter?: StorageAdapter | undefined;
  keychain?: Keychain | undefined;
  logger?: Logger | undefined;
};

/** What `createStileClient` takes. */
export type StileClientConfig = {
  /** Id of the environment, a UUID. */
  environmentId: string;
  /** How the app presents itself. `universalLink` stands in for the origin where there is no page. */
  metadata?:
    | {
        name?: string | undefined;
        iconUrl?: string | undefined;
        nativeLink?: string | undefined;
        universalLink?: string | undefined;
        url?: string | undefined;
      }
    | undefined;
  coreConfig?: CoreConfig | undefined;
  /** `false` leaves the start to {@link initializeClient}. Default: `true`. */
  autoInitialize?: boolean | undefined;
  /** Accepted for compatibility. This client sends no telemetry. */
  instrumentation?: { enabled?: boolean | undefined } | undefined;
  /** Accepted for compatibility. */
  logLevel?: string | undefined;
};

export type InitStatus = 'uninitialized' | 'in-progress' | 'finished' | 'failed';

/** A client of one environment. Its properties are read-only and always current; functions take it as last argument. */
export type StileClient = {
  readonly initStatus: InitStatus;
  readonly initError: Error | null;
  readonly projectSettings: ProjectSettings | null;
  readonly user: SdkUser | null;
  /** The access token, for the app's own backend. `null` when signed out, and with cookies. */
  readonly token: string | null;
  readonly sessionExpiresAt: Date | null;
  /** The latest legacy MFA token. */
  readonly mfaToken: string | null;
};

/** Why a session ended. The last one is ours: the user signed out in another tab. */
export type LogoutReason =
  | 'user-intent'
  | 'token-expired'
  | 'keychain-key-missing'
  | 'session-refresh-unauthorized'
  | 'user-refresh-failed'
  | 'user-deleted'
  | 'another-tab';

/** Event name → what its listeners get. */
export type StileEvents = {
  initStatusChanged: { initStatus: InitStatus };
  initErrorChanged: { initError: Error | null };
  userChanged: { user: SdkUser | null };
  tokenChanged: { token: string | null };
  mfaTokenChanged: { mfaToken: string | null };
  projectSettingsChanged: { projectSettings: ProjectSettings | null };
  sessionExpiresAtChanged: { sessionExpiresAt: Date | null };
  logout: { reason: LogoutReason };
  mfaCompletionSuccess: { deviceId?: string; mfaToken?: string };
  mfaCompletionFailure: { deviceId?: string; error: unknown };
};

export type StileEventName = keyof StileEvents;
export type StileEventListener<E extends StileEventName> = (payload: StileEvents[E]) => void;

/** A code that was sent by e-mail. */
export type EmailOTPVerification = Omit<EmailVerificationCreateResponse, 'codeLength'> & {
  /** How many digits the code is expected to have. A server of an earlier version does not say it. */
  codeLength?: number | undefined;
};
/** A code that was sent by SMS. */
export type SmsOTPVerification = SmsVerificationCreateResponse;
/** A code that was sent; {@link verifyOTP} takes it. */
export type OTPVerification = EmailOTPVerification | SmsOTPVerification;

/** Asks for a legacy MFA token in the answer. Use `requestedScopes` in new code. */
export type CreateMfaToken = { singleUse: boolean };
