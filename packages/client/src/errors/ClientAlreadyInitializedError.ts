import { StileError } from './StileError.js';

/** The client has been started already; by default `createStileClient` does that. */
export class ClientAlreadyInitializedError extends StileError {
  constructor() {
    super({ code: 'client_already_initialized_error', message: 'The client is initialized already' });
    this.name = 'ClientAlreadyInitializedError';
  }
}
