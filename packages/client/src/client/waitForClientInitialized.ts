import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import { onEvent } from '../events/onEvent.js';
import { coreOf, onlyClient } from '../internal/core.js';
import { until } from '../internal/limits.js';
import type { StileClient } from '../types.js';

/** Resolves when the client has started, at once if it has; rejects with `initError` when the start fails. */
export async function waitForClientInitialized(client: StileClient = onlyClient()): Promise<void> {
  const core = coreOf(client);
  if (!core.store) throw new UnavailableInServerSideError('waitForClientInitialized');
  if (client.initStatus === 'finished') return;
  if (client.initStatus === 'failed') throw client.initError;
  const started = new Promise<void>((resolve, reject) => {
    const stop = onEvent(
      {
        event: 'initStatusChanged',
        listener: ({ initStatus }) => {
          if (initStatus !== 'finished' && initStatus !== 'failed') return;
          stop();
          if (initStatus === 'finished') resolve();
          else reject(client.initError);
        },
      },
      client,
    );
  });
  await until(core.life.signal, started);
}
