import { StileError } from './StileError.js';

/** The call needs a signed-in user. */
export class UserNotAuthenticatedError extends StileError {
  constructor(message = 'Nobody is signed in') {
    super({ code: 'user_not_authenticated_error', message });
    this.name = 'UserNotAuthenticatedError';
  }
}
