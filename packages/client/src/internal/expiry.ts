import { StileError } from '../errors/StileError.js';
import { serverNow } from './clock.js';
import type { Core } from './core.js';
import { isLive, sentOf } from './record.js';
import { endRefused, fetchUser, readStored, signOut } from './session.js';

/** Timers of browsers count in 32 bits: about 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** When a session that should be over, and is not, is looked at again. Milliseconds. */
const LATER = 60_000;

/** Looks at the session again when it should be over. */
export function armExpiry(core: Core, atLeast = 0): void {
  clearTimeout(core.expiryTimer);
  const { expiresAt } = core.record;
  if (!isLive(core.record) || expiresAt === null || core.life.signal.aborted) return;
  const left = Math.max(atLeast, expiresAt - serverNow(core));
  core.expiryTimer = setTimeout(() => void checkExpiry(core), Math.min(left, LONGEST_TIMER));
  // Under Node a waiting client must not keep the process alive.
  (core.expiryTimer as { unref?: () => void }).unref?.();
}

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
  if (isOver && core.serverClock !== undefined) {
    void signOut(core, 'token-expired', { revoke: false });
    return;
  }
  // The clock that nobody can set stands still while some machines sleep.
  if (!isOver && expiresAt > Date.now() + clockOffset) return armExpiry(core);
  const sent = sentOf(core.record);
  try {
    await fetchUser(core);
  } catch (error) {
    if (error instanceof StileError && error.status === 401) endRefused(core, 'token-expired', sent);
  }
  armExpiry(core, LATER);
}
