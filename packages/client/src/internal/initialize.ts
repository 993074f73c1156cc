import { StileError } from '../errors/StileError.js';
import { type Core, usesCookie } from './core.js';
import { topUpNonces } from './nonces.js';
import { authenticate, ensureSessionKey, fetchUser, restoreSession, signOut } from './session.js';
import { loadSettings } from './settings.js';
import { setState } from './state.js';

/** Starts a client: stored session, settings, keys. Rejects with what went wrong, which is in `initError` too. */
export function initialize(core: Core): Promise<void> {
  setState(core, { initStatus: 'in-progress', initError: null });
  const run = start(core).then(
    () => setState(core, { initStatus: 'finished' }),
    (cause) => {
      const initError = cause instanceof Error ? cause : new Error(String(cause));
      setState(core, { initStatus: 'failed', initError });
      throw initError;
    },
  );
  core.ready = run.catch(() => undefined);
  return run;
}

async function start(core: Core): Promise<void> {
  await restoreSession(core);
  const recorded = core.state.sessionPublicKey;
  if (recorded && (await core.keychain.getPublicKey('session')) !== recorded) {
    // The key store was cleared and the storage was not: this session can sign nothing any more.
    await signOut(core, 'keychain-key-missing');
  }
  await Promise.all([loadSettings(core), ensureSessionKey(core), topUpNonces(core)]);
  if (usesCookie(core)) await restoreFromCookie(core);
  else if (core.state.token && !core.state.user) await fetchMissingUser(core);
}

/** Whether the cookie holds a session, only the server can tell. */
async function restoreFromCookie(core: Core): Promise<void> {
  try {
    await authenticate(core, { method: 'POST', path: '/refresh' });
  } catch (error) {
    if (!(error instanceof StileError && error.status === 401)) throw error;
    if (core.state.user) await signOut(core, 'session-refresh-unauthorized');
  }
}

async function fetchMissingUser(core: Core): Promise<void> {
  try {
    await fetchUser(core);
  } catch {
    await signOut(core, 'user-refresh-failed');
  }
}
