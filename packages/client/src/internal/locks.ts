import type { Core } from './core.js';
import { WAIT_LIMIT, within } from './limits.js';

const chains: WeakMap<object, Map<string, Promise<unknown>>> = /* @__PURE__ */ new WeakMap();

/**
 * Runs one at a time: over all tabs where the browser has Web Locks, else over the clients that share a storage. A lock
 * that another one does not give back is waited for no longer than `patience`: order is worth a wait, not a standstill.
 *
 * @param patience  in milliseconds
 */
export async function withLock<T>(
  core: Core,
  name: string,
  run: () => Promise<T>,
  patience: number = WAIT_LIMIT,
): Promise<T> {
  const { store, adapter } = core;
  if (!store || !adapter) return run();
  const locks = core.sharesPage ? globalThis.navigator?.locks : undefined;
  if (!locks) return inChain(adapter, store.keyOf(name), run, patience);
  const wait = new AbortController();
  const timer = setTimeout(() => wait.abort(), patience);
  let result: Promise<T> | undefined;
  try {
    await locks.request(store.keyOf(name), { signal: wait.signal }, () => {
      clearTimeout(timer);
      result = run();
      return result.catch(() => undefined);
    });
  } catch {
    // Waited long enough; or this page may not use locks, as in a sandboxed frame.
  } finally {
    clearTimeout(timer);
  }
  return result ?? run();
}

async function inChain<T>(owner: object, name: string, run: () => Promise<T>, patience: number): Promise<T> {
  const own = chains.get(owner) ?? new Map<string, Promise<unknown>>();
  chains.set(owner, own);
  const before = own.get(name);
  const turn = before
    ? within(before, patience, () => new Error('waited long enough')).catch(() => undefined)
    : Promise.resolve();
  const result = turn.then(run);
  const settled = result.catch(() => undefined);
  own.set(name, settled);
  // The last one out takes the chain away.
  void settled.then(() => own.get(name) === settled && own.delete(name));
  return result;
}
