import { getNoncesOperation } from '@stile/api';
import type { Shape } from './answers.js';
import type { Core } from './core.js';
import { NONCES_LIMIT } from './limits.js';
import { withLock } from './locks.js';
import { ask } from './sessionless.js';

const NAME = 'nonce-pool';
const COUNT = 5;
const LIFETIME = 24 * 60 * 60 * 1000;
const TRIES = 3;
const SHAPE: Shape = { nonces: 'array' };

/** `expiration` is by the browser's clock, in milliseconds since 1970. */
type Pool = { nonces: string[]; expiration: number };

/** One unused nonce of the server. The pool is shared by all tabs, hence the lock: each nonce counts once. */
export async function takeNonce(core: Core): Promise<string> {
  for (let left = TRIES; left > 0; left--) {
    const taken = await takeFromPool(core);
    if (taken) {
      if (taken.left <= 1) void topUpNonces(core);
      return taken.nonce;
    }
    await fill(core, 0);
  }
  throw new Error('The server gave no nonces');
}

/** Fetches nonces when at most one is left. Never fails: a call that needs one will ask again, and tell. */
export async function topUpNonces(core: Core): Promise<void> {
  try {
    await fill(core, 1);
  } catch (error) {
    if (!core.life.signal.aborted) core.logger.warn('Stile: no nonces', error);
  }
}

/** Throws all nonces away, for the case that the server knows them no more. */
export async function dropNonces(core: Core): Promise<void> {
  await locked(core, async () => core.store?.remove(NAME));
}

function takeFromPool(core: Core): Promise<{ nonce: string; left: number } | undefined> {
  return locked(core, async () => {
    const pool = await readPool(core);
    const nonce = pool.nonces.shift();
    if (nonce === undefined) return undefined;
    await core.store?.write(NAME, pool);
    return { nonce, left: pool.nonces.length };
  });
}

/**
 * Fetches nonces unless more than `few` are there. Tabs do so one after the other, under another lock than those who
 * only take one: these do not wait for the network.
 */
function fill(core: Core, few: number): Promise<void> {
  return withLock(core, 'nonces-fetch', async () => {
    if ((await readPool(core)).nonces.length > few) return;
    const { nonces } = await ask<{ nonces: string[] }>(core, {
      ...getNoncesOperation,
      query: { count: COUNT },
      shape: SHAPE,
      limit: NONCES_LIMIT,
    });
    await locked(core, async () => {
      const pool = await readPool(core);
      const added = nonces.filter((nonce) => typeof nonce === 'string' && !pool.nonces.includes(nonce));
      // The older expiry stays: it is that of the oldest nonce.
      await core.store?.write(NAME, { ...pool, nonces: [...pool.nonces, ...added] });
    });
  });
}

async function readPool(core: Core): Promise<Pool> {
  const stored = (await core.store?.read(NAME)) as Pool | undefined;
  const left = (stored?.expiration ?? 0) - Date.now();
  const isUsable = left > 0 && left <= LIFETIME && Array.isArray(stored?.nonces) && stored.nonces.length > 0;
  return isUsable && stored ? stored : { nonces: [], expiration: Date.now() + LIFETIME };
}

function locked<T>(core: Core, run: () => Promise<T>): Promise<T> {
  return withLock(core, 'nonces', run);
}
