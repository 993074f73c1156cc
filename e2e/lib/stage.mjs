import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { addAuthenticator } from './authenticator.mjs';
import { audit } from './axe.mjs';
import { launchBrowser, newVisitor } from './browser.mjs';
import { startMail } from './mail.mjs';
import { outputFile, takeScreenshots } from './screenshots.mjs';
import { startStile } from './server.mjs';

/**
 * A test with everything a journey needs: a mail server, a Stile that sends to it, a Chromium. All of
 * it is put away at the end. When the journey fails, a picture of every page and what the server
 * printed are kept in `e2e/output/`.
 *
 * @param {string} name
 * @param {(stage: Awaited<ReturnType<typeof setStage>>, t: import('node:test').TestContext) => Promise<void>} play
 * @param {StileOptions} [options]
 *
 * @typedef {Omit<NonNullable<Parameters<typeof startStile>[0]>, 'smtpUrl'>} StileOptions
 */
export function journey(name, play, options) {
  test(name, async (t) => {
    const stage = await setStage(t, options);
    try {
      await play(stage, t);
    } catch (error) {
      await stage.keepEvidence(name.replaceAll(/\W+/g, '-').toLowerCase());
      throw error;
    }
  });
}

/**
 * The stage alone, for a test that does more than play on it.
 *
 * @param {import('node:test').TestContext} t
 * @param {StileOptions} [options]
 */
export async function setStage(t, options = {}) {
  // Last in, first out: a mail server waits for those who still talk to it.
  /** @type {(() => unknown)[]} */
  const undo = [];
  t.after(async () => {
    for (const step of undo.reverse()) await step();
  });

  const mail = await startMail();
  undo.push(() => mail.stop());
  const stile = await startStile({ ...options, smtpUrl: mail.url });
  undo.push(() => stile.stop());
  const browser = await launchBrowser();
  undo.push(() => browser.close());

  return {
    mail,
    stile,
    browser,

    /**
     * A new person with a browser of their own, and an authenticator unless `authenticator` is `null`.
     *
     * @param {object} [person]
     * @param {import('./authenticator.mjs').AuthenticatorOptions | null} [person.authenticator]
     * @param {import('playwright-core').BrowserContextOptions} [person.context]
     */
    async visitor({ authenticator, context } = {}) {
      const visitor = await newVisitor(browser, { baseURL: stile.url, ...context });
      const plugged = authenticator === null ? null : await addAuthenticator(visitor.page, authenticator);
      return {
        ...visitor,
        authenticator: plugged,
        /**
         * Looks at the page as it is now: pictures for people, and axe-core for what they may overlook.
         * @param {string} name
         */
        inspect: (name) => takeScreenshots(visitor.page, name, (view) => audit(visitor.page, name, view)),
      };
    },

    /** @param {string} name */
    async keepEvidence(name) {
      await writeFile(await outputFile(`failed-${name}.log`), stile.log.join('\n'));
      const pages = browser.contexts().flatMap((context) => context.pages());
      for (const [at, page] of pages.entries()) {
        const path = await outputFile(`failed-${name}-${at + 1}.png`);
        await page.screenshot({ path }).catch(() => {}); // the page may be gone; the failure itself matters
      }
    },
  };
}
