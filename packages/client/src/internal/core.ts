import type { ProjectSettings, SdkUser } from '@stile/api';
import { ClientNotFoundError } from '../errors/ClientNotFoundError.js';
import { MultipleClientsFoundError } from '../errors/MultipleClientsFoundError.js';
import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import type {
  InitStatus,
  Keychain,
  Logger,
  OTPVerification,
  StileClient,
  StileClientConfig,
  StileEventListener,
  StileEventName,
  StorageAdapter,
} from '../types.js';
import type { ElevatedToken } from './elevatedToken.js';
import type { DefaultKeychain } from './keychain.js';
import { until } from './limits.js';
import { isGone, type SessionRecord, type Since, sentOf } from './record.js';
import type { BlobStore } from './storage.js';

/** What a client shows. Only `setState` changes it, so that no change goes without its event. */
export type State = {
  initStatus: InitStatus;
  initError: Error | null;
  projectSettings: ProjectSettings | null;
  user: SdkUser | null;
  token: string | null;
  mfaToken: string | null;
  sessionExpiresAt: Date | null;
  captchaToken: string | null;
};

/** The inside of a client. */
export type Core = {
  readonly config: StileClientConfig;
  readonly apiBaseUrl: string;
  /** `undefined` on a server without adapters. */
  readonly store: BlobStore | undefined;
  /** The storage below `store`. Clients with the same one have the same session. */
  readonly adapter: StorageAdapter | undefined;
  /** Whether the storage is that of the page, which all tabs of its origin share. */
  readonly sharesPage: boolean;
  readonly keychain: Keychain & Partial<DefaultKeychain>;
  readonly logger: Logger;
  /** `x-dyn-session-id`: names this client instance, not the user's session. */
  readonly instanceId: string;
  readonly listeners: Map<StileEventName, Set<StileEventListener<StileEventName>>>;
  /** Events that wait to be told, the one that is being told first. */
  readonly events: (() => void)[];
  /** Aborted by `destroyClient`. */
  readonly life: AbortController;
  state: State;
  /** The newest record of the session that this page knows. Only `recordStore.ts` changes it. */
  record: SessionRecord;
  /** The record as it was before its session ended here, until another one begins or somebody signs out. */
  latest: SessionRecord;
  /** Whether the stored record has been read once. */
  hasRead: boolean;
  /** Whether the storage holds something else than a record of this version. */
  isForeign: boolean;
  /** Elevated tokens for a single use: they must not outlive the page. */
  singleUse: readonly ElevatedToken[];
  /** The server's time when `performance.now()` was 0, once a token has told it. */
  serverClock: number | undefined;
  /** Settles, and never rejects, when a running initialization ends. */
  ready: Promise<void>;
  /** What the timer runs when the session should be over. */
  readonly onExpiry: () => void;
  expiryTimer: ReturnType<typeof setTimeout> | undefined;
  /** The latest code sent, by way. */
  verifications: { email?: OTPVerification; sms?: OTPVerification };
  /** Running requests whose answers renew the session. */
  readonly renewals: Set<Promise<unknown>>;
  /** Settles when the session whose token the server refused last has ended here, too. */
  ending: Promise<void>;
  creatingSessionKey: Promise<void> | undefined;
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

/** The other clients of this page that have the same session. */
export function peersOf(core: Core): Core[] {
  return [...clients]
    .flatMap((client) => cores.get(client) ?? [])
    .filter(
      (peer) =>
        peer !== core && peer.adapter === core.adapter && peer.store?.keyOf('') === core.store?.keyOf(''),
    );
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
  const since = sentOf(core.record);
  await until(core.life.signal, core.ready);
  // Whoever was shown when the call was made is the one that it is about.
  if (since.live) checkSince(core, since);
  return core;
}

/** Throws when the session of a call has ended, or given way to another one, since the call began. */
export function checkSince(core: Core, since: Since): void {
  if (isGone(core.record, since)) throw tooLate();
}

export function tooLate(): UserNotAuthenticatedError {
  return new UserNotAuthenticatedError('The session ended, or another one began');
}

/** True when the environment keeps its session in a cookie that scripts cannot read. */
export function usesCookie({ state: { projectSettings } }: Core): boolean {
  const security = projectSettings?.security;
  return Boolean(security?.auth?.storage?.includes('cookie') || security?.externalAuth?.cookieName);
}
