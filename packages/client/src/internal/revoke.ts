import { revokeSessionOperation } from '@stile/api';
import { StileError } from '../errors/StileError.js';
import type { LogoutReason } from '../types.js';
import type { Core } from './core.js';
import type { SessionRecord } from './record.js';
import { type Call, callApart } from './transport.js';

/** How long after a failed try the next one comes: a server may be starting anew just now. Milliseconds. */
const PAUSES = [1_000, 4_000, 15_000, 60_000];
/** How long `logout` waits until the request is on its way. Milliseconds. */
const LAUNCH = 250;

type Task = {
  /** What has ended. */
  ended: SessionRecord;
  reason: LogoutReason;
  /** Takes over what other tabs have stored. */
  read: (core: Core) => Promise<void> | void;
  /** Is called when the server has heard it, or will never take it. */
  onDone: () => void;
};

/**
 * Has the server end a session that has ended here. Goes on in the background until the server has heard it or the page
 * is left; the token is in memory only. Resolves when the first request is on its way, never rejects.
 */
export function launchRevoke(core: Core, task: Task): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, LAUNCH);
    const onSent = () => {
      clearTimeout(timer);
      resolve();
    };
    void revoke(core, task, onSent).finally(onSent);
  });
}

async function revoke(core: Core, { ended, reason, read, onDone }: Task, onSent: () => void): Promise<void> {
  const { gen } = core.record;
  const call: Call = {
    ...revokeSessionOperation,
    headers: { 'x-dyn-logout-reason': reason },
    ...(ended.cookie ? { credentials: 'include' } : undefined),
    // So that it goes out even if the page is left at once.
    keepalive: true,
    onSent,
  };
  for (const pause of [...PAUSES, undefined]) {
    try {
      await callApart(core, call, read, ended);
      return onDone();
    } catch (error) {
      const status = error instanceof StileError ? (error.status ?? 0) : 0;
      // The server knows the session no more, which is what was wanted; or will never take this.
      if (status >= 400 && status < 500 && status !== 429) return onDone();
    }
    if (pause === undefined || !(await waited(core, pause))) return;
    // The cookie may belong to the next session by now.
    if (ended.cookie && core.record.gen !== gen) return;
  }
}

/** Whether the client is still there after a while. */
function waited({ life }: Core, milliseconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      life.signal.removeEventListener('abort', end);
      resolve(!life.signal.aborted);
    };
    const timer = setTimeout(end, milliseconds);
    (timer as { unref?: () => void }).unref?.();
    life.signal.addEventListener('abort', end);
  });
}
