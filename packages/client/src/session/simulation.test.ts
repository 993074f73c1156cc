// @vitest-environment node
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browser, randomOf } from '../testing/simulation.js';

/** `STILE_EPISODES=20000` looks longer; `STILE_SEED=17` plays one episode and tells it. */
const EPISODES = Number(process.env.STILE_EPISODES ?? 1_100);
const ONLY = process.env.STILE_SEED;

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});

afterAll(() => {
  vi.useRealTimers();
});

async function play(seed: number): Promise<void> {
  const random = randomOf(seed);
  vi.setSystemTime(1_800_000_000_000);
  const time = {
    advance: (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds),
    setClock: (milliseconds: number) => vi.setSystemTime(1_800_000_000_000 + milliseconds),
  };
  // In every third episode somebody is signed in, with tokens that expire while they are renewed.
  const isShortLived = seed % 3 === 0;
  const browser = new Browser(random, time, isShortLived ? 5 + random(11) : 3_600);
  try {
    for (let tabs = 2 + random(3); tabs > 0; tabs--) browser.open();
    if (isShortLived) await browser.signIn();
    for (let steps = 30 + random(30); steps > 0; steps--) await browser.step();
    await browser.end();
  } catch (cause) {
    throw new Error(`seed ${seed}: ${cause}\n${browser.trace.join('\n')}`, { cause });
  } finally {
    browser.destroy();
  }
}

describe('two to four tabs, a network that loses things and a server that restarts', () => {
  it('show one session or none, never one that was ended, and revoke none that nobody ended', async () => {
    const failed: string[] = [];
    const seeds = ONLY ? [Number(ONLY)] : Array.from({ length: EPISODES }, (_, index) => index + 1);
    for (const seed of seeds) {
      await play(seed).catch((error) => failed.push(String(error)));
    }
    expect(failed.length, `${failed.length} of ${seeds.length} failed, the first one:\n${failed[0]}`).toBe(0);
  }, 300_000);
});
