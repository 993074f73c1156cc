import { StileError } from '../errors/StileError.js';
import { UnavailableInServerSideError } from '../errors/UnavailableInServerSideError.js';
import type { Keychain, KeyName } from '../types.js';
import { toHex } from './encoding.js';

const STORE = 'keys';
const P256: EcKeyAlgorithm & EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };

/** Keys in IndexedDB. The private parts cannot be exported, by no script of the page either. */
export function indexedDbKeychain(database: string): Keychain {
  let opening: Promise<IDBDatabase> | undefined;
  const forget = () => {
    opening = undefined;
  };
  const inStore = async <T>(
    mode: IDBTransactionMode,
    run: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> => {
    opening ??= open(database, forget);
    opening.catch(forget);
    const transaction = (await opening).transaction(STORE, mode);
    const done = settled(transaction);
    const request = run(transaction.objectStore(STORE));
    await done;
    return request.result;
  };
  const read = (name: KeyName) => inStore<CryptoKeyPair | undefined>('readonly', (store) => store.get(name));

  return {
    async getPublicKey(name) {
      const pair = await read(name);
      return pair && publicKeyOf(pair);
    },
    async createKey(name) {
      const present = await read(name);
      if (present) return publicKeyOf(present);
      const made = (await subtle().generateKey(P256, false, ['sign', 'verify'])) as CryptoKeyPair;
      // `add` refuses a second key, so that two tabs that start at once end with the same one.
      await inStore('readwrite', (store) => {
        const request = store.add(made, name);
        request.onerror = (event) => event.preventDefault();
        return request as IDBRequest<unknown>;
      }).catch(() => undefined);
      const kept = await read(name);
      if (!kept)
        throw new StileError({ code: 'keychain_error', message: 'The browser did not keep the key' });
      return publicKeyOf(kept);
    },
    async sign(name, text) {
      const pair = await read(name);
      if (!pair) throw new StileError({ code: 'keychain_error', message: `There is no ${name} key` });
      const signature = await subtle().sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        pair.privateKey,
        new TextEncoder().encode(text),
      );
      return toHex(new Uint8Array(signature));
    },
    async deleteKey(name) {
      await inStore('readwrite', (store) => store.delete(name));
    },
  };
}

function open(database: string, onGone: () => void): Promise<IDBDatabase> {
  if (typeof indexedDB === 'undefined')
    return Promise.reject(new UnavailableInServerSideError('The keychain'));
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
    transaction.onerror = () => reject(transaction.error);
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
