// The environment of API version 2026_01_01: protected actions, and legacy MFA tokens.

import { enterByMail, isFocused, prover, setUpApp } from './lib/demo.mjs';
import { journey } from './lib/stage.mjs';

const ANN = 'ann@example.org';
const DEMO = '/demo/?env=2';

/** @param {import('playwright-core').Page} page */
function actionsOf(page) {
  const region = page.getByRole('region', { name: 'Protected actions' });
  const change = async (/** @type {string} */ name) => {
    await region.getByRole('textbox', { name: 'Nickname' }).fill(name);
    await region.getByRole('button', { name: 'Save nickname' }).click();
  };
  return {
    /** @param {string} answer */
    asks: (answer) =>
      region
        .getByRole('row', { name: /user\.update/ })
        .getByText(answer)
        .waitFor(),
    /** @param {string} name */
    async allows(name) {
      await change(name);
      await page.getByRole('status').getByText(`“${name}”`).waitFor();
    },
    /** @param {string} name */
    async refuses(name) {
      await change(name);
      await region.getByText('403').waitFor();
    },
    /** @param {string} state */
    holds: (state) => region.getByText(`MFA token: ${state}`).waitFor(),
    async proof() {
      // A refusal has led here already.
      const ask = region.getByRole('button', { name: 'Get an MFA token' });
      const proving = region.getByRole('button', { name: /^Get token with/ });
      await ask.or(proving).first().waitFor();
      if (await ask.isVisible()) await ask.click();
      return prover(region, 'Get token');
    },
  };
}

journey('an action asks those who have a second factor, and takes an MFA token once', async (stage) => {
  const { mail, stile } = stage;
  const ann = await stage.visitor();
  const { page } = ann;
  await page.goto(DEMO);
  await enterByMail(page, mail, ANN);
  const actions = actionsOf(page);
  await actions.asks('Not asked');
  await actions.allows('Ann');

  const app = await setUpApp(page, stile);
  await actions.asks('Required');
  await actions.holds('none');
  await actions.refuses('Annie');
  // The refusal leads to the proof, without a click.
  const field = page
    .getByRole('region', { name: 'Protected actions' })
    .getByRole('textbox', { name: 'Code' });
  await isFocused(field);
  await ann.inspect('actions-1-refused');

  await (await actions.proof()).byApp(await app.nextCode());
  await actions.holds('held');
  await isFocused(page.getByRole('button', { name: 'Save nickname' }));
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await ann.inspect('actions-2-token');
  await actions.allows('Annie');
  await actions.holds('spent');
  await page.getByRole('complementary').getByText('spent').waitFor();
  await actions.refuses('Anne');
});

journey('an MFA token by a passkey, and one that removes the app', async ({ mail, stile, visitor }) => {
  const { page } = await visitor();
  await page.goto(DEMO);
  await enterByMail(page, mail, ANN);
  const app = await setUpApp(page, stile);
  await page.getByRole('button', { name: 'Enrol a passkey' }).click();
  await prover(page.getByRole('dialog'), 'Step up').byApp(await app.nextCode());
  await page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem').waitFor();

  const actions = actionsOf(page);
  await (await actions.proof()).byPasskey();
  await actions.holds('held');
  await actions.allows('Ann');

  await page.getByRole('button', { name: 'Remove Authenticator app' }).click();
  await prover(page.getByRole('dialog'), 'Step up').byPasskey();
  await page.getByText('None yet. It works without a network').waitFor();
});
