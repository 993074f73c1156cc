import { StileError } from './StileError.js';

/** This browser has no passkeys, or not the form of them that was asked for. */
export class NoWebAuthNSupportError extends StileError {
  constructor(message = 'Passkeys are not available in this browser') {
    super({ code: 'no_webauthn_support_error', message });
    this.name = 'NoWebAuthNSupportError';
  }
}
