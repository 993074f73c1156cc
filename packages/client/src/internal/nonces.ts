import type { Core } from './core.js';
import { withLock } from './locks.js';
import { request } from './request.js';

const NAME = 'nonce-pool';
const COUNT = 5;
const LIFETIME = 24 * 60 * 60 * 1000;

type Pool = { nonces: string[]; expiration: number };

/** One unused nonce of the server. The pool is shared by all tabs, hence the lock: each nonce counts once. */
export async function takeNonce(core: Core): Promise<string> {
  const { nonce, left } = await locked(core, async () => {
    const pool = await filled(core, 0);
    const nonce = pool.nonces.shift();
    if (nonce === undefined) throw new Error('The server gave no nonces');
    await core.store?.write(NAME, pool);
    return { nonce, left: pool.nonces.length };
  });
  if (left <= 1) void topUpNonces(core);
  return nonce;
}

/** Fetches nonces when at most one is left. Never fails: a call that needs one will ask again, and tell. */
export async function topUpNonces(core: Core): Promise<void> {
  try {
    await locked(core, async () => core.store?.write(NAME, await filled(core, 1)));
  } catch (error) {
    core.logger.warn('Stile: no nonces', error);
  }
}

/** Throws all nonces away, for the case that the server knows them no more. */
export async function dropNonces(core: Core): Promise<void> {
  await locked(core, async () => core.store?.remove(NAME));
}

/** The pool with more than `few` nonces in it. */
async function filled(core: Core, few: number): Promise<Pool> {
  const stored = await core.store?.read<Pool>(NAME);
  const fresh = { nonces: [], expiration: Date.now() + LIFETIME };
  const pool = stored && stored.expiration > Date.now() && stored.nonces.length > 0 ? stored : fresh;
  if (pool.nonces.length > few) return pool;
  const { nonces } = await request<{ nonces: string[] }>(core, { path: '/nonces', query: { count: COUNT } });
  // The older expiry stays: it is that of the oldest nonce.
  return { ...pool, nonces: [...pool.nonces, ...nonces] };
}

function locked<T>(core: Core, run: () => Promise<T>): Promise<T> {
  return withLock(core.store?.keyOf('nonces') ?? 'nonces', run);
}
