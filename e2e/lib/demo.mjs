// What people do on the demo, in more than one journey. The names are those of packages/demo/src/main.tsx.

import { totp } from './totp.mjs';

/**
 * @typedef {import('playwright-core').Page} Page
 * @typedef {import('playwright-core').Locator} Locator
 * @typedef {{ mark(): number, waitForMail(to: string, after: number): Promise<{ code?: string | null }> }} Mailbox
 * @typedef {{ advanceClock(seconds: number): Promise<unknown>, clock(): Promise<{ now: string }> }} Clock
 */

/**
 * Has a code sent to an address and types it in: the first factor.
 *
 * @param {Page} page
 * @param {Mailbox} mail
 * @param {string} address
 */
export async function enterByMail(page, mail, address) {
  const mark = mail.mark();
  await page.getByRole('textbox', { name: 'E-mail' }).fill(address);
  await page.getByRole('button', { name: 'Send code' }).click();
  const { code } = await mail.waitForMail(address, mark);
  await page.getByRole('textbox', { name: 'Code' }).fill(code ?? '');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  // Signed in, or a second factor is still owed.
  await page.getByRole('button', { name: /^(Sign out|Cancel sign-in)$/ }).waitFor();
}

/**
 * Waits until a control has the focus.
 *
 * @param {Locator} control
 */
export async function isFocused(control) {
  await control.and(control.page().locator(':focus')).waitFor();
}

/** @param {Page} page */
export async function signOut(page) {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('textbox', { name: 'E-mail' }).waitFor();
}

/**
 * A person's authenticator app.
 *
 * @param {Clock} clock  the server's
 * @param {string} secret
 */
export function authenticatorApp(clock, secret) {
  const code = async () => totp(secret, Date.parse((await clock.clock()).now));
  return {
    /** What it shows now. */
    code,
    /** What it shows half a minute later: a code is taken once, and none before it. */
    async nextCode() {
      await clock.advanceClock(30);
      return code();
    },
  };
}

/**
 * From the button to the verified app, with the secret that is shown for typing.
 *
 * @param {Page} page
 * @param {Clock} clock
 * @param {() => Promise<void>} [stepUp]  what to do in the dialog, where one comes
 */
export async function setUpApp(page, clock, stepUp) {
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  await stepUp?.();
  await page.getByRole('img', { name: /^QR code/ }).waitFor();
  const app = authenticatorApp(clock, (await page.locator('.secret').textContent()) ?? '');
  await page.getByRole('textbox', { name: 'Code' }).fill(await app.nextCode());
  await page.getByRole('button', { name: 'Verify code' }).click();
  await page.getByRole('button', { name: 'Verify code' }).waitFor({ state: 'detached' });
  return app;
}

/**
 * Reads the recovery codes that are on the page and keeps them.
 *
 * @param {Page} page
 */
export async function keepCodes(page) {
  const list = page.getByRole('list', { name: 'Your recovery codes' });
  await list.waitFor();
  const codes = await list.getByRole('code').allTextContents();
  await page.getByRole('button', { name: 'I have kept these codes' }).click();
  await list.waitFor({ state: 'detached' });
  return codes;
}

/**
 * Proves a factor, on the page or in a dialog. Another way than the one that is offered is chosen first.
 *
 * @param {Page | Locator} where
 * @param {string} verb  "Step up", "Continue" or "Get token"
 */
export function prover(where, verb) {
  const button = (/** @type {string} */ name) => where.getByRole('button', { name, exact: true });
  /**
   * @param {Locator} wanted
   * @param {string} name
   */
  const choose = async (wanted, name) => {
    const other = button(`Use ${name} instead`);
    await wanted.or(other).first().waitFor();
    if (await other.isVisible()) await other.click();
  };
  return {
    async byPasskey() {
      const go = button(`${verb} with passkey`);
      await choose(go, 'passkey');
      await go.click();
    },
    /**
     * @param {string} code
     * @param {string} [name] the app's
     */
    async byApp(code, name = 'authenticator app') {
      const field = where.getByRole('textbox', { name: 'Code', exact: true });
      await choose(field, name);
      await field.fill(code);
      await button(`${verb} with code`).click();
    },
    /** @param {string} code */
    async byRecoveryCode(code) {
      const field = where.getByRole('textbox', { name: 'Recovery code' });
      await choose(field, 'recovery code');
      await field.fill(code);
      await button(`${verb} with recovery code`).click();
    },
    /**
     * @param {Mailbox} mail
     * @param {string} address
     */
    async byMail(mail, address) {
      const mark = mail.mark();
      await button('Send code').click();
      const { code } = await mail.waitForMail(address, mark);
      await where.getByRole('textbox', { name: 'Code', exact: true }).fill(code ?? '');
      await button(`${verb} with code`).click();
    },
  };
}
