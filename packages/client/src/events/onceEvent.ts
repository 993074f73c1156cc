import type { StileClient, StileEventListener, StileEventName } from '../types.js';
import { onEvent } from './onEvent.js';

/** Calls `listener` at the next event of that name. Answers a function that ends the waiting. */
export function onceEvent<E extends StileEventName>(
  { event, listener }: { event: E; listener: StileEventListener<E> },
  client?: StileClient,
): () => void {
  const stop = onEvent(
    {
      event,
      listener: (payload) => {
        stop();
        listener(payload);
      },
    },
    client,
  );
  return stop;
}
