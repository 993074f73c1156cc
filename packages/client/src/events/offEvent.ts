import { coreOf } from '../internal/core.js';
import type { StileClient, StileEventListener, StileEventName } from '../types.js';

/** Ends what {@link onEvent} began. */
export function offEvent<E extends StileEventName>(
  { event, listener }: { event: E; listener: StileEventListener<E> },
  client?: StileClient,
): void {
  coreOf(client)
    .listeners.get(event)
    ?.delete(listener as StileEventListener<StileEventName>);
}
