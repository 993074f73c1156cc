import { createEmailVerificationOperation } from '@stile/api';
import type { Core } from './core.js';
import { takeNonce } from './nonces.js';

/** The proof for a call. A code can be asked for without one: the proof then counts with the answer. */
export async function proofFor(core: Core, path: string): Promise<Record<string, string>> {
  try {
    return await deviceProof(core);
  } catch (error) {
    if (path !== createEmailVerificationOperation.path) throw error;
    return {};
  }
}

/** Shows that this browser holds the device key, by a signature over a fresh nonce. */
async function deviceProof(core: Core): Promise<Record<string, string>> {
  const publicKey = await core.keychain.createKey('device');
  const nonce = await takeNonce(core);
  return {
    'x-dynamic-device-nonce': nonce,
    'x-dynamic-device-publickey': publicKey,
    'x-dynamic-device-signed-nonce': await core.keychain.sign('device', nonce),
  };
}
