import { StileError } from '../errors/StileError.js';
import type { Keychain, KeyName, Logger } from '../types.js';
import { toHex } from './encoding.js';
import { WAIT_LIMIT, within } from './limits.js';

const STORE = 'keys';
const P256: EcKeyAlgorithm & EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };

/** What the default key store can tell beside the keys. */
export type DefaultKeychain = {
  /** Whether the keys are in memory only, because the browser does not keep them. */
  isVolatile(): boolean;
};

/** Keys that the browser does not keep, by database: all clients of a page share them. */
const pageKeys: Map<string, Map<KeyName, CryptoKeyPair>> = /* @__PURE__ */ new Map();

/**
 * Keys in IndexedDB. The private parts cannot be exported, by no script of the page either. Where the browser has no
 * IndexedDB, refuses it, cannot store keys in it or does not answer, the keys live in memory as long as the page does.
 */
export function indexedDbKeychain(database: string, logger: Logger = console): Keychain & DefaultKeychain {
  const db = keyDatabase(database);
  const memory = () => {
    const known = pageKeys.get(database) ?? new Map<KeyName, CryptoKeyPair>();
    pageKeys.set(database, known);
    return known;
  };
  /** Keys that the database gave so far: they go on being used when it fails later. */
  const seen = new Map<KeyName, CryptoKeyPair>();
  let isVolatile = pageKeys.has(database);
  const goVolatile = (cause: unknown) => {
    if (isVolatile) return;
    logger.warn('Stile: the browser does not keep keys; they last as long as the page', cause);
    isVolatile = true;
    for (const [name, pair] of seen) if (!memory().has(name)) memory().set(name, pair);
  };
  const read = async (name: KeyName): Promise<CryptoKeyPair | undefined> => {
    if (!isVolatile) {
      try {
        const pair: CryptoKeyPair | undefined = await db.run('readonly', (store) => store.get(name));
        if (pair) seen.set(name, pair);
        return pair;
      } catch (cause) {
        goVolatile(cause);
      }
    }
    return memory().get(name);
  };
  /** Keeps the pair unless there is one, and answers the one that is kept. */
  const add = async (name: KeyName, made: CryptoKeyPair): Promise<CryptoKeyPair> => {
    if (!isVolatile) {
      try {
        // `add` refuses a second key, so that two tabs that start at once end with the same one.
        await db.run('readwrite', (store) => {
          const request = store.add(made, name);
          request.onerror = (event) => event.preventDefault();
          return request as IDBRequest<unknown>;
        });
      } catch (cause) {
        goVolatile(cause);
      }
    }
    const kept = await read(name);
    if (kept) return kept;
    goVolatile(new Error('the key was not kept'));
    const present = memory().get(name) ?? made;
    memory().set(name, present);
    return present;
  };

  return {
    isVolatile: () => isVolatile,
    async getPublicKey(name) {
      const pair = await read(name);
      return pair && publicKeyOf(pair);
    },
    async createKey(name) {
      const present = await read(name);
      if (present) return publicKeyOf(present);
      return publicKeyOf(
        await add(name, (await subtle().generateKey(P256, false, ['sign', 'verify'])) as CryptoKeyPair),
      );
    },
    async sign(name, text) {
      const pair = await read(name);
      if (!pair) throw new StileError({ code: 'keychain_error', message: `There is no ${name} key` });
      const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
      const signature = await subtle().sign(algorithm, pair.privateKey, new TextEncoder().encode(text));
      return toHex(new Uint8Array(signature));
    },
    async deleteKey(name) {
      seen.delete(name);
      if (pageKeys.has(database)) memory().delete(name);
      if (isVolatile) return;
      await db.run('readwrite', (store) => store.delete(name)).catch(goVolatile);
    },
  };
}

/** The database. A connection that turns out to be dead is opened anew, once. */
function keyDatabase(name: string) {
  let opening: Promise<IDBDatabase> | undefined;
  const forget = () => {
    opening = undefined;
  };
  const attempt = async <T>(
    mode: IDBTransactionMode,
    run: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    opening ??= open(name, forget);
    const transaction = (await opening).transaction(STORE, mode);
    const done = settled(transaction);
    const request = run(transaction.objectStore(STORE));
    await done;
    return request.result;
  };
  const limited = <T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>) =>
    within(attempt(mode, run), WAIT_LIMIT, () => new KeyStoreHangs());
  return {
    async run<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
      const wasOpen = opening !== undefined;
      try {
        return await limited(mode, run);
      } catch (cause) {
        forget();
        // Safari closes connections without telling. Whoever opened it just now, or waited in vain, gives up.
        if (!wasOpen || cause instanceof KeyStoreHangs) throw cause;
        return await limited(mode, run);
      }
    },
  };
}

class KeyStoreHangs extends Error {
  constructor() {
    super('no answer from IndexedDB');
  }
}

function open(database: string, onGone: () => void): Promise<IDBDatabase> {
  if (typeof indexedDB === 'undefined') return Promise.reject(new Error('there is no IndexedDB'));
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      const opened = request.result;
      opened.onclose = onGone;
      // Whoever deletes the database ("clear site data") must not wait for this page.
      opened.onversionchange = () => {
        opened.close();
        onGone();
      };
      resolve(opened);
    };
    request.onerror = () => reject(request.error);
  });
}

function settled(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** SEC1 compressed point (SEC 1 §2.3.3): the sign of y, then x. */
async function publicKeyOf({ publicKey }: CryptoKeyPair): Promise<string> {
  const point = new Uint8Array(await subtle().exportKey('raw', publicKey));
  const x = point.subarray(1, 33);
  const odd = (point[64] ?? 0) & 1;
  return toHex(Uint8Array.of(2 + odd, ...x));
}

function subtle(): SubtleCrypto {
  // Browsers leave it out on pages without https, except on localhost.
  if (!globalThis.crypto?.subtle) {
    throw new StileError({
      code: 'insecure_context_error',
      message: 'Stile needs a secure page: https, or http on localhost',
    });
  }
  return globalThis.crypto.subtle;
}
