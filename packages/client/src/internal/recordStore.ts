import type { LogoutReason } from '../types.js';
import { type Core, peersOf } from './core.js';
import { armExpiry } from './expiry.js';
import {
  compare,
  isExpired,
  isLive,
  isTooLate,
  parseRecord,
  reduce,
  type SessionEvent,
  type SessionRecord,
} from './record.js';
import { launchRevoke } from './revoke.js';
import { emit, setState } from './state.js';
import { andThen, isPromise } from './storage.js';
import { forgetVerifications } from './verifications.js';

/** Storage key of the record. */
const NAME = 'session';

/** Takes over what other tabs have stored. At once where the storage answers at once. */
export function readStored(core: Core): Promise<void> | void {
  if (!core.store) return;
  return andThen(core.store.read(NAME), (value) => {
    const stored = parseRecord(value);
    const first = !core.hasRead;
    core.hasRead = true;
    core.isForeign = value !== undefined && !stored;
    if (!stored) return;
    // Somebody signed out before the storage had told of a session: that one was meant.
    if (first && core.record.ended && isLive(stored) && compare(stored, core.record) < 0) {
      revokeEnded(core, stored, core.record.ended);
    }
    takeStored(core, stored);
  });
}

/**
 * Takes over a record that another tab or client has stored, when it is the newer one. When it is not, that other one
 * wrote without knowing ours, which is stored once more.
 */
export function takeStored(core: Core, stored: SessionRecord): void {
  if (core.life.signal.aborted) return;
  const order = compare(stored, core.record);
  if (order < 0) void core.store?.write(NAME, core.record);
  if (order <= 0) return;
  const wasLive = isLive(core.record);
  // Another tab saw the token expire, while this one is renewing it.
  if (wasLive && isExpired(stored) && !isTooLate(stored, core.record) && core.renewals.size > 0) {
    // The renewal must count as the newer one there, too.
    core.record = { ...core.record, seq: Math.max(core.record.seq, stored.seq) };
    return;
  }
  show(core, stored);
  if (wasLive && !isLive(stored)) {
    tellLogout(core, 'another-tab');
  }
}

/** Tells that a session has ended here. Codes that were sent to its user are nothing to the next one. */
export function tellLogout(core: Core, reason: LogoutReason): void {
  forgetVerifications(core);
  emit(core, 'logout', { reason });
}

/** Somebody removed the record: the page that a person clears, or an app that clears the storage to sign out. */
export function takeRemoval(core: Core): void {
  if (!isLive(core.record)) return;
  show(
    core,
    reduce(core.record, { type: 'signed-out', reason: 'another-tab', owesRevoke: false, now: Date.now() }),
  );
  tellLogout(core, 'another-tab');
}

/**
 * Changes the record: reads the stored one again, applies the event, stores the result, shows it and tells the other
 * clients of the page. Answers whether anything changed.
 */
export function commit(core: Core, event: SessionEvent): boolean {
  if (core.life.signal.aborted) return false;
  // A storage that answers later has been read by whoever waited for something.
  const read = readStored(core);
  if (isPromise(read)) read.catch(() => undefined);
  const next = reduce(core.record, event);
  if (next === core.record) return false;
  // What another version stored stays until a session begins or ends here.
  if (!core.isForeign || isLive(next) || next.ended) void core.store?.write(NAME, next);
  show(core, next);
  // The other clients of the page hear of it as other tabs do: when the present task has ended.
  for (const peer of peersOf(core)) setTimeout(() => takeStored(peer, next));
  return true;
}

function show(core: Core, next: SessionRecord): void {
  const before = core.record;
  // The same user read anew is no change.
  const same = JSON.stringify(before.user) === JSON.stringify(next.user);
  core.record = same ? { ...next, user: before.user } : next;
  if (before.gen !== next.gen || isLive(next)) core.latest = core.record;
  if (before.gen !== next.gen || !isLive(next)) core.singleUse = [];
  armExpiry(core);
  setState(core, {
    user: core.record.user,
    token: next.token,
    mfaToken: next.mfaToken,
    sessionExpiresAt: next.expiresAt === null ? null : new Date(next.expiresAt),
  });
}

/** Has the server end a session that has ended here. As {@link launchRevoke}; the record learns when it is done. */
export function revokeEnded(core: Core, ended: SessionRecord, reason: LogoutReason): Promise<void> {
  const { gen } = core.record;
  return launchRevoke(core, {
    ended,
    reason,
    read: readStored,
    onDone: () => commit(core, { type: 'revoked', gen }),
  });
}
