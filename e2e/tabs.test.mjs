// Two tabs of one browser, with nothing but the client in them: they share one session at any time.

import assert from 'node:assert/strict';
import { openTab, shown, startApp } from './lib/app.mjs';
import { journey } from './lib/stage.mjs';

/** Tabs hear of each other within this time, in milliseconds. */
const AGREEMENT = 2_000;

/**
 * Signs in, or proves a scope, by a code that is mailed.
 *
 * @param {import('playwright-core').Page} page
 * @param {{ outbox(to: string): Promise<{ code: string }[]> }} stile
 * @param {string} email
 * @param {import('@stile/client').Scope[]} [scopes]
 */
async function enterCode(page, stile, email, scopes) {
  const before = (await stile.outbox(email)).length;
  const verification = await page.evaluate((email) => window.stile.sendEmailOTP({ email }), email);
  let mails = await stile.outbox(email);
  while (mails.length === before) mails = await stile.outbox(email);
  await page.evaluate((params) => window.stile.verifyOTP(params), {
    otpVerification: verification,
    verificationToken: mails[0]?.code ?? '',
    ...(scopes ? { requestedScopes: scopes } : undefined),
  });
}

/**
 * Waits until all tabs show the same, and answers it.
 *
 * @param {import('playwright-core').Page[]} pages
 * @param {(state: Awaited<ReturnType<typeof shown>>) => boolean} isExpected
 */
async function agree(pages, isExpected) {
  const end = Date.now() + AGREEMENT;
  for (;;) {
    const states = await Promise.all(pages.map(shown));
    const [first] = states;
    if (first && isExpected(first) && states.every((state) => state.token === first.token)) return first;
    assert.ok(Date.now() < end, `the tabs disagree: ${JSON.stringify(states)}`);
  }
}

journey(
  'two tabs share a sign-in, a step-up, a refresh, a sign-out and the next user',
  async ({ stile, visitor }, t) => {
    const app = await startApp(stile.url);
    t.after(() => app.stop());
    const { context } = await visitor({ authenticator: null });
    const one = await openTab(context, app.url);
    const two = await openTab(context, app.url);
    /** @type {string[]} */
    const revoked = [];
    context.on('request', (request) => {
      if (request.url().endsWith('/revoke')) revoked.push(request.headers()['x-dyn-logout-reason'] ?? '');
    });

    // The fault of before: the second tab saw a user without a token, and revoked the new session.
    for (let round = 0; round < 3; round++) {
      await enterCode(one, stile, 'ann@example.org');
      const { session } = await agree([one, two], ({ user }) => user === 'ann@example.org');
      await two.evaluate(() => window.stile.refreshAuth());
      assert.equal((await agree([one, two], ({ user }) => user !== null)).session, session);
      await (round % 2 ? one : two).evaluate(() => window.stile.logout());
      await agree([one, two], ({ user }) => user === null);
      assert.equal(revoked.length, round + 1);
    }

    await enterCode(one, stile, 'ann@example.org');
    await agree([one, two], ({ user }) => user === 'ann@example.org');
    await enterCode(two, stile, 'ann@example.org', ['credential:link']);
    assert.equal(await two.evaluate(() => window.stile.hasElevatedAccessToken('credential:link')), true);
    await agree([one, two], ({ user }) => user === 'ann@example.org');
    assert.equal(await one.evaluate(() => window.stile.hasElevatedAccessToken('credential:link')), true);

    // Both at once: a refresh that was on its way does not undo the sign-out.
    await Promise.all([
      one.evaluate(() => window.stile.logout()),
      two.evaluate(() => window.stile.refreshAuth().catch(() => undefined)),
    ]);
    await agree([one, two], ({ user }) => user === null);
    await one.reload();
    await agree([one, two], ({ user }) => user === null);

    await enterCode(two, stile, 'bob@example.org');
    await agree([one, two], ({ user }) => user === 'bob@example.org');
    assert.deepEqual(new Set(revoked), new Set(['user-intent']));
  },
);
