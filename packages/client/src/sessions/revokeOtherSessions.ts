import { type EndedSessionsResponse, endOtherSessionsOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Ends all sessions of the signed-in user but this one. To be offered whenever a second factor has changed.
 *
 * @returns how many were ended
 */
export async function revokeOtherSessions(client?: StileClient): Promise<number> {
  const { ended } = await request<EndedSessionsResponse>(await readyCore(client), {
    ...endOtherSessionsOperation,
    shape: {},
  });
  return ended;
}
