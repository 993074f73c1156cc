import type { ProjectSettings, SdkUser } from '@stile/api';
import { ClientNotFoundError } from '../errors/ClientNotFoundError.js';
import { MultipleClientsFoundError } from '../errors/MultipleClientsFoundError.js';
import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import type {
  InitStatus,
  Keychain,
  Logger,
  OTPVerification,
  StileClient,
  StileClientConfig,
  StileEventListener,
  StileEventName,
} from '../types.js';
import type { ElevatedToken } from './elevatedTokens.js';
import type { BlobStore } from './storage.js';

/** What a client knows. Only `setState` changes it, so that no change goes without its event. */
export type State = {
  initStatus: InitStatus;
  initError: Error | null;
  projectSettings: ProjectSettings | null;
  user: SdkUser | null;
  token: string | null;
  /** The identity token (`jwt`); kept for the app's own code. */
  legacyToken: string | null;
  mfaToken: string | null;
  sessionExpiresAt: Date | null;
  sessionPublicKey: string | null;
  captchaToken: string | null;
  elevatedAccessTokens: readonly ElevatedToken[];
};

/** The inside of a client. */
export type Core = {
  readonly config: StileClientConfig;
  readonly apiBaseUrl: string;
  /** `undefined` on a server without adapters. */
  readonly store: BlobStore | undefined;
  readonly keychain: Keychain;
  readonly logger: Logger;
  /** `x-dyn-session-id`: names this client instance, not the user's session. */
  readonly instanceId: string;
  readonly listeners: Map<StileEventName, Set<StileEventListener<StileEventName>>>;
  state: State;
  /** Settles, and never rejects, when a running initialization ends. */
  ready: Promise<void>;
  /** Goes up whenever the user changes or leaves, so that a late answer cannot bring back a dead session. */
  epoch: number;
  expiryTimer: ReturnType<typeof setTimeout> | undefined;
  /** The passkey ceremony that is under way; the browser allows one at a time. */
  ceremony: AbortController | undefined;
  /** The latest code sent, by way. */
  verifications: { email?: OTPVerification; sms?: OTPVerification };
  creatingSessionKey: Promise<string> | undefined;
  fetchingSettings: Promise<ProjectSettings> | undefined;
  /** What `destroyClient` undoes. */
  readonly cleanups: (() => void)[];
};

const cores: WeakMap<StileClient, Core> = /* @__PURE__ */ new WeakMap();
const clients: Set<StileClient> = /* @__PURE__ */ new Set();

export function register(client: StileClient, core: Core): void {
  cores.set(client, core);
  clients.add(client);
}

export function unregister(client: StileClient): void {
  clients.delete(client);
}

/** The only client. Throws when there is none, or more than one. */
export function onlyClient(): StileClient {
  const [first, second] = clients;
  if (!first) throw new ClientNotFoundError();
  if (second) throw new MultipleClientsFoundError();
  return first;
}

/** The inside of the given client, or of the only one. */
export function coreOf(client?: StileClient): Core {
  const core = cores.get(client ?? onlyClient());
  if (!core) throw new ClientNotFoundError();
  return core;
}

/** As `coreOf`, for calls that need the browser: waits until a running initialization has ended. */
export async function readyCore(client?: StileClient): Promise<Core> {
  const core = coreOf(client);
  if (!core.store) throw new UnavailableInServerSideError('This call');
  await core.ready;
  return core;
}

/** True when the environment keeps its session in a cookie that scripts cannot read. */
export function usesCookie({ state: { projectSettings } }: Core): boolean {
  const security = projectSettings?.security;
  return Boolean(security?.auth?.storage?.includes('cookie') || security?.externalAuth?.cookieName);
}
