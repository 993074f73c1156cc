import type { Scope } from '@stile/api';
import { coreOf } from '../internal/core.js';
import { findElevatedToken } from '../internal/elevatedTokens.js';
import type { StileClient } from '../types.js';

/** Whether the client holds an unexpired elevated token for the scope. It is not spent, and the server is not asked. */
export function hasElevatedAccessToken(scope: Scope, client?: StileClient): boolean {
  return findElevatedToken(coreOf(client), scope) !== undefined;
}
