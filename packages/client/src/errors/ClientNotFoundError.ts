import { StileError } from './StileError.js';

/** No client was created (in this copy of the package). */
export class ClientNotFoundError extends StileError {
  constructor() {
    super({ code: 'client_not_found_error', message: 'There is no client; call createStileClient first' });
    this.name = 'ClientNotFoundError';
  }
}
