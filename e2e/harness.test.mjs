// The tools of the journeys, tried without a Stile.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { addAuthenticator } from './lib/authenticator.mjs';
import { launchBrowser, newVisitor } from './lib/browser.mjs';
import { codeIn, startMail } from './lib/mail.mjs';
import { takeScreenshots } from './lib/screenshots.mjs';
import { totp } from './lib/totp.mjs';

test('a mail that was sent arrives, and an older one is not taken for it', async (t) => {
  const mail = await startMail();
  t.after(() => mail.stop());

  await send(mail.port, 'ann@example.org', 'First', 'Your code is 111111.');
  assert.equal((await mail.waitForMail('Ann@example.org')).code, '111111');

  const mark = mail.mark();
  const second = mail.waitForMail('ann@example.org', mark);
  await send(mail.port, 'bob@example.org', 'Not for Ann', 'Your code is 333333.');
  await send(mail.port, 'ann@example.org', '=?utf-8?q?Z=C3=BCrich?=', 'Your code is 222222.');
  const { subject, text, code, from } = await second;
  assert.deepEqual({ subject, code, from }, { subject: 'Zürich', code: '222222', from: 'stile@example.org' });
  assert.match(text, /^Your code is 222222\.\s*$/);
});

test('a code is found in a mail, however long it is and whatever its groups are', () => {
  for (const [text, code] of [
    ['Your code to sign in to Acme: 012345', '012345'],
    ['Your code to sign in to Acme: 0123 4567 8901\n\nWithin 10 minutes.', '012345678901'],
    ['Your code to sign in to Acme 24: 012 345 678 901', '012345678901'],
    ['Your code: 01234 56789.', '0123456789'],
    ['It works within 10 minutes. 3 of 10 are left. 9 October 2025, 08:53 UTC, 2025-10-09', undefined],
    ['Number 1234567890123', undefined],
  ]) {
    assert.equal(codeIn(text ?? ''), code, text);
  }
});

test('the authenticator app shows the codes of RFC 6238, appendix B', () => {
  // Base32 of "12345678901234567890".
  const secret = 'GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ';
  const shown = [59, 1111111109, 1234567890, 20000000000].map((seconds) => totp(secret, seconds * 1000));
  assert.deepEqual(shown, ['287082', '081804', '005924', '353130']);
});

test('Chromium makes and uses a passkey, and says no when the person is not verified', async (t) => {
  const page = await openPage(t, '<!doctype html><title>Passkey</title><h1>Passkey</h1>');
  const authenticator = await addAuthenticator(page);

  const made = await page.evaluate(makePasskey);
  assert.equal(made.prf, true);
  const [passkey, ...others] = await authenticator.credentials();
  assert.equal(others.length, 0);
  assert.ok(passkey);
  assert.equal(passkey.rpId, 'localhost');
  assert.equal(passkey.isResidentCredential, true);

  assert.equal(await page.evaluate(usePasskey), made.id);
  await authenticator.setUserVerified(false);
  await assert.rejects(page.evaluate(usePasskey), /NotAllowedError/);
});

test('screenshots differ by colour scheme and width', async (t) => {
  const page = await openPage(
    t,
    `<!doctype html><meta name="color-scheme" content="light dark"><meta name="viewport" content="width=device-width">
     <title>Colours</title><h1>Colours</h1>`,
  );
  const files = await takeScreenshots(page, 'harness');
  for (const file of Object.values(files)) assert.ok((await stat(file)).size > 0);
  assert.equal(await page.evaluate(() => innerWidth), 1280);
});

/**
 * A page of this machine with this content.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} html
 */
async function openPage(t, html) {
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(html));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const { page } = await newVisitor(browser);
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await page.goto(`http://localhost:${port}/`);
  return page;
}

// These two run inside the page.

async function makePasskey() {
  const bytes = (/** @type {number} */ length) => crypto.getRandomValues(new Uint8Array(length));
  const credential = /** @type {PublicKeyCredential} */ (
    await navigator.credentials.create({
      publicKey: {
        challenge: bytes(32),
        rp: { id: 'localhost', name: 'Harness' },
        user: { id: bytes(16), name: 'ann', displayName: 'Ann' },
        pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
        extensions: { prf: {} },
      },
    })
  );
  return { id: credential.id, prf: credential.getClientExtensionResults().prf?.enabled };
}

async function usePasskey() {
  const challenge = crypto.getRandomValues(new Uint8Array(32));
  const credential = await navigator.credentials.get({
    publicKey: { challenge, rpId: 'localhost', userVerification: 'required', timeout: 5000 },
  });
  return credential?.id;
}

/**
 * Speaks SMTP by hand.
 *
 * @param {number} port
 * @param {string} to
 * @param {string} subject
 * @param {string} text
 */
async function send(port, to, subject, text) {
  const socket = createConnection(port, '127.0.0.1');
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  /** @param {string} code */
  const expect = async (code) => {
    const { value = '' } = await answers.next();
    assert.ok(value.startsWith(`${code} `), value);
  };
  await expect('220');
  const message = `From: stile@example.org\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\n${text}`;
  /** @type {[string, string][]} */
  const turns = [
    ['HELO localhost', '250'],
    ['MAIL FROM:<stile@example.org>', '250'],
    [`RCPT TO:<${to}>`, '250'],
    ['DATA', '354'],
    [`${message}\r\n.`, '250'],
    ['QUIT', '221'],
  ];
  for (const [line, code] of turns) {
    socket.write(`${line}\r\n`);
    await expect(code);
  }
  socket.end();
}
