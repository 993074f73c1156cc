const chains: Map<string, Promise<unknown>> = /* @__PURE__ */ new Map();

/** Runs one at a time: over all tabs where the browser has Web Locks, else over this page. */
export async function withLock<T>(name: string, run: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  if (locks) return await locks.request(name, run);
  const result = (chains.get(name) ?? Promise.resolve()).then(run);
  const settled = result.catch(() => undefined);
  chains.set(name, settled);
  // The last one out takes the chain away.
  void settled.then(() => chains.get(name) === settled && chains.delete(name));
  return result;
}
