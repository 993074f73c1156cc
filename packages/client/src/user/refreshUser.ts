import type { SdkUser } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { fetchUser } from '../internal/session.js';
import type { StileClient } from '../types.js';

/** Fetches the user anew. Tokens and scopes of the session stay as they are. */
export async function refreshUser(client?: StileClient): Promise<SdkUser> {
  return fetchUser(await readyCore(client));
}
