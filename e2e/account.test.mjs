// The environment where everybody has a second factor: enrolment at sign-up, every further sign-in, and its loss.

import assert from 'node:assert/strict';
import { enterByMail, keepCodes, prover, setUpApp, signOut } from './lib/demo.mjs';
import { journey } from './lib/stage.mjs';
import { totp } from './lib/totp.mjs';

const ANN = 'ann@example.org';
const DEMO = '/demo/?env=3';

/**
 * Readers of QR codes want modules of one size, and edges that are not blurred.
 *
 * @param {import('playwright-core').Page} page
 */
const pixelsOfAModule = (page) =>
  page
    .getByRole('img', { name: /^QR code/ })
    .evaluate((/** @type {any} */ code) => code.getBoundingClientRect().width / code.viewBox.baseVal.width);

/** @param {import('playwright-core').Page} page */
const isIn = (page) => page.getByRole('heading', { name: 'You are in.' }).waitFor();

journey('an authenticator app is set up at sign-up, and asked for afterwards', async (stage) => {
  const { mail, stile } = stage;
  const ann = await stage.visitor();
  const { page } = ann;
  await page.goto(DEMO);
  await enterByMail(page, mail, ANN);
  await page.getByRole('heading', { name: 'Choose a second factor.' }).waitFor();
  // Nothing claims that she is signed in while the second factor is still owed.
  await page.getByText(`Signing in as ${ANN}`).waitFor();
  assert.equal(await page.getByText(/^signed in/i).count(), 0);
  await ann.inspect('account-1-choose');

  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  await page.getByRole('img', { name: /^QR code/ }).waitFor();
  const shown = (await page.locator('.secret').textContent()) ?? '';
  const uri = new URL(
    (await page.getByRole('link', { name: 'open the app with it' }).getAttribute('href')) ?? '',
  );
  assert.equal(uri.protocol, 'otpauth:');
  assert.equal(uri.searchParams.get('secret'), shown.replaceAll(' ', ''));
  assert.ok(uri.searchParams.get('issuer'));
  assert.ok(decodeURIComponent(uri.pathname).endsWith(ANN));
  await ann.inspect('account-2-app');
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    assert.equal(await pixelsOfAModule(page), 4, `${width} px`);
  }

  // Neither the wrong code nor a reload lets anybody in.
  const now = Date.parse((await stile.clock()).now);
  await page.getByRole('textbox', { name: 'Code' }).fill(totp(shown, now + 3_600_000));
  await page.getByRole('button', { name: 'Verify code' }).click();
  await page.getByText(/wrong/i).first().waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Choose a second factor.' }).waitFor();

  const app = await setUpApp(page, stile);
  await page.getByRole('heading', { name: 'Keep these codes.' }).waitFor();
  await page.getByText('Each code stands in for your second factor, once').waitFor();
  await ann.inspect('account-3-codes');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download' }).click();
  assert.match((await download).suggestedFilename(), /recovery-codes/);
  const codes = await keepCodes(page);
  assert.equal(new Set(codes).size, 10);
  await isIn(page);
  await ann.inspect('account-4-in');
  await page.reload();
  await isIn(page);

  await signOut(page);
  await enterByMail(page, mail, ANN);
  await page.getByRole('heading', { name: 'One more step.' }).waitFor();
  await ann.inspect('account-5-second-factor');
  await prover(page, 'Continue').byApp(await app.nextCode());
  await isIn(page);

  // A sign-in with two factors opens no guarded door.
  await page.getByRole('button', { name: 'Open the vault' }).click();
  await page
    .getByRole('group', { name: 'Answer of the vault' })
    .getByText('elevated_token_required')
    .waitFor();
  await prover(page.getByRole('region', { name: 'The vault' }), 'Step up').byApp(await app.nextCode());
  await page.getByRole('region', { name: 'In the vault' }).waitFor();
  await ann.inspect('account-6-vault');
});

journey('whoever loses the app uses a recovery code, and enrols anew', async ({ mail, stile, visitor }) => {
  const before = await visitor();
  await before.page.goto(DEMO);
  await enterByMail(before.page, mail, ANN);
  await setUpApp(before.page, stile);
  const [first = '', second = '', third = ''] = await keepCodes(before.page);
  await isIn(before.page);

  const { page } = await visitor();
  await page.goto(DEMO);
  await enterByMail(page, mail, ANN);
  // However it is typed.
  await prover(page, 'Continue').byRecoveryCode(first.toLowerCase().replaceAll('-', ' '));
  await isIn(page);

  await page.getByRole('button', { name: 'Remove Authenticator app' }).click();
  const dialog = prover(page.getByRole('dialog'), 'Step up');
  await dialog.byRecoveryCode(first);
  await page
    .getByRole('dialog')
    .getByText(/wrong|used/i)
    .first()
    .waitFor();
  assert.match((await page.getByRole('dialog').getByRole('alert').textContent()) ?? '', /works once/);
  await dialog.byRecoveryCode(second);
  await page.getByRole('dialog').getByText('You may have to prove another second factor').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove app' }).click();
  // Everybody here needs a second factor: without one the session owes it again.
  await page.getByRole('region', { name: 'Recovery codes' }).waitFor({ state: 'detached' });

  const app = await setUpApp(page, stile);
  const codes = await keepCodes(page);
  assert.ok(!codes.includes(third));
  await isIn(page);

  await signOut(page);
  await enterByMail(page, mail, ANN);
  const proof = prover(page, 'Continue');
  await proof.byRecoveryCode(third);
  await page
    .getByText(/wrong|used/i)
    .first()
    .waitFor();
  await proof.byApp(await app.nextCode());
  await isIn(page);
});

journey(
  'five wrong codes lock, and end the sign-in that was not finished',
  async ({ mail, stile, visitor }) => {
    const ann = await visitor();
    const { page } = ann;
    await page.goto(DEMO);
    await enterByMail(page, mail, ANN);
    const app = await setUpApp(page, stile);
    await keepCodes(page);
    await signOut(page);

    await enterByMail(page, mail, ANN);
    const right = await app.nextCode();
    const proof = prover(page, 'Continue');
    for (const off of [1, 2, 3, 4, 5]) {
      const answered = page.waitForResponse((response) => response.url().endsWith('/users/mfa/auth/totp'));
      await proof.byApp(String((Number(right) + off) % 1_000_000).padStart(6, '0'));
      await answered;
    }
    await page.getByText('mfa_rate_limited_error').waitFor();
    await ann.inspect('account-7-locked');

    // The right one comes too late, and signing in anew is no way around the lock.
    await proof.byApp(right);
    await page.getByRole('status').getByText('Your session has ended.').waitFor();
    await enterByMail(page, mail, ANN);
    await prover(page, 'Continue').byApp(right);
    await page.getByText('mfa_rate_limited_error').waitFor();

    await stile.advanceClock(60);
    await prover(page, 'Continue').byApp(await app.nextCode());
    await isIn(page);
  },
);
