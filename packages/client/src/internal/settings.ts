import { getSettingsOperation, type ProjectSettings, ProjectSettingsDates } from '@stile/api';
import { API_VERSION, VERSION } from '../version.js';
import type { Shape } from './answers.js';
import type { Core } from './core.js';
import { reviveDates } from './dates.js';
import { ask } from './sessionless.js';
import { setState } from './state.js';

const NAME = 'settings';
const FRESH = 5 * 60 * 1000;
const TRIES = 3;
const SHAPE: Shape = { security: 'object' };

/** As stored. `until` is by the browser's clock, in milliseconds since 1970. */
type Stored = { apiVersion: string; until: number; settings: ProjectSettings };

/** The settings, from memory while they are fresh; `force` fetches in any case. */
export async function loadSettings(
  core: Core,
  { force = false }: { force?: boolean } = {},
): Promise<ProjectSettings> {
  const known = core.state.projectSettings;
  if (!force && known && isFresh(await readSettings(core))) return known;
  core.fetchingSettings ??= fetchSettings(core).finally(() => {
    core.fetchingSettings = undefined;
  });
  return core.fetchingSettings;
}

/** At start: takes up the stored settings, fresh or not. */
export async function restoreSettings(core: Core): Promise<void> {
  const stored = await readSettings(core);
  if (!stored) return;
  setState(core, { projectSettings: reviveDates(stored.settings, ProjectSettingsDates) });
}

async function readSettings(core: Core): Promise<Stored | undefined> {
  const stored = (await core.store?.read(NAME)) as Stored | undefined;
  return stored?.apiVersion === API_VERSION && stored.settings?.security ? stored : undefined;
}

/** A time further away than it can be was written under another clock. */
function isFresh(stored: Stored | undefined): boolean {
  const left = (stored?.until ?? 0) - Date.now();
  return left > 0 && left <= FRESH;
}

async function fetchSettings(core: Core): Promise<ProjectSettings> {
  for (let left = TRIES - 1; ; left--) {
    try {
      const settings = await ask<ProjectSettings>(core, {
        ...getSettingsOperation,
        query: { sdkVersion: VERSION },
        credentials: 'omit',
        shape: SHAPE,
        dates: ProjectSettingsDates,
      });
      setState(core, { projectSettings: settings });
      const stored: Stored = { apiVersion: API_VERSION, until: Date.now() + FRESH, settings };
      await core.store?.write(NAME, stored);
      return settings;
    } catch (error) {
      if (left === 0 || core.life.signal.aborted) throw error;
    }
  }
}
