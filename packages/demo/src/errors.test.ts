import { APIError, MfaInvalidOtpError, MfaRateLimitedError } from '@stile/client';
import { describe, expect, it } from 'vitest';
import { explain, isAbort, isSessionOver, needsFactor, needsStepUp } from './errors';

const refused = (code: string, status = 403, retryAfter?: number) =>
  new APIError({ code, message: 'No.', status, retryAfter });

describe('explain', () => {
  it('takes the advice of the place where a code has another meaning', () => {
    const wrong = new MfaInvalidOtpError(refused('mfa_invalid_code', 422));
    expect(explain(wrong).todo).toMatch(/the app/);
    expect(explain(wrong, { mfa_invalid_otp_error: 'Here.' }).todo).toBe('Here.');
    expect(explain(wrong, { other: 'There.' }).todo).toMatch(/the app/);
  });

  it('says how long to wait, where the server says so', () => {
    const limited = new MfaRateLimitedError(refused('mfa_rate_limited', 429, 90));
    expect(explain(limited)).toEqual({
      text: 'No.',
      todo: 'Wait 1 min 30 s, then try again.',
      code: 'mfa_rate_limited_error',
      status: 429,
      retryAfter: 90,
    });
    expect(explain(new MfaRateLimitedError(refused('mfa_rate_limited', 429))).todo).toMatch(/^Wait a while/);
    expect(explain(refused('rate_limited', 429, 5)).todo).toBe('Wait 5 s, then try again.');
  });

  it('says what to do about what people meet, and invents nothing about the rest', () => {
    expect(explain(new MfaInvalidOtpError(refused('mfa_invalid_code', 422))).todo).toContain('app');
    expect(explain(refused('unheard_of'))).toEqual({ text: 'No.', code: 'unheard_of', status: 403 });
    expect(explain(new DOMException('x', 'NotAllowedError')).todo).toContain('Nothing has changed');
    expect(explain('text')).toEqual({ text: 'text' });
  });
});

it('tells a missing token from a missing factor, and both from the end of the session', () => {
  expect(needsStepUp(refused('elevated_token_used'))).toBe(true);
  expect(needsStepUp(refused('mfa_token_invalid'))).toBe(true);
  expect(needsFactor(refused('recent_mfa_required'))).toBe(true);
  expect(needsFactor(refused('mfa_required'))).toBe(true);
  expect(needsStepUp(refused('mfa_required'))).toBe(false);
  for (const error of [refused('conflict', 409), new Error('elevated_token_used'), undefined]) {
    expect(needsStepUp(error)).toBe(false);
    expect(needsFactor(error)).toBe(false);
  }
  expect(isSessionOver(refused('session_ended', 401))).toBe(true);
  expect(isAbort(new DOMException('x', 'AbortError'))).toBe(true);
});
