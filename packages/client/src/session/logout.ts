import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import { coreOf } from '../internal/core.js';
import { signOut } from '../internal/signOut.js';
import type { StileClient } from '../types.js';

/**
 * Signs out, here and in the other tabs, at once: also without a network, and while the client still starts. The
 * server is told in the background, again and again until it has heard it or the page is left. Emits `logout`.
 */
export async function logout(client?: StileClient): Promise<void> {
  const core = coreOf(client);
  if (!core.store) throw new UnavailableInServerSideError('logout');
  core.life.signal.throwIfAborted();
  await signOut(core, 'user-intent');
}
