import { StileError } from '../errors/StileError.js';
import { coreOf, onlyClient, unregister } from '../internal/core.js';
import { abortCeremony } from '../internal/webauthn.js';
import type { StileClient } from '../types.js';

/**
 * Lets go of a client without signing anybody out: it is no default client any more, hears nothing of other tabs, has
 * no timers and stores nothing. What waits for it fails with the code `client_destroyed_error`. For tests, hot
 * reloading and pages that change the environment.
 */
export function destroyClient(client: StileClient = onlyClient()): void {
  const core = coreOf(client);
  core.life.abort(
    new StileError({ code: 'client_destroyed_error', message: 'The client has been destroyed' }),
  );
  clearTimeout(core.expiryTimer);
  abortCeremony(core);
  core.listeners.clear();
  for (const cleanup of core.cleanups.splice(0)) cleanup();
  unregister(client);
}
