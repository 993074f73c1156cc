import type * as Stile from '@stile/client';

declare global {
  interface Window {
    stile: typeof Stile;
    client: Stile.StileClient;
  }
}
