import { StileError } from '../errors/StileError.js';
import { serverNow } from './clock.js';
import type { Core } from './core.js';
import { REQUEST_LIMIT, within } from './limits.js';
import { withLock } from './locks.js';
import { isLive, type Sent, sentOf } from './record.js';
import { endRefused, fetchUser, readStored } from './session.js';

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

/** Whether the token has expired at the server. The clock here lags by as much as the answer with the token took. */
export function isTokenOver(core: Core): boolean {
  const { expiresAt } = core.record;
  return expiresAt !== null && expiresAt <= serverNow(core) + REQUEST_LIMIT;
}

/**
 * Ends a session whose token has expired, unless it is renewed: the server may have answered a renewal that was sent
 * before, here or in another tab. Such a renewal is waited for, within the limit of a request.
 */
export async function endExpired(core: Core, sent: Sent): Promise<void> {
  const others = withLock(core, 'refresh', async () => undefined, REQUEST_LIMIT);
  const all = Promise.all([Promise.allSettled(core.renewals), others]);
  await within(all, REQUEST_LIMIT, () => new Error('no answer in time')).catch(() => undefined);
  await readStored(core);
  // A renewed session has another token, and nothing happens to it.
  endRefused(core, 'token-expired', sent);
}
