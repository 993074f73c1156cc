/**
 * @typedef {object} AuthenticatorOptions
 * @property {'ctap2' | 'u2f'} [protocol]
 * @property {'ctap2_0' | 'ctap2_1'} [ctap2Version]
 * @property {'usb' | 'nfc' | 'ble' | 'cable' | 'internal'} [transport]
 * @property {boolean} [hasResidentKey]           keeps discoverable passkeys
 * @property {boolean} [hasUserVerification]      has a fingerprint reader or the like
 * @property {boolean} [isUserVerified]           and the finger on it is the right one
 * @property {boolean} [automaticPresenceSimulation]  says yes to every prompt
 * @property {boolean} [hasPrf]
 * @property {boolean} [defaultBackupEligibility] a synced passkey
 * @property {boolean} [defaultBackupState]       that has been synced
 */

/**
 * Plugs a virtual authenticator into a page. Passkeys live in it, not in the page.
 *
 * @param {import('playwright-core').Page} page
 * @param {AuthenticatorOptions} [options]  by default a platform authenticator of a person who agrees
 */
export async function addAuthenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      hasPrf: true,
      defaultBackupEligibility: true,
      defaultBackupState: true,
      ...options,
    },
  });

  const credentials = async () =>
    (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;

  return {
    id: authenticatorId,

    /** The passkeys in it. */
    credentials,

    /**
     * Puts a passkey in, say one taken from another authenticator.
     * @param {Awaited<ReturnType<typeof credentials>>[number]} credential
     */
    addCredential: (credential) => cdp.send('WebAuthn.addCredential', { authenticatorId, credential }),

    /** @param {boolean} isUserVerified  whether the person passes the next check */
    setUserVerified: (isUserVerified) =>
      cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),

    /** @param {boolean} enabled  whether prompts are answered at all */
    setPresence: (enabled) =>
      cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),

    /** Unplugs it; its passkeys are gone. */
    remove: () => cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
  };
}
