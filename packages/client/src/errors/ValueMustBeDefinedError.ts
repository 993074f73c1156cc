import { StileError } from './StileError.js';

/** Something is missing that the call needs. */
export class ValueMustBeDefinedError extends StileError {
  constructor(message: string) {
    super({ code: 'value_must_be_defined_error', message });
    this.name = 'ValueMustBeDefinedError';
  }
}
