import {
  getSessionsOperation,
  type UserSession,
  type UserSessionsResponse,
  UserSessionsResponseDates,
} from '@stile/api';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/** The sessions of the signed-in user, newest first: where else the account is open. `current` marks this one. */
export async function getSessions(client?: StileClient): Promise<UserSession[]> {
  const { sessions } = await request<UserSessionsResponse>(await readyCore(client), {
    ...getSessionsOperation,
    shape: { sessions: 'array' },
    dates: UserSessionsResponseDates,
  });
  return sessions;
}
