import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { indexedDbKeychain } from './keychain.js';

const fromHex = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

/** SEC 1 §2.3.4 for P-256: y is a square root, which for this prime is one power. */
function decompress(hex: string): Uint8Array<ArrayBuffer> {
  const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  const power = (base: bigint, exponent: bigint): bigint => {
    if (exponent === 0n) return 1n;
    const half = power((base * base) % p, exponent >> 1n);
    return exponent & 1n ? (half * base) % p : half;
  };
  const x = BigInt(`0x${hex.slice(2)}`);
  const root = power((x ** 3n - 3n * x + b) % p, (p + 1n) / 4n);
  const y = root % 2n === BigInt(Number(hex.slice(0, 2)) - 2) ? root : p - root;
  return fromHex(`04${hex.slice(2)}${y.toString(16).padStart(64, '0')}`) as Uint8Array<ArrayBuffer>;
}

describe('the keychain', () => {
  it('signs with the key that it names: compressed P-256 point, r‖s over SHA-256', async () => {
    const keychain = indexedDbKeychain('sign');
    const publicKey = await keychain.createKey('device');
    const signature = await keychain.sign('device', 'nonce é');
    expect(signature).toMatch(/^[0-9a-f]{128}$/);
    const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
    const key = await crypto.subtle.importKey('raw', decompress(publicKey), P256, false, ['verify']);
    const text = new TextEncoder().encode('nonce é');
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    expect(await crypto.subtle.verify(algorithm, key, fromHex(signature), text)).toBe(true);
  });

  it('keeps keys over a reload, and the private part to itself', async () => {
    const publicKey = await indexedDbKeychain('reload').createKey('session');
    const reloaded = indexedDbKeychain('reload');
    expect(await reloaded.getPublicKey('session')).toBe(publicKey);
    expect(await reloaded.createKey('session')).toBe(publicKey);
    expect(await reloaded.getPublicKey('device')).toBeUndefined();
    const pair = await new Promise<CryptoKeyPair>((resolve) => {
      indexedDB.open('reload').onsuccess = function () {
        const request = this.result.transaction('keys').objectStore('keys').get('session');
        request.onsuccess = () => resolve(request.result);
      };
    });
    expect(pair.privateKey.extractable).toBe(false);
  });

  it('makes one key for two tabs that start at once', async () => {
    const tabs = [indexedDbKeychain('tabs'), indexedDbKeychain('tabs')];
    const [first, second] = await Promise.all(tabs.map((tab) => tab.createKey('session')));
    expect(first).toBe(second);
  });

  it('replaces a deleted key, also after the database was taken away', async () => {
    const keychain = indexedDbKeychain('deleted');
    const before = await keychain.createKey('session');
    await keychain.deleteKey('session');
    const after = await keychain.createKey('session');
    expect(after).not.toBe(before);
    await new Promise((resolve) => {
      indexedDB.deleteDatabase('deleted').onsuccess = resolve;
    });
    expect(await keychain.getPublicKey('session')).toBeUndefined();
    expect(await keychain.createKey('session')).not.toBe(after);
  });
});
