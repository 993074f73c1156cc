import { InvalidParamError } from '../errors/InvalidParamError.js';
import { claimsOf } from './jwt.js';

/** An elevated access token that the client holds. */
export type ElevatedToken = {
  token: string;
  scopes: string[];
  singleUse: boolean;
  /** By the server's clock, in milliseconds since 1970. */
  expiresAt: number;
};

/**
 * Reads what the client must know of a token; its signature is the server's business. Answers `undefined` for one
 * that grants nothing: no scope, no expiry, or past it. Throws `InvalidParamError` when it is no JWT at all.
 *
 * @param now the server's clock
 */
export function parseElevatedToken(token: string, now: number): ElevatedToken | undefined {
  const claims = claimsOf(token);
  if (!claims) throw new InvalidParamError('The elevated access token is not a JWT');
  const { scope, exp, singleUse } = claims;
  if (scope !== undefined && typeof scope !== 'string') {
    throw new InvalidParamError('The scope of an elevated access token must be one string');
  }
  if (!scope || typeof exp !== 'number' || exp * 1000 <= now) return undefined;
  const scopes = [...new Set(scope.split(' '))].filter(Boolean).sort();
  return { token, scopes, singleUse: singleUse === true, expiresAt: exp * 1000 };
}

/** Whether two tokens are for the very same set of scopes. */
export function haveSameScopes(one: ElevatedToken, other: ElevatedToken): boolean {
  return one.scopes.join(' ') === other.scopes.join(' ');
}

/** Adds a token. One with the very same set of scopes gives way to it, in its place; others stay. */
export function withToken(held: readonly ElevatedToken[], added: ElevatedToken): ElevatedToken[] {
  const place = held.findIndex((token) => haveSameScopes(token, added));
  return place < 0 ? [...held, added] : held.map((token, at) => (at === place ? added : token));
}

export function withoutToken(held: readonly ElevatedToken[], token: string): ElevatedToken[] {
  return held.filter((each) => each.token !== token);
}
