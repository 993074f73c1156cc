import { StileError } from './StileError.js';

/** A parameter does not have the required form. */
export class InvalidParamError extends StileError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'invalid_param_error', message, cause });
    this.name = 'InvalidParamError';
  }
}
