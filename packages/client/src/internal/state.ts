import type { StileEventName, StileEvents } from '../types.js';
import type { Core, State } from './core.js';

/**
 * Tells the listeners. Events that a listener causes are told after the one that it is hearing, so that everybody hears
 * them in the same order. A listener that throws disturbs neither the others nor the call that caused the event.
 */
export function emit<E extends StileEventName>(core: Core, event: E, payload: StileEvents[E]): void {
  core.events.push(() => tell(core, event, payload));
  if (core.events.length > 1) return; // somebody further up is telling
  while (core.events.length > 0) {
    core.events[0]?.();
    core.events.shift();
  }
}

function tell<E extends StileEventName>(core: Core, event: E, payload: StileEvents[E]): void {
  for (const listener of [...(core.listeners.get(event) ?? [])]) {
    try {
      listener(payload);
    } catch (error) {
      core.logger.error(`Stile: a listener of ${event} failed`, error);
    }
  }
}

/** Changes the state, then tells of every property that is different now. */
export function setState(core: Core, patch: Partial<State>): void {
  const before = core.state;
  const now = { ...before, ...patch };
  core.state = now;
  if (now.initError !== before.initError) emit(core, 'initErrorChanged', { initError: now.initError });
  if (now.initStatus !== before.initStatus) emit(core, 'initStatusChanged', { initStatus: now.initStatus });
  if (now.projectSettings !== before.projectSettings) {
    emit(core, 'projectSettingsChanged', { projectSettings: now.projectSettings });
  }
  if (now.token !== before.token) emit(core, 'tokenChanged', { token: now.token });
  if (now.mfaToken !== before.mfaToken) emit(core, 'mfaTokenChanged', { mfaToken: now.mfaToken });
  if (now.sessionExpiresAt?.getTime() !== before.sessionExpiresAt?.getTime()) {
    emit(core, 'sessionExpiresAtChanged', { sessionExpiresAt: now.sessionExpiresAt });
  }
  if (now.user !== before.user) emit(core, 'userChanged', { user: now.user });
}
