// Two to four real tabs against a real server, in an order that a seed chooses: sign in, step up, refresh, sign out,
// reload, close, clocks, a server that starts anew, a session that is ended elsewhere. `STILE_FUZZ_SECONDS` looks
// longer, `STILE_SEED` begins elsewhere. Timing is the browser's own, so a seed gives the same plan, not the same run.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTab, shown, startApp, started } from './lib/app.mjs';
import { launchBrowser } from './lib/browser.mjs';
import { startStile } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const SECONDS = Number(process.env.STILE_FUZZ_SECONDS ?? 20);
const SEED = Number(process.env.STILE_SEED ?? 1);
const STEPS = 10;
/** Tabs agree within this time after the last thing happened, in milliseconds. */
const AGREEMENT = 2_000;

/**
 * Numbers that are the same in every run (Park–Miller).
 *
 * @param {number} seed
 */
function randomOf(seed) {
  let state = (seed * 7_919) % 2_147_483_647;
  return (/** @type {number} */ below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** @param {string | null} token  @returns {{ sid?: string, email?: string }} */
function claimsOf(token) {
  const payload = token?.split('.')[1];
  return payload ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : {};
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

test(`tabs under anything, for ${SECONDS} seconds`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'stile-fuzz-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  let stile = await startStile({ dataDir });
  t.after(() => stile.stop());
  const app = await startApp(stile.url);
  t.after(() => app.stop());
  const browser = await launchBrowser();
  t.after(() => browser.close());

  /** @param {number} seed */
  async function episode(seed) {
    const random = randomOf(seed);
    /** @type {string[]} */
    const trace = [];
    /** @type {string[]} */
    const revoked = [];
    /** Sessions that somebody signed out of, and those that were ended elsewhere. */
    const signedOut = new Set();
    const endedElsewhere = new Set();
    const context = await browser.newContext();
    // Half of the browsers have a clock that is hours off.
    const skew = random(2) ? (random(13) - 6) * 3_600_000 : 0;
    await context.addInitScript(`{ const now = Date.now.bind(Date); Date.now = () => now() + ${skew}; }`);
    context.on('request', (request) => {
      const { authorization } = request.headers();
      if (!request.url().endsWith('/revoke') || !authorization) return;
      const session = claimsOf(authorization.slice('Bearer '.length)).sid;
      revoked.push(`${session} (${request.headers()['x-dyn-logout-reason']})`);
    });
    /** @type {import('playwright-core').Page[]} */
    let tabs = [];
    for (let count = 2 + random(3); count > 0; count--) tabs.push(await openTab(context, app.url));
    /** @type {Promise<unknown>[]} */
    const running = [];
    let addresses = 0;

    /** @param {import('playwright-core').Page} tab  @param {string} email  @param {boolean} steps */
    const enterCode = async (tab, email, steps) => {
      const otpVerification = await tab.evaluate((to) => window.stile.sendEmailOTP({ email: to }), email);
      // A mail may never come, and nobody may go on looking then: the process would not end.
      const until = Date.now() + 5_000;
      let mails = await stile.outbox(email).catch(() => []);
      while (!mails[0] && Date.now() < until) {
        await pause(50);
        mails = await stile.outbox(email).catch(() => []);
      }
      if (!mails[0]) throw new Error(`no mail to ${email}`);
      const verificationToken = mails[0].code;
      const params = { otpVerification, verificationToken };
      await tab.evaluate(
        (all) => window.stile.verifyOTP(all),
        steps ? { ...params, requestedScopes: /** @type {const} */ (['credential:link']) } : params,
      );
    };
    /** @param {string} name  @param {() => Promise<unknown>} run */
    const begin = (name, run) => {
      trace.push(name);
      // Calls may fail: the tab is closed, the server away, somebody signed out. They may not stay open.
      running.push(
        within(
          run().catch(() => undefined),
          name,
          40_000,
        ),
      );
    };

    for (let step = 0; step < STEPS; step++) {
      const at = random(tabs.length);
      const tab = tabs[at];
      const kind = random(100);
      if (!tab) break;
      if (kind < 28) {
        const email = `fuzz-${seed}-${++addresses}@example.org`;
        begin(`${at}: sign in`, async () => {
          if (!(await shown(tab)).user) await enterCode(tab, email, false);
        });
      } else if (kind < 38) {
        begin(`${at}: step up`, async () => {
          const { user } = await shown(tab);
          if (user) await enterCode(tab, user, true);
        });
      } else if (kind < 58) {
        begin(`${at}: refresh`, () => tab.evaluate(() => window.stile.refreshAuth()));
      } else if (kind < 64) {
        begin(`${at}: fetch the user`, () => tab.evaluate(() => window.stile.refreshUser()));
      } else if (kind < 78) {
        begin(`${at}: sign out`, async () => {
          // The session of this very moment: another tab's may have come since this one looked.
          const ended = await tab.evaluate(() => {
            const name = Object.keys(localStorage).find((key) => key.endsWith('_session'));
            const { user } = JSON.parse((name && localStorage.getItem(name)) || '{}').value ?? {};
            void window.stile.logout();
            return user?.sessionId;
          });
          if (ended) signedOut.add(ended);
        });
      } else if (kind < 84) {
        begin(`${at}: reload`, () => tab.reload());
      } else if (kind < 88 && tabs.length > 1) {
        trace.push(`${at}: close`);
        tabs = tabs.filter((each) => each !== tab);
        await tab.close();
      } else if (kind < 92 && tabs.length < 4) {
        trace.push('open');
        tabs.push(await openTab(context, app.url));
      } else if (kind < 95) {
        begin('a session is ended elsewhere', async () => {
          const { token, session } = await shown(tab);
          if (!token) return;
          endedElsewhere.add(session);
          const headers = { authorization: `Bearer ${token}`, origin: new URL(app.url).origin };
          await fetch(`${stile.api()}/revoke`, { method: 'POST', headers });
        });
      } else if (kind < 97) {
        begin('the clock of the server goes on', () => stile.advanceClock(20));
      } else {
        trace.push('the server starts anew');
        const { port } = stile;
        await stile.stop();
        stile = await startStile({ dataDir, listen: `127.0.0.1:${port}` });
      }
      await pause(random(120));
    }

    await Promise.all(running);
    for (const tab of tabs) await started(tab);
    const end = Date.now() + AGREEMENT;
    for (;;) {
      const states = await Promise.all(tabs.map(shown));
      const [first] = states;
      const why = () => `seed ${seed}: ${JSON.stringify(states)}\n${trace.join('\n')}`;
      for (const { user, session, token } of states) {
        assert.equal(user === null, token === null, why());
        // Each sign-in has an address of its own, so the token of another user, or of another session, is told by these.
        const { email = null, sid = null } = claimsOf(token);
        assert.deepEqual([email, sid], [user, session], `the token of somebody else, ${why()}`);
      }
      if (first && states.every(({ token }) => token === first.token)) {
        if (first.session) {
          assert.ok(!signedOut.has(first.session), `a session came back, ${why()}`);
          const headers = { authorization: `Bearer ${first.token}`, origin: new URL(app.url).origin };
          const { status } = await fetch(`${stile.api()}/users`, { headers });
          const isDead = status === 401;
          assert.ok(!isDead || endedElsewhere.has(first.session), `a dead session is shown, ${why()}`);
          if (isDead) {
            // Whoever asks hears of it, and all the others with him.
            await tabs[0]?.evaluate(() => window.stile.refreshAuth().catch(() => undefined));
            const user = 'window.client.user === null';
            await Promise.all(
              tabs.map((tab) => tab.waitForFunction(user, undefined, { timeout: AGREEMENT })),
            );
          }
        }
        break;
      }
      assert.ok(Date.now() < end, `the tabs disagree, ${why()}`);
    }
    const unwanted = revoked.filter((each) => !signedOut.has(each.split(' ')[0]));
    assert.deepEqual(unwanted, [], `revoked, and nobody had signed out, seed ${seed}\n${trace.join('\n')}`);
    await context.close();
  }

  const end = Date.now() + SECONDS * 1000;
  let seed = SEED;
  for (; Date.now() < end || seed === SEED; seed++) await episode(seed);
  t.diagnostic(`${seed - SEED} episodes`);
});
