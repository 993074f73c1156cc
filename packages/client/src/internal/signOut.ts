import type { LogoutReason } from '../types.js';
import type { Core } from './core.js';
import { REQUEST_LIMIT, within } from './limits.js';
import { withLock } from './locks.js';
import { isExpired, isLive, type Sent } from './record.js';
import { commit, readStored, revokeEnded, tellLogout } from './recordStore.js';
import { ensureSessionKey } from './sessionKey.js';
import { loadSettings } from './settings.js';
import { isPromise } from './storage.js';

/** The server says that the session for which it was asked has ended. Nothing is left to revoke. */
export function endRefused(core: Core, reason: LogoutReason, sent: Sent): void {
  const wasLive = isLive(core.record);
  if (!commit(core, { type: 'refused', reason, sent }) || !wasLive) return;
  tellLogout(core, reason);
  // An expired session that another tab is renewing comes back, and its key must be there then.
  prepareNext(core, !isExpired(core.record));
}

/**
 * Ends a session whose token has expired, unless it is renewed: the server may have answered a renewal that was sent
 * before, here or in another tab. Such a renewal is waited for, within the limit of a request.
 */
export async function endExpired(core: Core, sent: Sent): Promise<void> {
  const others = withLock(core, 'refresh', async () => undefined, REQUEST_LIMIT);
  const all = Promise.all([Promise.allSettled(core.renewals), others]);
  await within(all, REQUEST_LIMIT, () => new Error('waited long enough')).catch(() => undefined);
  await readStored(core);
  // A renewed session has another token, and nothing happens to it.
  endRefused(core, 'token-expired', sent);
}

/**
 * Ends the session: stores that first, so that no answer and no other tab brings it back, then tells, then has the
 * server end it in the background. The promise waits, for a moment at most, until that request is on its way: a page
 * that is left after `logout()` must not take it along.
 */
export function signOut(
  core: Core,
  reason: LogoutReason,
  { revoke = true }: { revoke?: boolean } = {},
): Promise<void> {
  const read = readStored(core);
  if (isPromise(read)) read.catch(() => undefined);
  // Another tab may have renewed, or be renewing, what has expired here. The server takes the expired token for this.
  const ended = isExpired(core.record) ? core.latest : core.record;
  const isRevoked = revoke && isLive(ended);
  commit(core, { type: 'signed-out', reason, owesRevoke: isRevoked && ended.cookie, now: Date.now() });
  tellLogout(core, reason);
  prepareNext(core, true);
  return isRevoked ? revokeEnded(core, ended, reason) : Promise.resolve();
}

/** What the next sign-in will need. It makes the key itself when there is none. */
function prepareNext(core: Core, withKey: boolean): void {
  const warn = (error: unknown) => core.logger.warn('Stile: the next sign-in could not be prepared', error);
  loadSettings(core, { force: true }).catch(() => undefined);
  if (withKey) ensureSessionKey(core).catch((error) => core.life.signal.aborted || warn(error));
}
