import { ClientAlreadyInitializedError } from '../errors/ClientAlreadyInitializedError.js';
import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import { coreOf } from '../internal/core.js';
import { initialize } from '../internal/initialize.js';
import type { StileClient } from '../types.js';

/**
 * Starts a client that was made with `autoInitialize: false`, or one whose start failed.
 *
 * @throws ClientAlreadyInitializedError when it is started already
 */
export async function initializeClient(client?: StileClient): Promise<void> {
  const core = coreOf(client);
  if (!core.store) throw new UnavailableInServerSideError('initializeClient');
  const { initStatus } = core.state;
  if (initStatus === 'in-progress' || initStatus === 'finished') throw new ClientAlreadyInitializedError();
  await initialize(core);
}
