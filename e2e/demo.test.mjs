// What people notice about the demo itself: reloads, errors, the last step of deleting, and pages without faults.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { enterByMail, isFocused, keepCodes, prover, setUpApp, signOut } from './lib/demo.mjs';
import { startStile } from './lib/server.mjs';
import { journey } from './lib/stage.mjs';

const ANN = 'ann@example.org';

test('the scripts of the demo are sent compressed to those who take that', async (t) => {
  const stile = await startStile();
  t.after(() => stile.stop());
  /**
   * @param {string} path
   * @param {string} [accepted]
   */
  const get = async (path, accepted) => {
    const headers = accepted === undefined ? {} : { 'accept-encoding': accepted };
    const [answer] = await once(request(stile.url + path, { headers }).end(), 'response');
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
  };
  const page = await get('/demo/');
  const files = [...String(page.body).matchAll(/"(\/demo\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  assert.ok(files.some((path) => path.endsWith('.js')) && files.some((path) => path.endsWith('.css')));
  for (const path of ['/demo/', ...files]) {
    const plain = await get(path);
    const brotli = await get(path, 'gzip, deflate, br, zstd');
    const gzip = await get(path, 'gzip, br;q=0');
    const refused = await get(path, 'identity');
    assert.equal(plain.status, 200);
    assert.deepEqual(
      [plain, brotli, gzip, refused].map(({ headers }) => headers['content-encoding']),
      [undefined, 'br', 'gzip', undefined],
    );
    for (const { headers } of [plain, brotli, gzip]) {
      assert.equal(headers.vary, 'accept-encoding');
      assert.equal(headers['content-type'], plain.headers['content-type']);
      assert.ok(headers['content-security-policy']);
    }
    assert.deepEqual(brotliDecompressSync(brotli.body), plain.body);
    assert.deepEqual(gunzipSync(gzip.body), plain.body);
    assert.ok(brotli.body.length < gzip.body.length && gzip.body.length < plain.body.length);
  }
  assert.equal((await get('/demo/assets/nothing.js', 'br')).status, 404);
});

journey('a reload comes back to the code that waits', async ({ mail, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  const code = page.getByRole('textbox', { name: 'Code' });
  await page.goto('/demo/');
  await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
  const first = await codeAfter(mail, ANN, () => page.getByRole('button', { name: 'Send code' }).click());
  await code.waitFor();
  await page.reload();
  await isFocused(code);
  // Another tab begins anew.
  const other = await ann.context.newPage();
  await other.goto('/demo/');
  await other.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await other.close();
  await code.fill(first);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();

  await page.getByRole('button', { name: 'Open the vault' }).click();
  const second = await codeAfter(mail, ANN, () => page.getByRole('button', { name: 'Send code' }).click());
  await code.waitFor();
  await page.reload();
  await isFocused(code);
  await code.fill(second);
  await page.getByRole('button', { name: 'Step up with code' }).click();
  await page.getByRole('region', { name: 'In the vault' }).waitFor();

  await page.getByRole('button', { name: 'Change e-mail' }).click();
  await page.getByRole('textbox', { name: 'New e-mail' }).fill('anna@example.org');
  await page.getByRole('button', { name: 'Continue' }).click();
  const third = await codeAfter(mail, 'anna@example.org', () =>
    prover(page.getByRole('dialog'), 'Step up').byMail(mail, ANN),
  );
  await code.waitFor();
  await page.reload();
  await isFocused(code);
  await code.fill(third);
  await page.getByRole('button', { name: 'Confirm new e-mail' }).click();
  await page.getByText('Signed in as anna@example.org').first().waitFor();

  // Nothing waits any more, not even after the sign-out.
  await page.reload();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await page.reload();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
});

journey(
  'an address that others guess at gets a long code, typed in groups or in other digits',
  async (stage) => {
    const { mail, visitor } = stage;
    await exhaust(stage, ANN);
    const { page } = await visitor();
    await page.goto('/demo/');
    const field = page.getByRole('textbox', { name: 'Code' });
    const ask = async () => {
      await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
      const code = await codeAfter(mail, ANN, () => page.getByRole('button', { name: 'Send code' }).click());
      assert.match(code, /^\d{12}$/);
      await page.getByText(`12 digits, sent to ${ANN}`).waitFor();
      return code.match(/\d{4}/g) ?? [];
    };
    const groups = await ask();
    await field.pressSequentially(groups.join(' '));
    assert.equal(await field.inputValue(), groups.join(''));
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await signOut(page);

    const others = await ask();
    const arabic = others.join('-').replaceAll(/\d/g, (digit) => '٠١٢٣٤٥٦٧٨٩'[Number(digit)] ?? '');
    await field.pressSequentially(arabic);
    assert.equal(await field.inputValue(), others.join(''));
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText(`Signed in as ${ANN}`).first().waitFor();
  },
);

journey('a dialog closes when another tab signs out', async ({ mail, visitor }) => {
  const { context, page } = await visitor();
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  const other = await context.newPage();
  await other.goto('/demo/');
  await other.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.getByRole('button', { name: 'Delete account' }).click();
  await page.getByRole('dialog').waitFor();
  await other.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('You signed out in another tab.').first().waitFor();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await isFocused(page.getByRole('heading', { level: 1 }));
});

journey('an error goes when its cause goes', async ({ mail, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  const alert = page.getByRole('alert');
  const gone = () => alert.waitFor({ state: 'detached' });
  await page.goto('/demo/');
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await ann.context.setOffline(true);
  await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
  await page.getByRole('button', { name: 'Send code' }).click();
  await alert.waitFor();
  await ann.context.setOffline(false);
  await page.getByRole('textbox', { name: 'E-mail' }).fill('ann@example.or');
  await gone();

  // The server says how long to wait; after that the error has nothing to say any more.
  const body = JSON.stringify({ code: 'rate_limited', error: 'Too many requests.' });
  const headers = { 'retry-after': '1', 'content-type': 'application/json' };
  await page.route('**/emailVerifications/create', (route) => route.fulfill({ status: 429, headers, body }), {
    times: 1,
  });
  await page.getByRole('button', { name: 'Send code' }).click();
  await page.getByText('Wait 1 s, then try again.').waitFor();
  await gone();

  await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
  const code = await codeAfter(mail, ANN, () => page.getByRole('button', { name: 'Send code' }).click());
  const field = page.getByRole('textbox', { name: 'Code' });
  await field.fill(code === '000000' ? '000001' : '000000');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await alert.waitFor();
  // It is typed anew over the wrong one.
  await isFocused(field);
  await page.keyboard.type(code[0] ?? '');
  await gone();
  await page.keyboard.type(code.slice(1));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();

  // The server is out of reach for one action, and answers the next.
  await page.getByRole('list', { name: 'Your sessions' }).waitFor();
  await ann.context.setOffline(true);
  await page.getByRole('button', { name: 'Renew session' }).click();
  await page.getByText('network_error').waitFor();
  await ann.context.setOffline(false);
  await page.getByRole('button', { name: 'Open the vault' }).click();
  await gone();
  await page.getByRole('button', { name: 'Leave it locked' }).click();
  await ann.context.setOffline(true);
  await page.getByRole('button', { name: 'Open the vault' }).click();
  await page.getByText('No answer from the vault.').waitFor();
  await ann.context.setOffline(false);

  // A result lies over no button: nothing lies over the page at all.
  await page.getByRole('button', { name: 'Renew session' }).click();
  await page.getByText('Session renewed.').last().waitFor();
  const over = await page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((one) => getComputedStyle(one).position === 'fixed')
      .map(({ className }) => className),
  );
  assert.deepEqual(over, []);
});

journey('deleting ends with a red button that says what it does', async ({ mail, visitor }) => {
  const ann = await visitor();
  const { page } = ann;
  await page.goto('/demo/');
  await enterByMail(page, mail, ANN);
  await page.getByRole('button', { name: 'Delete account' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete your account' });
  await ann.inspect('demo-1-delete');
  await prover(dialog, 'Step up').byMail(mail, ANN);

  const last = dialog.getByRole('button', { name: 'Delete account' });
  await last.waitFor();
  await ann.inspect('demo-2-delete');
  const [red = 0, green = 0, blue = 0] = await last.evaluate((button) =>
    (getComputedStyle(button).backgroundColor.match(/\d+/g) ?? []).map(Number),
  );
  assert.ok(red > 2 * green && red > 2 * blue, `${red} ${green} ${blue}`);
  // A second Enter, meant for the code, does not delete.
  await isFocused(dialog.getByRole('heading'));
  await page.keyboard.press('Enter');
  await last.click();
  await page.getByText('Your account is deleted.').last().waitFor();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
  await ann.inspect('demo-3-deleted');
});

journey('a spent token says so, and no other page or state has a fault that axe knows', async (stage) => {
  const { mail, stile } = stage;
  const ann = await stage.visitor();
  const { page } = ann;
  await page.goto('/demo/');
  await page.getByRole('textbox', { name: 'E-mail' }).fill(ANN);
  const code = await codeAfter(mail, ANN, () => page.getByRole('button', { name: 'Send code' }).click());
  await page.getByRole('button', { name: /^Use code/ }).waitFor();
  await ann.inspect('demo-4-code');
  await page.getByRole('textbox', { name: 'Code' }).fill(code === '000000' ? '000001' : '000000');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await ann.inspect('demo-5-wrong');
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.keyboard.press('Enter');
  await page.getByText('None yet. With a passkey').waitFor();
  await ann.inspect('demo-6-in');

  await page.getByRole('button', { name: 'Open the vault' }).click();
  await prover(page.getByRole('region', { name: 'The vault' }), 'Step up').byMail(mail, ANN);
  await page.getByRole('button', { name: 'See what it was told' }).click();
  const happened = page.getByRole('complementary', { name: 'What happened' });
  const elevated = happened.locator('.token summary', { hasText: 'Elevated' });
  await elevated.getByText('spent').waitFor();
  assert.doesNotMatch((await elevated.textContent()) ?? '', /left|held/);
  await elevated.click();
  await happened.getByRole('listitem').first().locator('summary').click();
  await ann.inspect('demo-7-told');

  const app = await setUpApp(page, stile);
  await page.getByRole('button', { name: 'Rename Authenticator app' }).click();
  await page.getByRole('button', { name: 'Change e-mail' }).click();
  await page.getByRole('button', { name: 'Show codes' }).click();
  await page.getByRole('list', { name: 'Your recovery codes' }).waitFor();
  await ann.inspect('demo-8-forms');
  await keepCodes(page);
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByRole('button', { name: 'Remove Authenticator app' }).click();
  await prover(page.getByRole('dialog'), 'Step up').byApp('000000');
  await page.getByRole('dialog').getByRole('alert').waitFor();
  await ann.inspect('demo-9-dialog');
  await prover(page.getByRole('dialog'), 'Step up').byApp(await app.nextCode());
  await page.getByText('None yet. It works without a network').waitFor();

  const bob = await stage.visitor();
  await bob.page.route('**/api/v0/**', (route) => route.abort());
  await bob.page.goto('/demo/');
  await bob.page.getByRole('heading', { name: 'Nobody answers.' }).waitFor();
  await bob.inspect('demo-10-nobody');
});

/**
 * Spends the 90 wrong answers that strangers have for an address, five for each code.
 *
 * @param {Pick<Awaited<ReturnType<typeof import('./lib/stage.mjs').setStage>>, 'mail' | 'stile'>} stage
 * @param {string} email
 */
async function exhaust({ mail, stile }, email) {
  const post = (/** @type {string} */ path, /** @type {unknown} */ body) =>
    fetch(`${stile.api()}/emailVerifications/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: stile.url },
      body: JSON.stringify(body),
    });
  for (let codes = 18; codes > 0; codes--) {
    // Its mail is waited for, so that none of these is taken for a later one.
    let verificationUUID = '';
    await codeAfter(mail, email, async () => {
      const asked = await post('create', { email });
      assert.equal(asked.status, 201);
      ({ verificationUUID } = await asked.json());
    });
    // No code is that short.
    const answer = () => post('signin', { verificationUUID, verificationToken: '12345' });
    const answers = await Promise.all([answer(), answer(), answer(), answer(), answer()]);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([422]));
  }
}

/**
 * The code of the mail that this brings.
 *
 * @param {Awaited<ReturnType<typeof import('./lib/mail.mjs').startMail>>} mail
 * @param {string} address
 * @param {() => Promise<unknown>} send
 */
async function codeAfter(mail, address, send) {
  const mark = mail.mark();
  await send();
  return (await mail.waitForMail(address, mark)).code ?? '';
}
