import type { Core } from './core.js';
import { withLock } from './locks.js';
import { commit, readStored } from './recordStore.js';

const TRIES = 3;

/** Makes sure that the record names a session key. Each session has its own. */
export async function ensureSessionKey(core: Core): Promise<void> {
  for (let left = TRIES; !core.record.sessionKey && left > 0; left--) {
    core.creatingSessionKey ??= withLock(core, 'keys', () => replaceSessionKey(core)).finally(() => {
      core.creatingSessionKey = undefined;
    });
    await core.creatingSessionKey;
  }
}

/** A key that no session has used is taken; the one of the session before is replaced. */
async function replaceSessionKey(core: Core): Promise<void> {
  const { keychain } = core;
  await readStored(core);
  const { gen, sessionKey, deadKey } = core.record;
  if (sessionKey) return;
  if ((await keychain.getPublicKey('session')) === deadKey) await keychain.deleteKey('session');
  commit(core, { type: 'key-made', gen, publicKey: await keychain.createKey('session') });
}

/**
 * Whether the key that the record names has gone from a key store that otherwise works: nothing can be signed then.
 * Another key in its place says something else: a newer session has begun, and the record is on its way here.
 */
export function isSessionKeyMissing(core: Core): Promise<boolean> {
  return withLock(core, 'keys', async () => {
    await readStored(core);
    const { sessionKey } = core.record;
    if (!sessionKey) return false;
    try {
      return !(await core.keychain.getPublicKey('session')) && !core.keychain.isVolatile?.();
    } catch (error) {
      core.logger.warn('Stile: the key store fails', error);
      return false;
    }
  });
}
