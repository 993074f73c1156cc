import { coreOf } from '../internal/core.js';
import type { StileClient, StileEventListener, StileEventName } from '../types.js';

/** Calls `listener` at each event of that name. Answers a function that ends this. */
export function onEvent<E extends StileEventName>(
  { event, listener }: { event: E; listener: StileEventListener<E> },
  client?: StileClient,
): () => void {
  const { listeners } = coreOf(client);
  const known = listeners.get(event) ?? new Set();
  known.add(listener as StileEventListener<StileEventName>);
  listeners.set(event, known);
  return () => void known.delete(listener as StileEventListener<StileEventName>);
}
