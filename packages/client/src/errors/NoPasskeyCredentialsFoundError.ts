import { StileError } from './StileError.js';

/** The user has no passkey to authenticate with. */
export class NoPasskeyCredentialsFoundError extends StileError {
  constructor() {
    super({ code: 'no_passkey_credentials_found_error', message: 'The user has no passkey' });
    this.name = 'NoPasskeyCredentialsFoundError';
  }
}
