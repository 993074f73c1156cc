import {
  type GetUserPasskeysResponse,
  GetUserPasskeysResponseDates,
  getPasskeysOperation,
  type UserPasskey,
} from '@stile/api';
import type { Core } from './core.js';
import { request } from './request.js';

export async function listPasskeys(core: Core): Promise<UserPasskey[]> {
  const { passkeys } = await request<GetUserPasskeysResponse>(core, {
    ...getPasskeysOperation,
    shape: { passkeys: 'array' },
    dates: GetUserPasskeysResponseDates,
  });
  return passkeys;
}
