import type { SdkUser, VerifyResponse } from '@stile/api';
import { APIError } from '../errors/APIError.js';
import { reviveDates } from './dates.js';

/** Members that an answer must have → their type. */
export type Shape = Readonly<Record<string, 'string' | 'boolean' | 'object' | 'array'>>;

export const VERIFY_SHAPE: Shape = { user: 'object' };
export const USER_SHAPE: Shape = { id: 'string', verifiedCredentials: 'array' };

/** The answer is not what the call gives: a proxy's page, a body that was cut off, another server altogether. */
function unexpected(status: number, cause?: unknown): APIError {
  return new APIError({
    code: 'unexpected_answer',
    message: `The server answered ${status} with something else than this call gives; is coreConfig.apiBaseUrl right?`,
    status,
    cause,
  });
}

/** The body of a successful answer. Without a shape the call gives nothing, and the body does not matter. */
export function readAnswer(
  status: number,
  text: string,
  shape: Shape | undefined,
  dates: readonly string[],
): unknown {
  if (!shape) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw unexpected(status, cause);
  }
  if (!fits(body, shape)) throw unexpected(status);
  return reviveDates(body, dates);
}

/** Checks what becomes the session: who takes over `{}` shows nobody as signed in. */
export function checkVerifyResponse(answer: VerifyResponse, needsToken: boolean): void {
  checkUser(answer.user);
  if (needsToken && (typeof answer.minifiedJwt !== 'string' || !answer.minifiedJwt)) throw unexpected(200);
}

export function checkUser(user: SdkUser): void {
  if (!fits(user, USER_SHAPE)) throw unexpected(200);
}

function fits(body: unknown, shape: Shape): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false;
  return Object.entries(shape).every(([name, type]) => {
    const member = (body as Record<string, unknown>)[name];
    if (type === 'array') return Array.isArray(member);
    return typeof member === type && member !== null;
  });
}
