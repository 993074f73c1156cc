import type { VerifyResponse } from '@stile/api';

/** The server's answer, and what the browser's extensions gave. PRF values never leave the page. */
export type PasskeyResponse = VerifyResponse & {
  clientExtensionResults: AuthenticationExtensionsClientOutputs;
};
