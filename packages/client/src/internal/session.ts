import {
  type ProjectSettings,
  type SdkUser,
  SdkUserDates,
  type VerifyResponse,
  VerifyResponseDates,
} from '@stile/api';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import type { LogoutReason } from '../types.js';
import { API_VERSION } from '../version.js';
import type { Core, State } from './core.js';
import { type ElevatedToken, parseElevatedToken, storable, withToken } from './elevatedTokens.js';
import { type ApiRequest, request } from './request.js';
import { loadSettings } from './settings.js';
import { emit, setState } from './state.js';

/** Storage key `session`: what dies with the session. */
type StoredSession = {
  captchaToken: string | null;
  elevatedAccessTokens: ElevatedToken[];
  legacyToken: string | null;
  mfaToken: string | null;
  /** Milliseconds since 1970. */
  sessionExpiration: number | null;
  /** Public key of the session key pair. */
  sessionKeys: string | null;
  token: string | null;
};

/** Storage key `state`. */
type StoredState = { apiVersion: string; projectSettings: ProjectSettings | null; user: SdkUser | null };

const SIGNED_OUT = {
  user: null,
  token: null,
  legacyToken: null,
  mfaToken: null,
  sessionExpiresAt: null,
  captchaToken: null,
  elevatedAccessTokens: [],
} satisfies Partial<State>;

/** Timers of browsers count in 32 bits: about 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A request whose answer replaces the session: sign-in, every proof, refresh. */
export async function authenticate<T extends VerifyResponse>(core: Core, call: ApiRequest): Promise<T> {
  const { epoch } = core;
  await ensureSessionKey(core);
  const answer = await request<T>(core, { dates: VerifyResponseDates, ...call });
  refuseLate(core, epoch);
  await applyVerifyResponse(core, answer);
  return answer;
}

/** Takes over user, tokens and expiry of an answer, and writes them before the caller goes on. */
async function applyVerifyResponse(core: Core, answer: VerifyResponse): Promise<void> {
  const elevated = answer.elevatedAccessToken ? parseElevatedToken(answer.elevatedAccessToken) : undefined;
  const held = core.state.elevatedAccessTokens;
  const expires = Number.isFinite(answer.expiresAt) ? new Date(answer.expiresAt * 1000) : null;
  const patch: Partial<State> = {
    user: answer.user,
    token: answer.minifiedJwt ?? null,
    legacyToken: answer.jwt ?? null,
    sessionExpiresAt: expires,
    ...(answer.mfaToken ? { mfaToken: answer.mfaToken } : undefined),
    elevatedAccessTokens: elevated ? withToken(held, elevated) : held,
  };
  // Tokens of one user are nothing to the next one.
  if (core.state.user && core.state.user.id !== answer.user.id) {
    patch.elevatedAccessTokens = elevated ? [elevated] : [];
    patch.mfaToken = answer.mfaToken ?? null;
    core.epoch++;
  }
  setState(core, patch);
  await persistSession(core);
  armExpiry(core);
}

async function persistSession(core: Core): Promise<void> {
  const { state } = core;
  const session: StoredSession = {
    captchaToken: state.captchaToken,
    elevatedAccessTokens: storable(state.elevatedAccessTokens),
    legacyToken: state.legacyToken,
    mfaToken: state.mfaToken,
    sessionExpiration: state.sessionExpiresAt?.getTime() ?? null,
    sessionKeys: state.sessionPublicKey,
    token: state.token,
  };
  // The user first: other tabs take both over when the session changes.
  await persistUser(core);
  await core.store?.write('session', session);
}

/** Fetches the user anew. Nothing else of the session changes. */
export async function fetchUser(core: Core): Promise<SdkUser> {
  const { epoch } = core;
  const user = await request<SdkUser>(core, { path: '/users', dates: SdkUserDates });
  refuseLate(core, epoch);
  setState(core, { user });
  await persistUser(core);
  return user;
}

function refuseLate(core: Core, epoch: number): void {
  if (core.epoch === epoch) return;
  throw new UserNotAuthenticatedError('The user signed out, or another one signed in, in the meantime');
}

async function persistUser(core: Core): Promise<void> {
  await core.store?.patch('state', { apiVersion: API_VERSION, user: core.state.user });
}

/** The stored state, without a session that is past its expiry. */
async function readStored(core: Core): Promise<Partial<State> & typeof SIGNED_OUT> {
  const session = await core.store?.read<StoredSession>('session');
  const state = await core.store?.read<StoredState>('state');
  const current = state?.apiVersion === API_VERSION ? state : undefined;
  const shared = {
    ...(current?.projectSettings ? { projectSettings: current.projectSettings } : undefined),
    sessionPublicKey: session?.sessionKeys ?? null,
  };
  const until = session?.sessionExpiration ?? null;
  const over = until !== null && until <= Date.now();
  // With cookies there is a user but no token.
  if (!session || over || !(session.token || current?.user)) return { ...SIGNED_OUT, ...shared };
  return {
    ...shared,
    user: current?.user ?? null,
    token: session.token,
    legacyToken: session.legacyToken,
    mfaToken: session.mfaToken,
    captchaToken: session.captchaToken,
    sessionExpiresAt: until === null ? null : new Date(until),
    elevatedAccessTokens: session.elevatedAccessTokens ?? [],
  } as Partial<State> & typeof SIGNED_OUT;
}

/** At start: takes up the stored session. */
export async function restoreSession(core: Core): Promise<void> {
  setState(core, await readStored(core));
  armExpiry(core);
}

/** Takes over what another tab has stored: its sign-in, its sign-out, its newer tokens. */
export async function adoptStored(core: Core): Promise<void> {
  const stored = await readStored(core);
  const before = core.state;
  const wasSignedIn = before.user !== null || before.token !== null;
  const isSignedIn = stored.user !== null || stored.token !== null;
  const sameUser = sameId(before.user, stored.user);
  if (wasSignedIn && !(isSignedIn && sameUser)) core.epoch++;
  // Single-use tokens are in memory only; they stay as long as the user does.
  const own = sameUser && isSignedIn ? before.elevatedAccessTokens.filter(({ singleUse }) => singleUse) : [];
  setState(core, {
    ...stored,
    // The same value read anew is no change.
    user: sameJson(before.user, stored.user) ? before.user : stored.user,
    projectSettings: sameJson(before.projectSettings, stored.projectSettings)
      ? before.projectSettings
      : (stored.projectSettings ?? before.projectSettings),
    elevatedAccessTokens: [...stored.elevatedAccessTokens, ...own],
  });
  armExpiry(core);
  if (wasSignedIn && !isSignedIn) emit(core, 'logout', { reason: 'another-tab' });
}

const sameId = (one: SdkUser | null, other: SdkUser | null) => (one?.id ?? null) === (other?.id ?? null);
const sameJson = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/**
 * Ends the session here and on the server. The local part does not wait for the server, and its answer does not
 * matter: the session must be gone from this browser also without a network.
 */
export async function signOut(core: Core, reason: LogoutReason): Promise<void> {
  const { token, user } = core.state;
  const revoked =
    token || user
      ? request(core, {
          method: 'POST',
          path: '/revoke',
          headers: { 'x-dyn-logout-reason': reason },
          // So that it goes out even if the page is left at once.
          keepalive: true,
          signal: AbortSignal.timeout(10_000),
        }).catch(() => undefined)
      : undefined;
  core.epoch++;
  core.verifications = {};
  clearTimeout(core.expiryTimer);
  setState(core, SIGNED_OUT);
  await core.store?.remove('verifications');
  await replaceSessionKey(core);
  await persistSession(core);
  await revoked;
  await loadSettings(core, { force: true }).catch(() => undefined);
  emit(core, 'logout', { reason });
}

async function replaceSessionKey(core: Core): Promise<void> {
  try {
    await core.keychain.deleteKey('session');
    setState(core, { sessionPublicKey: await core.keychain.createKey('session') });
  } catch (error) {
    setState(core, { sessionPublicKey: null });
    core.logger.warn('Stile: the session key could not be replaced', error);
  }
}

/** The public key of the session key pair; makes the pair when there is none. */
export async function ensureSessionKey(core: Core): Promise<string> {
  if (core.state.sessionPublicKey) return core.state.sessionPublicKey;
  core.creatingSessionKey ??= createSessionKey(core).finally(() => {
    core.creatingSessionKey = undefined;
  });
  return core.creatingSessionKey;
}

async function createSessionKey(core: Core): Promise<string> {
  const sessionPublicKey = await core.keychain.createKey('session');
  setState(core, { sessionPublicKey });
  await core.store?.patch('session', { sessionKeys: sessionPublicKey });
  return sessionPublicKey;
}

/** Signs out when the session expires. */
function armExpiry(core: Core): void {
  clearTimeout(core.expiryTimer);
  const { sessionExpiresAt } = core.state;
  if (!sessionExpiresAt) return;
  const left = Math.max(0, sessionExpiresAt.getTime() - Date.now());
  core.expiryTimer = setTimeout(() => void onExpiry(core), Math.min(left, LONGEST_TIMER));
  // Under Node a waiting client must not keep the process alive.
  (core.expiryTimer as { unref?: () => void }).unref?.();
}

async function onExpiry(core: Core): Promise<void> {
  // A machine that wakes up runs its timers before it hears that another tab has refreshed.
  const stored = await readStored(core);
  if (stored.token && stored.token !== core.state.token) return adoptStored(core);
  const { sessionExpiresAt } = core.state;
  if (!sessionExpiresAt) return;
  if (sessionExpiresAt.getTime() > Date.now()) return armExpiry(core);
  await signOut(core, 'token-expired');
}
