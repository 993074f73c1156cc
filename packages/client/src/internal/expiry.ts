import { serverNow } from './clock.js';
import type { Core } from './core.js';
import { isLive } from './record.js';

/** Timers of browsers count in 32 bits: about 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Looks at the session again when it should be over. */
export function armExpiry(core: Core, atLeast = 0): void {
  clearTimeout(core.expiryTimer);
  const { expiresAt } = core.record;
  if (!isLive(core.record) || expiresAt === null || core.life.signal.aborted) return;
  const left = Math.max(atLeast, expiresAt - serverNow(core));
  core.expiryTimer = setTimeout(core.onExpiry, Math.min(left, LONGEST_TIMER));
  // Under Node a waiting client must not keep the process alive.
  (core.expiryTimer as { unref?: () => void }).unref?.();
}
