import type { Core } from './core.js';
import { takeNonce } from './nonces.js';

/** The routes on which the server wants to know the device. */
const ROUTES = [
  /^\/(externalAuth|farcaster|emailVerifications|smsVerifications|providers\/[^/]+)\/sign[iI]n$/,
  /^\/(farcaster|telegram|emailVerifications|smsVerifications|wallets)\/verify$/,
  /^\/verify(\/(link|merge|transfer))?$/,
  /^\/refresh$/,
  /^\/deviceRegistrations?$/,
  /^\/deviceRegistrations\/[^/]+$/,
];

export function needsDeviceProof(path: string): boolean {
  return ROUTES.some((route) => route.test(path));
}

/** Shows that this browser holds the device key, by a signature over a fresh nonce. */
export async function deviceProof(core: Core): Promise<Record<string, string>> {
  const publicKey = await core.keychain.createKey('device');
  const nonce = await takeNonce(core);
  return {
    'x-dynamic-device-nonce': nonce,
    'x-dynamic-device-publickey': publicKey,
    'x-dynamic-device-signed-nonce': await core.keychain.sign('device', nonce),
  };
}
