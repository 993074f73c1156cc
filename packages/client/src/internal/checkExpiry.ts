import { StileError } from '../errors/StileError.js';
import { serverNow } from './clock.js';
import type { Core } from './core.js';
import { armExpiry } from './expiry.js';
import { isLive, sentOf } from './record.js';
import { readStored } from './recordStore.js';
import { fetchUser } from './session.js';
import { endExpired } from './signOut.js';

/** When a session that should be over, and is not, is looked at again. Milliseconds. */
const LATER = 60_000;

/**
 * Signs out when the session is over. That is certain when its whole life was measured since its token came. The time
 * of day proves nothing, as people set it: then the server is asked, and only its refusal ends the session.
 */
export async function checkExpiry(core: Core): Promise<void> {
  // A machine that wakes up runs its timers before it hears that another tab has refreshed.
  await readStored(core);
  const { expiresAt, clockOffset } = core.record;
  if (!isLive(core.record) || expiresAt === null || core.life.signal.aborted) return;
  const isOver = expiresAt <= serverNow(core);
  const sent = sentOf(core.record);
  if (isOver && core.serverClock !== undefined) return endExpired(core, sent);
  // The clock that nobody can set stands still while some machines sleep.
  if (!isOver && expiresAt > Date.now() + clockOffset) return armExpiry(core);
  try {
    await fetchUser(core);
  } catch (error) {
    if (error instanceof StileError && error.status === 401) await endExpired(core, sent);
  }
  armExpiry(core, LATER);
}
