import type { EmailOTPVerification } from '@stile/client';
import { environment } from './client';

/** A code that was sent by e-mail and is still to be typed. It outlives a reload of the tab, and not the tab. */
export type Waiting = { verification: EmailOTPVerification; sentAt: number };

/** No code lives longer. */
const LIFE_MS = 10 * 60_000;

const PREFIX = `stile-demo:${environment.key}:code:`;

/** The code that waits for this purpose, such as `sign-in`. */
export function waitingFor(purpose: string, now: number = Date.now()): Waiting | undefined {
  try {
    const waiting = JSON.parse(sessionStorage.getItem(PREFIX + purpose) ?? 'null') as Waiting | null;
    return waiting?.verification.verificationUUID && now - waiting.sentAt < LIFE_MS ? waiting : undefined;
  } catch {
    // No storage, or something else in it: then nothing waits.
    return undefined;
  }
}

export function keepWaiting(purpose: string, waiting: Waiting): void {
  try {
    sessionStorage.setItem(PREFIX + purpose, JSON.stringify(waiting));
  } catch {
    // Without storage a reload begins anew.
  }
}

export function forgetWaiting(purpose: string): void {
  try {
    sessionStorage.removeItem(PREFIX + purpose);
  } catch {
    // Nothing was kept.
  }
}

/** For the end of a session: its codes are of no use to the next one. */
export function forgetAllWaiting(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}
