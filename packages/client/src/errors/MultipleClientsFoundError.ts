import { StileError } from './StileError.js';

/** There are several clients, and none was named. */
export class MultipleClientsFoundError extends StileError {
  constructor() {
    super({
      code: 'multiple_clients_found_error',
      message: 'There are several clients; pass the one that is meant as the last argument',
    });
    this.name = 'MultipleClientsFoundError';
  }
}
