import { StileError } from './StileError.js';

/** A value has not the form that it must have. */
export class InvalidParamError extends StileError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'invalid_param_error', message, cause });
    this.name = 'InvalidParamError';
  }
}
