import { refreshAuthOperation } from '@stile/api';
import { StileError } from '../errors/StileError.js';
import { checkExpiry } from './checkExpiry.js';
import { type Core, usesCookie } from './core.js';
import { topUpNonces } from './nonces.js';
import { isLive, sentOf } from './record.js';
import { readStored, revokeEnded } from './recordStore.js';
import { authenticate } from './session.js';
import { ensureSessionKey, isSessionKeyMissing } from './sessionKey.js';
import { loadSettings, restoreSettings } from './settings.js';
import { signOut } from './signOut.js';
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
  await restoreSettings(core);
  await readStored(core);
  if (await isSessionKeyMissing(core)) {
    // The key store was cleared and the storage was not: this session can sign nothing any more.
    await signOut(core, 'keychain-key-missing');
  }
  await Promise.all([loadSettings(core), ensureSessionKey(core), topUpNonces(core)]);
  if (usesCookie(core)) await restoreFromCookie(core);
  else await checkStart(core);
}

/** A session that should be over by the time of day is looked at before anybody takes it for one. */
async function checkStart(core: Core): Promise<void> {
  const { expiresAt, clockOffset } = core.record;
  if (isLive(core.record) && expiresAt !== null && expiresAt <= Date.now() + clockOffset) {
    await checkExpiry(core);
  }
}

/** Whether the cookie holds a session, only the server can tell. */
async function restoreFromCookie(core: Core): Promise<void> {
  const { ended, owesRevoke } = core.record;
  if (ended && owesRevoke) {
    // The user signed out when the server could not hear it. The cookie must not bring that session back.
    await revokeEnded(core, { ...core.record, cookie: true }, ended);
    return;
  }
  const since = sentOf(core.record);
  try {
    await authenticate(core, { kind: 'refresh', ...refreshAuthOperation, since });
  } catch (error) {
    await core.ending;
    // Signed out, also meanwhile; or a session that this browser knows already, and a server that is not there now.
    const isOut = error instanceof StileError && error.status === 401;
    if (!isOut && core.record.gen === since.gen && !isLive(core.record)) throw error;
  }
}
