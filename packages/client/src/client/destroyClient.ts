import { coreOf, onlyClient, unregister } from '../internal/core.js';
import type { StileClient } from '../types.js';

/**
 * Lets go of a client without signing anybody out: it is no default client any more, hears nothing of other tabs
 * and has no timers. For tests, hot reloading and pages that change the environment.
 */
export function destroyClient(client: StileClient = onlyClient()): void {
  const core = coreOf(client);
  clearTimeout(core.expiryTimer);
  core.ceremony?.abort();
  core.listeners.clear();
  for (const cleanup of core.cleanups.splice(0)) cleanup();
  unregister(client);
}
