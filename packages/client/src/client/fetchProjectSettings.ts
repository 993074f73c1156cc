import type { ProjectSettings } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { loadSettings } from '../internal/settings.js';
import type { StileClient } from '../types.js';

/**
 * The settings of the environment; those that are known already if they are less than five minutes old. Tries three
 * times. (The type has `null` for compatibility; a failure throws.)
 */
export async function fetchProjectSettings(client?: StileClient): Promise<ProjectSettings | null> {
  return loadSettings(await readyCore(client));
}
