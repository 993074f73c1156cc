import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { indexedDbKeychain } from './keychain.js';

let names = 0;
/** Keys in memory are shared by a page, so each test has a database of its own. */
const fresh = () => `faults-${++names}`;

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const logger = () => ({ warn: vi.fn(), error: vi.fn() });

describe('a key store that fails', () => {
  it('is opened anew when its connection has died without a word', async () => {
    const opened: IDBDatabase[] = [];
    const open = indexedDB.open.bind(indexedDB);
    vi.spyOn(indexedDB, 'open').mockImplementation((...args) => {
      const request = open(...args);
      request.addEventListener('success', () => opened.push(request.result));
      return request;
    });
    const log = logger();
    const keychain = indexedDbKeychain(fresh(), log);
    const key = await keychain.createKey('device');
    // As iOS does it: closed, and nobody is told.
    for (let i = 0; i < 3; i++) {
      opened.at(-1)?.close();
      expect(await keychain.getPublicKey('device')).toBe(key);
      opened.at(-1)?.close();
      expect(await keychain.sign('device', 'text')).toMatch(/^[0-9a-f]{128}$/);
    }
    expect(keychain.isVolatile()).toBe(false);
    expect(log.warn).not.toHaveBeenCalled();
  });

  it.each([
    ['is absent', () => vi.stubGlobal('indexedDB', undefined)],
    [
      'is refused',
      () =>
        vi.spyOn(indexedDB, 'open').mockImplementation(() => {
          throw new DOMException('denied', 'SecurityError');
        }),
    ],
    [
      'cannot store keys',
      () =>
        vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(() => {
          throw new DOMException('no CryptoKey', 'DataCloneError');
        }),
    ],
  ])('and %s is replaced by memory, with one warning', async (_name, breakIt) => {
    const { IDBObjectStore } = await import('fake-indexeddb');
    vi.stubGlobal('IDBObjectStore', IDBObjectStore);
    breakIt();
    const log = logger();
    const database = fresh();
    const keychain = indexedDbKeychain(database, log);
    const key = await keychain.createKey('session');
    expect(key).toMatch(/^0[23][0-9a-f]{64}$/);
    expect(await keychain.createKey('session')).toBe(key);
    expect(await keychain.sign('session', 'text')).toMatch(/^[0-9a-f]{128}$/);
    expect(keychain.isVolatile()).toBe(true);
    // Another client of the page has the same keys.
    expect(await indexedDbKeychain(database, log).getPublicKey('session')).toBe(key);
    await keychain.deleteKey('session');
    expect(await keychain.getPublicKey('session')).toBeUndefined();
    expect(log.warn).toHaveBeenCalledOnce();
    vi.restoreAllMocks();
  });

  it('and never opens is waited for no longer than three seconds', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => ({}) as IDBOpenDBRequest);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const log = logger();
    const keychain = indexedDbKeychain(fresh(), log);
    const key = keychain.createKey('device');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await key).toMatch(/^0[23]/);
    // The next ones do not wait again.
    expect(await keychain.sign('device', 'text')).toMatch(/^[0-9a-f]{128}$/);
    expect(log.warn).toHaveBeenCalledOnce();
  });

  it('later goes on with the keys that it gave before', async () => {
    const log = logger();
    const keychain = indexedDbKeychain(fresh(), log);
    const key = await keychain.createKey('device');
    vi.spyOn(IDBFactory.prototype, 'open').mockImplementation(() => {
      throw new DOMException('gone', 'UnknownError');
    });
    const { IDBDatabase } = await import('fake-indexeddb');
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('closed', 'InvalidStateError');
    });
    expect(await keychain.createKey('device')).toBe(key);
    expect(log.warn).toHaveBeenCalledOnce();
    vi.restoreAllMocks();
  });
});
