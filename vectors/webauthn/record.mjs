// Records ceremonies of Chromium with its own virtual authenticators into chromium-<major>.json, beside this file.
// The Rust test crates/webauthn/tests/recorded verifies them; run this again only to add a new Chromium.
//
//     node vectors/webauthn/record.mjs
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { addAuthenticator } from '../../e2e/lib/authenticator.mjs';
import { launchBrowser, newVisitor } from '../../e2e/lib/browser.mjs';

const ES256 = -7;
const EDDSA = -8;
const RS256 = -257;
const bound = { defaultBackupEligibility: false, defaultBackupState: false };

/** Authenticators of every kind that we accept, and two that Chromium can play but we refuse or treat apart. */
const CASES = [
  { name: 'ES256, verified, synced, PRF', algorithm: ES256, prf: true },
  { name: 'RS256, verified, synced, PRF', algorithm: RS256, prf: true },
  { name: 'EdDSA, verified, synced, PRF', algorithm: EDDSA, prf: true },
  { name: 'ES256, eligible but not synced', algorithm: ES256, authenticator: { defaultBackupState: false } },
  { name: 'ES256, bound to its device', algorithm: ES256, authenticator: bound },
  { name: 'RS256, bound to its device', algorithm: RS256, authenticator: bound },
  {
    name: 'ES256, security key that verifies nobody',
    algorithm: ES256,
    authenticator: {
      ...bound,
      transport: 'usb',
      hasUserVerification: false,
      isUserVerified: false,
      hasPrf: false,
    },
    unverified: true,
    notDiscoverable: true, // a passkey of a key without a PIN is refused by the browser
  },
  {
    name: 'EdDSA, security key that verifies nobody',
    algorithm: EDDSA,
    authenticator: {
      ...bound,
      transport: 'usb',
      hasUserVerification: false,
      isUserVerified: false,
      hasPrf: false,
    },
    unverified: true,
    notDiscoverable: true, // a passkey of a key without a PIN is refused by the browser
  },
  {
    name: 'ES256, CTAP 2.0, not discoverable',
    algorithm: ES256,
    authenticator: {
      ...bound,
      ctap2Version: 'ctap2_0',
      transport: 'usb',
      hasResidentKey: false,
      hasPrf: false,
    },
    notDiscoverable: true,
  },
  {
    name: 'U2F key',
    algorithm: ES256,
    authenticator: {
      ...bound,
      protocol: 'u2f',
      ctap2Version: undefined,
      transport: 'usb',
      hasResidentKey: false,
      hasUserVerification: false,
      isUserVerified: false,
      hasPrf: false,
    },
    unverified: true,
    notDiscoverable: true,
  },
  { name: 'ES256 with an attestation certificate', algorithm: ES256, attestation: 'direct' },
];

/** In the page: one `create` or `get` from its JSON options, as JSON. */
const ceremony = async ({ kind, options }) => {
  const read = {
    create: () => PublicKeyCredential.parseCreationOptionsFromJSON(options),
    get: () => PublicKeyCredential.parseRequestOptionsFromJSON(options),
  };
  const credential = await navigator.credentials[kind]({ publicKey: read[kind]() });
  return credential.toJSON();
};

// Not random: a recording made again differs only where the authenticator decides.
let drawn = 0;
const challenge = () => {
  drawn += 1;
  return Buffer.from(`stile recorded challenge no. ${String(drawn).padStart(3, '0')}`).toString('base64url');
};

async function record(
  page,
  rpId,
  { name, algorithm, authenticator, attestation, prf, unverified, notDiscoverable },
) {
  const plugged = await addAuthenticator(page, authenticator);
  try {
    const user = { id: Buffer.from(`user of "${name}"`).toString('base64url'), name, displayName: name };
    const userVerification = unverified ? 'discouraged' : 'required';
    const extensions = prf ? { prf: {} } : {};
    const creation = {
      rp: { id: rpId, name: 'Stile' },
      user,
      challenge: challenge(),
      pubKeyCredParams: [{ type: 'public-key', alg: algorithm }],
      attestation: attestation ?? 'none',
      authenticatorSelection: {
        residentKey: notDiscoverable ? 'discouraged' : 'required',
        userVerification,
      },
      extensions,
    };
    const made = await page.evaluate(ceremony, { kind: 'create', options: creation });
    const registration = { challenge: creation.challenge, response: made };

    const assertions = [];
    const use = async (userVerification, allowCredentials) => {
      const salt = Buffer.alloc(32, assertions.length).toString('base64url');
      const request = {
        rpId,
        challenge: challenge(),
        userVerification,
        allowCredentials,
        extensions: prf ? { prf: { eval: { first: salt } } } : {},
      };
      const response = await page.evaluate(ceremony, { kind: 'get', options: request });
      assertions.push({ challenge: request.challenge, userVerification, response });
    };
    const named = [{ type: 'public-key', id: made.id }];
    await use(userVerification, named);
    await use('discouraged', named);
    if (!notDiscoverable) await use(userVerification, []);
    return {
      name,
      algorithm,
      attestation: creation.attestation,
      userHandle: user.id,
      registration,
      assertions,
    };
  } finally {
    await plugged.remove();
  }
}

const server = createServer((_, response) =>
  response.setHeader('content-type', 'text/html').end('<title>.</title>'),
);
// A fixed port, as it is part of the origin and so of every recording.
await new Promise((resolve) => server.listen(48_731, 'localhost', resolve));
const browser = await launchBrowser();
try {
  const { page } = await newVisitor(browser);
  const origin = `http://localhost:${server.address().port}`;
  await page.goto(origin);
  const ceremonies = [];
  for (const wanted of CASES) {
    const recorded = await record(page, 'localhost', wanted).catch((error) => ({ error }));
    if ('error' in recorded)
      console.error(`not recorded: ${wanted.name}: ${String(recorded.error).split('\n')[0]}`);
    else ceremonies.push(recorded);
  }
  const file = {
    source: `Chromium ${browser.version()}, CDP virtual authenticators`,
    rpId: 'localhost',
    origin,
    ceremonies,
  };
  const path = new URL(`chromium-${browser.version().split('.')[0]}.json`, import.meta.url);
  writeFileSync(path, `${JSON.stringify(file, null, 1)}\n`);
  console.log(`${ceremonies.length} of ${CASES.length} recorded`);
} finally {
  await browser.close();
  server.close();
}
