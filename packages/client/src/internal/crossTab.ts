import { checkExpiry } from './checkExpiry.js';
import type { Core } from './core.js';
import { readStored, takeRemoval } from './recordStore.js';
import { andThen } from './storage.js';

/** Follows what others write: by the events that browsers send for `localStorage`, or by those of an adapter. */
export function followOtherTabs(core: Core): void {
  const { store, adapter } = core;
  if (!store) return;
  const name = store.keyOf('session');
  const onChange = (key: string | null) => {
    if (core.life.signal.aborted || (key !== name && key !== null)) return;
    // The event says less than the storage, which may have been written since.
    void andThen(store.read('session'), (value) =>
      value === undefined ? takeRemoval(core) : readStored(core),
    );
  };
  if (!core.sharesPage) {
    const stop = adapter?.subscribe?.(onChange);
    if (stop) core.cleanups.push(stop);
    return;
  }
  const onStorage = ({ key }: StorageEvent) => onChange(key);
  // A page that was frozen, or whose machine slept, has missed events, and time has passed.
  const onWake = () => {
    if (document.visibilityState === 'visible') void checkExpiry(core);
  };
  window.addEventListener('storage', onStorage);
  window.addEventListener('pageshow', onWake);
  document.addEventListener('visibilitychange', onWake);
  core.cleanups.push(() => {
    window.removeEventListener('storage', onStorage);
    window.removeEventListener('pageshow', onWake);
    document.removeEventListener('visibilitychange', onWake);
  });
}
