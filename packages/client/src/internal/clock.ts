import type { Core } from './core.js';

/**
 * The server's clock, in milliseconds since 1970, as this browser knows it. A clock that is set wrong, or set while
 * the page is open, does not matter: the time since the last token is measured by the clock that nobody can set. After
 * a reload there is the difference that was stored with the token.
 */
export function serverNow({ serverClock, record }: Core): number {
  return serverClock === undefined ? Date.now() + record.clockOffset : serverClock + performance.now();
}

/** Learns from the time at which a token that has just come was issued. */
export function learnClock(core: Core, issuedAt: number): void {
  core.serverClock = issuedAt - performance.now();
}
