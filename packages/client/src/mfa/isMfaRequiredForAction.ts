import type { MFAAction } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { loadSettings } from '../internal/settings.js';
import type { StileClient } from '../types.js';
import { getMfaMethods } from './getMfaMethods.js';

/**
 * Whether the environment wants a second factor proved before this action: always where it demands that every user has
 * one, else from users who have one.
 */
export async function isMfaRequiredForAction(
  { mfaAction }: { mfaAction: MFAAction },
  client?: StileClient,
): Promise<boolean> {
  const { mfa } = (await loadSettings(await readyCore(client))).security;
  if (!mfa?.actions?.some(({ action, required }) => action === mfaAction && required)) return false;
  return mfa.required || (await getMfaMethods(client)).userHasVerifiedMfaMethods;
}
