import { StileError } from './StileError.js';

/** The call needs a browser, or adapters that stand in for one. */
export class UnavailableInServerSideError extends StileError {
  constructor(what: string) {
    super({
      code: 'unavailable_in_server_side_error',
      message: `${what} needs a browser; elsewhere pass coreConfig.storageAdapter and coreConfig.keychain`,
    });
    this.name = 'UnavailableInServerSideError';
  }
}
