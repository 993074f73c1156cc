import type { Core } from './core.js';
import { adoptStored } from './session.js';

/** Follows the other tabs of this origin, by the events that the browser sends for `localStorage`. */
export function followOtherTabs(core: Core): void {
  const { store } = core;
  if (!store || core.config.coreConfig?.storageAdapter || typeof window === 'undefined') return;
  const adopt = () => void adoptStored(core);
  const watched = new Set<string | null>([store.keyOf('session'), store.keyOf('state'), null]); // null: all was cleared
  const onStorage = ({ key }: StorageEvent) => {
    if (watched.has(key)) adopt();
  };
  // A page that comes back from the back/forward cache has missed the events.
  const onPageShow = ({ persisted }: PageTransitionEvent) => {
    if (persisted) adopt();
  };
  window.addEventListener('storage', onStorage);
  window.addEventListener('pageshow', onPageShow);
  core.cleanups.push(() => {
    window.removeEventListener('storage', onStorage);
    window.removeEventListener('pageshow', onPageShow);
  });
}
