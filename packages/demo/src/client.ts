import {
  createStileClient,
  type MFADeviceType,
  onEvent,
  refreshAuth,
  type StileClient,
  StileError,
} from '@stile/client';
import { useSyncExternalStore } from 'react';
import { environmentOf } from './environments';
import { loggedFetch } from './log';

/** The scope that guards the door. It is the environment's own: any `name:verb` can be one. */
export const VAULT_OPEN = 'vault:open';

/** The environment that this page is about. Another one is another page: `?env=2`. */
export const environment = environmentOf(location.search);

/** The only client of the page, so that the functions of the SDK need not be told which one is meant. */
export const client: StileClient = createStileClient({
  environmentId: environment.id,
  // The server serves this page too. `fetch` is here for the panel "What happened"; an app leaves it out.
  coreConfig: { apiBaseUrl: '/api/v0', fetch: loggedFetch },
});

/** The client, drawing anew whenever something of it changes. */
export function useStile(): StileClient {
  useSyncExternalStore(subscribe, () => changes);
  return client;
}

let changes = 0;

function subscribe(onChange: () => void): () => void {
  const listener = () => {
    changes++;
    onChange();
  };
  const events = [
    'initStatusChanged',
    'userChanged',
    'tokenChanged',
    'mfaTokenChanged',
    'sessionExpiresAtChanged',
    'projectSettingsChanged',
  ] as const;
  const stops = events.map((event) => onEvent({ event, listener }));
  return () => {
    for (const stop of stops) stop();
  };
}

/** Whether the environment lets its users enrol this kind of second factor. */
export function isOffered(type: MFADeviceType): boolean {
  const { availableMethods = [], methods = [] } = client.projectSettings?.security.mfa ?? {};
  return availableMethods.includes(type) && methods.some((method) => method.type === type && method.enabled);
}

/** What the vault answered. */
export type VaultAnswer = {
  status: number;
  /** Codes of refusals are stable: `elevated_token_required`, `elevated_token_used`, … */
  code?: string;
  error?: string;
  /** The scope that is missing. */
  scope?: string;
  contents?: { label: string; value: string }[];
  /** What Stile told the backend about the token when it was spent. */
  spent?: Record<string, unknown>;
};

/**
 * Asks the app's own backend to open the vault. The access token says who asks; the elevated token, that the person
 * proved it for this. The backend has Stile spend the elevated token (`POST …/elevated-tokens/consume`) before it acts.
 */
export async function openVault(elevatedToken: string | undefined): Promise<VaultAnswer> {
  const response = await loggedFetch('/demo/api/vault/open', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${client.token}`,
      'content-type': 'application/json',
      ...(elevatedToken ? { 'x-dyn-elevated-access-token': elevatedToken } : undefined),
    },
    body: '{}',
  }).catch((cause) => {
    throw new StileError({ code: 'network_error', message: 'No answer from the vault.', cause });
  });
  return { ...(await response.json().catch(() => undefined)), status: response.status };
}

/**
 * A removed factor can lower this session, or end it: the page shows at once what the server says now. A session that has
 * ended signs out by that alone.
 */
export async function refreshAfterRemoval(): Promise<void> {
  await refreshAuth(client).catch(() => {});
}
