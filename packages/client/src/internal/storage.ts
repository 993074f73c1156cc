import type { MaybePromise, StorageAdapter } from '../types.js';

/** The client's named JSON values. */
export type BlobStore = {
  /** Full name of a key, as the storage sees it. */
  keyOf(name: string): string;
  read<T>(name: string): Promise<T | undefined>;
  write(name: string, value: unknown): Promise<void>;
  remove(name: string): Promise<void>;
  /** Lays `patch` over the stored object, which another tab may have changed in the meantime. */
  patch(name: string, patch: Record<string, unknown>): Promise<void>;
};

/** Values are JSON `{"value": …}`, dates in them `__DATE__<ISO>`, as the public contract's clients store them. */
export function blobStore(prefix: string, adapter: StorageAdapter): BlobStore {
  const keyOf = (name: string) => `${prefix}${name}`;
  // One after the other: a patch reads before it writes.
  let last: Promise<unknown> = Promise.resolve();
  const queued = <T>(run: () => MaybePromise<T>): Promise<T> => {
    const next = last.then(run, run);
    last = next.catch(() => undefined);
    return next;
  };
  const read = async (name: string) => decode(await adapter.getItem(keyOf(name)));
  return {
    keyOf,
    read: <T>(name: string) => queued(() => read(name)) as Promise<T | undefined>,
    write: (name, value) => queued(() => adapter.setItem(keyOf(name), encode(value))),
    remove: (name) => queued(() => adapter.removeItem(keyOf(name))),
    patch: (name, patch) =>
      queued(async () => {
        const stored = await read(name);
        const merged = { ...(typeof stored === 'object' ? stored : undefined), ...patch };
        await adapter.setItem(keyOf(name), encode(merged));
      }),
  };
}

const DATE = '__DATE__';

function encode(value: unknown): string {
  return JSON.stringify({ value }, function (this: Record<string, unknown>, key, json) {
    const raw = this[key];
    return raw instanceof Date ? `${DATE}${raw.toISOString()}` : json;
  });
}

function decode(text: string | null | undefined): unknown {
  if (!text) return undefined;
  try {
    const stored = JSON.parse(text, (_key, json) =>
      typeof json === 'string' && json.startsWith(DATE) ? new Date(json.slice(DATE.length)) : json,
    );
    return stored?.value;
  } catch {
    // Written by something else: as good as absent.
    return undefined;
  }
}

/** `localStorage`, or memory where the browser forbids it (a sandboxed frame, blocked cookies). */
export function pageStorage(): StorageAdapter {
  try {
    return window.localStorage;
  } catch {
    const memory = new Map<string, string>();
    return {
      getItem: (key) => memory.get(key),
      setItem: (key, value) => void memory.set(key, value),
      removeItem: (key) => void memory.delete(key),
    };
  }
}
