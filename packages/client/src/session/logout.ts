import { readyCore } from '../internal/core.js';
import { signOut } from '../internal/session.js';
import type { StileClient } from '../types.js';

/**
 * Signs out, here and in the other tabs, and ends the session on the server. Works without a network too. Emits
 * `logout`.
 */
export async function logout(client?: StileClient): Promise<void> {
  await signOut(await readyCore(client), 'user-intent');
}
