// Passkeys, authenticator apps and recovery codes beside each other, where a second factor is a choice.

import assert from 'node:assert/strict';
import { enterByMail, keepCodes, prover, setUpApp } from './lib/demo.mjs';
import { journey } from './lib/stage.mjs';

const ANN = 'ann@example.org';

/** @param {import('playwright-core').Page} page */
function vaultOf(page) {
  const answer = page.getByRole('group', { name: 'Answer of the vault' });
  return {
    async refuses() {
      await page.getByRole('button', { name: 'Open the vault' }).click();
      await answer.getByText('403').first().waitFor();
      await answer.getByText('elevated_token_required').first().waitFor();
    },
    leave: () => page.getByRole('button', { name: 'Leave it locked' }).click(),
    async opens() {
      await page.getByRole('region', { name: 'In the vault' }).waitFor();
      await page.getByRole('button', { name: 'Close the vault' }).click();
    },
    proof: prover(page.getByRole('region', { name: 'The vault' }), 'Step up'),
  };
}

/** @param {import('playwright-core').Page} page */
async function enrolPasskey(page) {
  await page.getByRole('button', { name: 'Enrol a passkey' }).click();
  await page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem').waitFor();
}

journey('a protected action is refused, then allowed by each method', async ({ mail, stile, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  const vault = vaultOf(page);

  await vault.refuses();
  await vault.proof.byMail(mail, ANN);
  await vault.opens();

  await enrolPasskey(page);
  await vault.refuses();
  await vault.proof.byPasskey();
  await vault.opens();

  const app = await setUpApp(page, stile, () => prover(page.getByRole('dialog'), 'Step up').byPasskey());
  await vault.refuses();
  const appCode = await app.nextCode();
  await vault.proof.byApp(appCode);
  await vault.opens();

  await page.getByRole('button', { name: 'Show codes' }).click();
  const [code = ''] = await keepCodes(page);
  await vault.refuses();
  await vault.proof.byRecoveryCode(code);
  await vault.opens();
  await page.getByText('9 codes left').waitFor();
  await ann.inspect('factors-1-all');

  // None of the codes works twice.
  await vault.refuses();
  await vault.proof.byApp(appCode);
  await page
    .getByText(/wrong|used/i)
    .filter({ visible: true })
    .first()
    .waitFor();
  await vault.proof.byRecoveryCode(code);
  await page
    .getByText(/wrong|used/i)
    .filter({ visible: true })
    .first()
    .waitFor();
});

journey('of passkey and app, the default one is offered first', async ({ mail, stile, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  await enrolPasskey(page);
  const app = await setUpApp(page, stile, () => prover(page.getByRole('dialog'), 'Step up').byPasskey());

  const apps = page.getByRole('list', { name: 'Your authenticator apps' });
  const makeDefault = apps.getByRole('button', { name: /^Make default: / });
  await apps.getByRole('listitem').waitFor();
  if (await makeDefault.isVisible()) await makeDefault.click();
  await apps.getByText('Default', { exact: true }).waitFor();

  await apps.getByRole('button', { name: 'Rename Authenticator app' }).click();
  await apps.getByRole('textbox', { name: 'Name of the app' }).fill('Work phone');
  await apps.getByRole('button', { name: 'Save' }).click();
  await apps.getByText('Work phone').waitFor();

  const vault = vaultOf(page);
  await vault.refuses();
  const field = page.getByRole('textbox', { name: 'Code', exact: true });
  await field.waitFor();
  await ann.inspect('factors-2-default');
  await field.fill(await app.nextCode());
  await page.getByRole('button', { name: 'Step up with code' }).click();
  await vault.opens();

  await vault.refuses();
  await page.getByRole('button', { name: 'Use passkey instead' }).click();
  await page.getByRole('button', { name: 'Step up with passkey' }).click();
  await vault.opens();

  const passkeys = page.getByRole('list', { name: 'Your passkeys' });
  await passkeys.getByRole('button', { name: /^Make default: / }).click();
  await passkeys.getByText('Default', { exact: true }).waitFor();
  await vault.refuses();
  await page.getByRole('button', { name: 'Step up with passkey' }).click();
  await vault.opens();
});

journey('an app is removed with a step-up, and the last factor takes the codes along', async (stage) => {
  const { mail, stile } = stage;
  const { page } = await stage.visitor();
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  const app = await setUpApp(page, stile);
  await page.getByRole('button', { name: 'Show codes' }).click();
  await keepCodes(page);

  const mark = mail.mark();
  await page.getByRole('button', { name: 'Remove Authenticator app' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('credential:unlink').waitFor();
  await prover(dialog, 'Step up').byApp(await app.nextCode());
  await page.getByText('None yet. It works without a network').waitFor();
  await page.getByRole('region', { name: 'Recovery codes' }).waitFor({ state: 'detached' });
  await mail.waitForMail(ANN, mark);

  // An e-mail code is the proof again.
  const vault = vaultOf(page);
  await vault.refuses();
  await vault.proof.byMail(mail, ANN);
  await vault.opens();
});

journey('new recovery codes end the old ones, and reading them needs a fresh factor', async (stage) => {
  const { mail, stile } = stage;
  const { page } = await stage.visitor();
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  const app = await setUpApp(page, stile);
  await page.getByRole('button', { name: 'Show codes' }).click();
  const [old = ''] = await keepCodes(page);

  await stile.advanceClock(660);
  await page.getByRole('button', { name: 'Make new codes' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Make new codes' }).click();
  await prover(dialog, 'Step up').byApp(await app.nextCode());
  const codes = await keepCodes(page);
  assert.equal(new Set(codes).size, 10);
  assert.ok(!codes.includes(old));

  const vault = vaultOf(page);
  await vault.refuses();
  await vault.proof.byRecoveryCode(old);
  await page
    .getByText(/wrong|used/i)
    .filter({ visible: true })
    .first()
    .waitFor();
  await vault.proof.byRecoveryCode(codes[0] ?? '');
  await vault.opens();
});

journey('after a change of factors, other sessions can be ended', async ({ mail, stile, visitor }) => {
  const elsewhere = (await visitor()).page;
  await elsewhere.goto('/demo/');
  await enterByMail(elsewhere, mail, ANN);
  const further = (await visitor()).page;
  await further.goto('/demo/');
  await enterByMail(further, mail, ANN);

  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  const sessions = page.getByRole('list', { name: 'Your sessions' });
  await sessions.getByRole('listitem').nth(2).waitFor();

  // One of them.
  await sessions.getByRole('button', { name: /^End / }).first().click();
  await sessions.getByRole('listitem').nth(2).waitFor({ state: 'detached' });
  // All others, which is offered because a factor is new.
  await setUpApp(page, stile);
  await ann.inspect('factors-3-sessions');
  await page.getByRole('button', { name: 'End all others now' }).click();
  await sessions.getByRole('listitem').nth(1).waitFor({ state: 'detached' });

  for (const other of [elsewhere, further]) {
    await other.getByRole('button', { name: 'Renew session' }).click();
    await other.getByRole('textbox', { name: 'E-mail' }).waitFor();
  }
  await page.getByRole('button', { name: 'Renew session' }).click();
  await page.getByRole('status').getByText('Session renewed.').waitFor();
});
