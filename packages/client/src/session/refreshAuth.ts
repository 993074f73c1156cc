import type { VerifyResponse } from '@stile/api';
import { readyCore, usesCookie } from '../internal/core.js';
import { withLock } from '../internal/locks.js';
import { adoptStored, authenticate } from '../internal/session.js';
import type { StileClient } from '../types.js';

/** Renews the session: new tokens, a new expiry, the user as the server has it now. */
export async function refreshAuth(client?: StileClient): Promise<VerifyResponse> {
  const core = await readyCore(client);
  return withLock(core.store?.keyOf('refresh') ?? 'refresh', async () => {
    // Another tab may just have refreshed: go on from its token.
    if (!usesCookie(core)) await adoptStored(core);
    return authenticate<VerifyResponse>(core, { method: 'POST', path: '/refresh' });
  });
}
