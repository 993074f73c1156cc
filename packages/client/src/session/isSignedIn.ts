import { coreOf } from '../internal/core.js';
import type { StileClient } from '../types.js';

/** Whether there is a user, also one whose sign-in awaits a second factor (see {@link checkUserScopes}). */
export function isSignedIn(client?: StileClient): boolean {
  return coreOf(client).state.user !== null;
}
