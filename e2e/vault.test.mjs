import assert from 'node:assert/strict';
import { enterByMail, prover } from './lib/demo.mjs';
import { journey } from './lib/stage.mjs';

const ANN = 'ann@example.org';

journey('the vault opens once for a passkey', async ({ mail, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo');
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await ann.inspect('1-signed-out');

  await enterByMail(page, mail, ANN);
  await page.getByRole('button', { name: 'Enrol a passkey' }).click();
  await page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem').waitFor();
  assert.equal((await ann.authenticator?.credentials())?.length, 1);
  await ann.inspect('2-enrolled');

  await page.getByRole('button', { name: 'Open the vault' }).click();
  const answer = page.getByRole('group', { name: 'Answer of the vault' });
  await answer.getByText('elevated_token_required').first().waitFor();
  await answer.getByText('403').first().waitFor();
  await ann.inspect('3-refused');

  await page.getByRole('button', { name: 'Step up with passkey' }).click();
  await page.getByRole('region', { name: 'In the vault' }).waitFor();
  await ann.inspect('4-open');

  await page.getByRole('button', { name: 'Use the same token again' }).click();
  await answer.getByText('elevated_token_used').first().waitFor();
  await ann.inspect('5-used-twice');

  // The owner is told of every new factor.
  await mail.waitForMail(ANN, 1);
  // Chromium reports the two refusals that were asked for, and nothing else.
  assert.deepEqual(
    ann.troubles.filter((trouble) => !trouble.includes('status of 403')),
    [],
  );
});

journey('a page reload keeps the session, signing out ends it', async ({ mail, visitor }) => {
  const { page } = await visitor();
  await page.goto('/demo');
  await enterByMail(page, mail, ANN);
  await page.reload();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await page.reload();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
});

journey('a passkey signs in, and is removed with a step-up', async ({ mail, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo');
  await enterByMail(page, mail, ANN);
  await page.getByRole('button', { name: 'Enrol a passkey' }).click();
  const list = page.getByRole('list', { name: 'Your passkeys' });
  await list.getByRole('listitem').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();

  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await list.getByRole('listitem').waitFor();
  await list.getByRole('button', { name: /^Remove/ }).click();
  const dialog = page.getByRole('dialog');
  const warning = dialog.getByText('This may sign you out here');
  await warning.waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();

  await list.getByRole('button', { name: /^Remove/ }).click();
  await prover(dialog, 'Step up').byPasskey();
  await dialog.getByRole('button', { name: 'Remove passkey' }).waitFor();
  await warning.waitFor();
  await ann.inspect('6-warned');
  await dialog.getByRole('button', { name: 'Remove passkey' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();

  await enterByMail(page, mail, ANN);
  await page.getByText('None yet. With a passkey').waitFor();
});

journey('six minutes later a first passkey needs a step-up', async ({ mail, stile, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo');
  await enterByMail(page, mail, ANN);
  await stile.advanceClock(360);

  await page.getByRole('button', { name: 'Enrol a passkey' }).click();
  const dialog = page.getByRole('dialog');
  const mark = mail.mark();
  await dialog.getByRole('button', { name: 'Send code' }).click();
  const { code } = await mail.waitForMail(ANN, mark);
  await dialog.getByRole('textbox', { name: 'Code' }).fill(code ?? '');
  await dialog.getByRole('button', { name: 'Step up with code' }).click();
  await page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem').waitFor();
  // A ceremony that the server would have refused leaves nothing behind in the authenticator.
  assert.equal((await ann.authenticator?.credentials())?.length, 1);
});

journey('a wrong code is refused and the right one still works', async ({ mail, visitor }) => {
  const { page } = await visitor();
  await page.goto('/demo');
  const mark = mail.mark();
  await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
  await page.getByRole('button', { name: 'Send code' }).click();
  const { code } = await mail.waitForMail(ANN, mark);
  const wrong = code === '000000' ? '000001' : '000000';
  await page.getByRole('textbox', { name: 'Code' }).fill(wrong);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText(/wrong/i).first().waitFor();
  await page.getByRole('textbox', { name: 'Code' }).fill(code ?? '');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
});

journey('the API viewer lists every operation', async ({ stile, visitor }) => {
  const ann = await visitor();
  const document = await stile.json('/openapi.json');
  assert.equal(document.openapi, '3.1.0');
  const operations = Object.values(document.paths).flatMap((path) => Object.keys(path));
  await ann.page.goto('/docs/api');
  await ann.page.getByText(`${operations.length} operations`).waitFor();
  await ann.inspect('api-viewer');
});

journey('the outbox shows what was sent', async ({ mail, visitor }) => {
  const ann = await visitor();
  await ann.page.goto('/demo');
  await enterByMail(ann.page, mail, ANN);
  await ann.page.goto('/dev/outbox');
  await ann.page.getByText(ANN).first().waitFor();
  await ann.inspect('outbox');
});
