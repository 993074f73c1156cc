import type { Logger, MaybePromise, StorageAdapter } from '../types.js';
import { WAIT_LIMIT, within } from './limits.js';

/**
 * The client's named JSON values. Nothing here ever fails: what the storage refuses, loses or does not answer is kept
 * in memory. A storage that answers at once (`localStorage`) is read and written before the call returns.
 */
export type BlobStore = {
  /** Full name of a key, as the storage sees it. */
  keyOf(name: string): string;
  read(name: string): MaybePromise<unknown>;
  write(name: string, value: unknown): MaybePromise<void>;
  remove(name: string): MaybePromise<void>;
  /** Lays `patch` over the stored object, which another tab may have changed in the meantime. */
  patch(name: string, patch: Record<string, unknown>): MaybePromise<void>;
};

/** Values are JSON `{"value": …}`. `isOpen` says whether the client may still write. */
export function blobStore(
  prefix: string,
  adapter: StorageAdapter,
  logger: Logger,
  isOpen: () => boolean,
): BlobStore {
  const { get, set } = dependable(adapter, logger);
  const keyOf = (name: string) => `${prefix}${name}`;
  // A storage that answers later is asked one thing after the other: a patch reads before it writes.
  let last: Promise<unknown> | undefined;
  const inTurn = <T>(run: () => MaybePromise<T>): MaybePromise<T> => {
    const result = last ? last.then(run) : run();
    if (!isPromise(result)) return result;
    const turn = result.then(() => {
      if (last === turn) last = undefined;
    });
    last = turn;
    return result;
  };
  const save = (name: string, value: unknown): MaybePromise<void> =>
    isOpen() ? set(keyOf(name), JSON.stringify({ value })) : undefined;
  return {
    keyOf,
    read: (name) => inTurn(() => andThen(get(keyOf(name)), decode)),
    write: (name, value) => inTurn(() => save(name, value)),
    remove: (name) => inTurn(() => (isOpen() ? set(keyOf(name), null) : undefined)),
    patch: (name, patch) =>
      inTurn(() =>
        andThen(get(keyOf(name)), (text) => {
          const stored = decode(text);
          return save(name, { ...(typeof stored === 'object' ? stored : undefined), ...patch });
        }),
      ),
  };
}

function decode(text: string | null | undefined): unknown {
  if (!text) return undefined;
  try {
    return JSON.parse(text)?.value;
  } catch {
    // Written by something else: as good as absent.
    return undefined;
  }
}

/** A storage that never throws and always answers, if need be from what this page wrote and read. */
function dependable(adapter: StorageAdapter, logger: Logger) {
  const memory = new Map<string, string | null>();
  /** Keys whose latest value the storage did not take. */
  const refused = new Set<string>();
  let warned = false;
  let isDead = false;
  const warn = (cause: unknown) => {
    if (!warned) logger.warn('Stile: the storage fails; the page goes on from memory', cause);
    warned = true;
  };
  /** Runs an operation of the storage; `otherwise` answers when it throws, rejects or does not end. */
  const attempt = <T>(run: () => MaybePromise<T>, otherwise: (cause: unknown) => MaybePromise<T>) => {
    try {
      const result = run();
      if (!isPromise(result)) return result;
      const late = () => {
        // Waiting at every further call would make the page as slow as its storage.
        isDead = true;
        return new Error('no answer from the storage');
      };
      return within(result, WAIT_LIMIT, late).catch(otherwise);
    } catch (cause) {
      return otherwise(cause);
    }
  };
  const write = (key: string, text: string | null) =>
    text === null ? adapter.removeItem(key) : adapter.setItem(key, text);

  const get = (key: string): MaybePromise<string | null | undefined> => {
    const known = () => memory.get(key);
    if (isDead) return known();
    const read = attempt(
      () => adapter.getItem(key),
      (cause) => {
        warn(cause);
        return known();
      },
    );
    return andThen(read, (text) => {
      // What the storage did not take is not in it. What is there is older, or was written by another tab.
      if (refused.has(key) && !text) return known();
      memory.set(key, text ?? null);
      return text;
    });
  };
  const set = (key: string, text: string | null): MaybePromise<void> => {
    const before = memory.get(key);
    memory.set(key, text);
    if (isDead) return;
    const giveUp = (cause: unknown) => {
      refused.add(key);
      warn(cause);
    };
    // A full storage may have room once the old value is gone, and must not keep it as if it were the newest.
    const makeRoom = () => attempt(() => andThen(adapter.removeItem(key), () => write(key, text)), putBack);
    // Other tabs take a removal for a sign-out, so a shorter value goes back where a longer one has no room. The record of a
    // sign-out is shorter than any session, so this revives none.
    const putBack = (cause: unknown): MaybePromise<void> => {
      giveUp(cause);
      if (!before || !text || before.length >= text.length) return;
      return attempt(
        () => write(key, before),
        () => undefined,
      );
    };
    refused.delete(key);
    return attempt(() => write(key, text), makeRoom);
  };
  return { get, set };
}

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as PromiseLike<T> | undefined)?.then === 'function';
}

/** Goes on with a value: at once when it is there, else when it comes. */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** What the page keeps when the browser keeps nothing; all clients of a page share it. */
const pageMemory: Map<string, string> = /* @__PURE__ */ new Map();

const memoryStorage: StorageAdapter = {
  getItem: (key) => pageMemory.get(key),
  setItem: (key, value) => void pageMemory.set(key, value),
  removeItem: (key) => void pageMemory.delete(key),
};

/** `localStorage`, or memory where the browser forbids it (a sandboxed frame, blocked cookies) or has none. */
export function pageStorage(): StorageAdapter {
  try {
    return window.localStorage ?? memoryStorage;
  } catch {
    return memoryStorage;
  }
}
