import { APIError, MfaRateLimitedError, StileError } from '@stile/client';
import { timeLeft } from './tokens';

/** What went wrong, for the person in front of the page. */
export type Trouble = {
  text: string;
  todo?: string;
  code?: string;
  status?: number;
  /** Seconds until it makes sense to try again. */
  retryAfter?: number;
};

/** What to do about the refusals that people meet. The texts of the server come first; these go on. */
const TODO: Record<string, string> = {
  wrong_email_verification_token:
    'Compare it with the latest mail: an earlier code belongs to an earlier mail.',
  invalid_challenge: 'The passkey dialog was open for too long. Start it again.',
  passkey_not_found: 'The server does not know this passkey any more. Sign in with an e-mail code.',
  elevated_token_required: 'Prove that it is you, then do it again.',
  mfa_required: 'You have a second factor, so an e-mail code is not enough. Use the second factor.',
  mfa_invalid_otp_error:
    'If the app shows another code now, take that one. If it never fits, set the clock of the phone.',
  mfa_method_locked: 'Use another of your second factors; that unlocks this one, too.',
  mfa_token_invalid: 'Get another MFA token, then do it again.',
  mfa_enrolment_required: 'Set up an authenticator app or a passkey, then do it again.',
  mfa_rate_limited_error: 'Wait a while, then try again, or use another second factor.',
  mfa_device_not_found: 'It was removed in the meantime. Reload the page to see what is left.',
  network_error: 'Look whether “stile dev” is still running, then try again.',
  no_webauthn_support_error: 'Use an e-mail code, or open the page in a current browser.',
};

/** What the browser throws in a passkey dialog (WebAuthn L3 §5.1). */
const BROWSER: Record<string, Trouble> = {
  NotAllowedError: {
    text: 'The passkey dialog was closed, or it took too long.',
    todo: 'Nothing has changed. Try again when you are ready.',
  },
  InvalidStateError: {
    text: 'This device has a passkey for your account already.',
    todo: 'Use that one, or enrol one on another device.',
  },
  SecurityError: {
    text: 'The browser refuses passkeys at this address.',
    todo: `Passkeys belong to a name. Open http://localhost:${typeof location === 'undefined' ? '' : location.port}/demo/ instead.`,
  },
};

/** `advice`: what to do about some codes in this place, where it is not what one does elsewhere. */
export function explain(error: unknown, advice: Record<string, string> = {}): Trouble {
  if (error instanceof StileError) {
    const limited = error instanceof APIError || error instanceof MfaRateLimitedError;
    const retryAfter = limited ? error.retryAfter : undefined;
    const wait = timeLeft((retryAfter ?? 0) * 1000, 0);
    const todo = wait ? `Wait ${wait}, then try again.` : (advice[error.code] ?? TODO[error.code]);
    return {
      text: error.message,
      code: error.code,
      ...(todo ? { todo } : undefined),
      ...(error.status ? { status: error.status } : undefined),
      ...(retryAfter ? { retryAfter } : undefined),
    };
  }
  const { name = '', message = String(error) } = (error ?? {}) as { name?: string; message?: string };
  return BROWSER[name] ?? { text: message, ...(name ? { code: name } : undefined) };
}

/** Another ceremony, or the page itself, ended this one: nothing to tell. */
export function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null)?.name === 'AbortError';
}

/** The server refuses for want of a token, or does not take the one that it was sent. */
export function needsStepUp(error: unknown): boolean {
  if (!(error instanceof StileError)) return false;
  return error.code.startsWith('elevated_token_') || error.code === 'mfa_token_invalid';
}

/** The server refuses because no second factor was proved in this session, or too long ago. */
export function needsFactor(error: unknown): boolean {
  return error instanceof StileError && ['recent_mfa_required', 'mfa_required'].includes(error.code);
}

/** The server knows this session no more. */
export function isSessionOver(error: unknown): boolean {
  return error instanceof StileError && error.status === 401;
}
