import { type ProjectSettings, ProjectSettingsDates } from '@stile/api';
import { API_VERSION, VERSION } from '../version.js';
import type { Core } from './core.js';
import { request } from './request.js';
import { setState } from './state.js';

const FRESH = 5 * 60 * 1000;
const TRIES = 3;

/** The settings, from memory while they are fresh; `force` fetches in any case. */
export async function loadSettings(
  core: Core,
  { force = false }: { force?: boolean } = {},
): Promise<ProjectSettings> {
  const known = core.state.projectSettings;
  const until = await core.store?.read<number>('projectSettingsExpiration');
  if (!force && known && until !== undefined && until > Date.now()) return known;
  core.fetchingSettings ??= fetchSettings(core).finally(() => {
    core.fetchingSettings = undefined;
  });
  return core.fetchingSettings;
}

async function fetchSettings(core: Core): Promise<ProjectSettings> {
  for (let left = TRIES - 1; ; left--) {
    try {
      const settings = await request<ProjectSettings>(core, {
        path: '/settings',
        query: { sdkVersion: VERSION },
        credentials: 'omit',
        token: null,
        dates: ProjectSettingsDates,
      });
      setState(core, { projectSettings: settings });
      await core.store?.patch('state', { apiVersion: API_VERSION, projectSettings: settings });
      await core.store?.write('projectSettingsExpiration', Date.now() + FRESH);
      return settings;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}
