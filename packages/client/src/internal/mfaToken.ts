import type { Core } from './core.js';
import { setState } from './state.js';

/** Takes the legacy MFA token out of the state and out of the storage. */
export function dropMfaToken(core: Core): void {
  setState(core, { mfaToken: null });
  core.store?.patch('session', { mfaToken: null }).catch((error) => {
    core.logger.warn('Stile: a used MFA token is still stored', error);
  });
}
