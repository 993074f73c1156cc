import { refreshAuthOperation, type VerifyResponse } from '@stile/api';
import { UserNotAuthenticatedError } from '../errors/UserNotAuthenticatedError.js';
import { readyCore, usesCookie } from '../internal/core.js';
import { until } from '../internal/limits.js';
import { withLock } from '../internal/locks.js';
import { isLive, sentOf } from '../internal/record.js';
import { readStored } from '../internal/recordStore.js';
import { authenticate } from '../internal/session.js';
import type { StileClient } from '../types.js';

/**
 * Renews the session: new tokens, a new expiry, the user as the server has it now. When the server refuses it, because
 * the session was ended elsewhere, the client signs out before the promise rejects. With an expired token that may take
 * 20 seconds longer, while another tab is renewing the session.
 *
 * @throws UserNotAuthenticatedError when nobody is signed in, or the user signs out meanwhile
 */
export async function refreshAuth(client?: StileClient): Promise<VerifyResponse> {
  const core = await readyCore(client);
  await readStored(core);
  // Whether a cookie holds a session, only the server can tell; but not one that the user has just ended.
  const mayBeIn = isLive(core.record) || (usesCookie(core) && !core.record.owesRevoke);
  if (!mayBeIn) throw new UserNotAuthenticatedError();
  const since = sentOf(core.record);
  try {
    return await withLock(core, 'refresh', () =>
      authenticate<VerifyResponse>(core, { kind: 'refresh', ...refreshAuthOperation, since }),
    );
  } catch (error) {
    // Whoever hears of a refusal finds the user signed out. Under the lock, this would wait for itself.
    await until(core.life.signal, core.ending);
    throw error;
  }
}
