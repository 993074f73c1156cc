import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { resolveApiBaseUrl } from '../internal/apiBaseUrl.js';
import { checkExpiry } from '../internal/checkExpiry.js';
import { type Core, register } from '../internal/core.js';
import { followOtherTabs } from '../internal/crossTab.js';
import { randomName } from '../internal/encoding.js';
import { initialize } from '../internal/initialize.js';
import { indexedDbKeychain } from '../internal/keychain.js';
import { EMPTY } from '../internal/record.js';
import { blobStore, pageStorage } from '../internal/storage.js';
import type { StileClient, StileClientConfig } from '../types.js';

/**
 * Makes a client of one environment and, in a browser, starts it. Functions without a client argument use the only
 * client there is.
 *
 * On a server (server-side rendering) the client is inert: `initStatus` stays `uninitialized` and calls throw
 * `UnavailableInServerSideError`, unless `coreConfig` has a storage adapter.
 *
 * @throws ValueMustBeDefinedError without `environmentId`, or without `coreConfig.apiBaseUrl` where it is needed
 * @throws InvalidParamError when `coreConfig.apiBaseUrl` is not a URL
 */
export function createStileClient(config: StileClientConfig): StileClient {
  const { environmentId, coreConfig = {}, autoInitialize = true } = config;
  if (!environmentId) throw new ValueMustBeDefinedError('createStileClient needs an environmentId');
  const prefix = `dynamic_${environmentId}_`;
  const adapter = coreConfig.storageAdapter ?? (typeof window === 'undefined' ? undefined : pageStorage());
  const logger = coreConfig.logger ?? console;
  const life = new AbortController();
  const core: Core = {
    config,
    // On a server nothing is fetched, and the page whose origin would count is not there yet.
    apiBaseUrl: adapter ? resolveApiBaseUrl(coreConfig.apiBaseUrl) : '',
    store: adapter && blobStore(prefix, adapter, logger, () => !life.signal.aborted),
    adapter,
    sharesPage: !coreConfig.storageAdapter,
    keychain: coreConfig.keychain ?? indexedDbKeychain(`${prefix}keychain`, logger),
    logger,
    instanceId: randomName(32),
    listeners: new Map(),
    events: [],
    life,
    state: {
      initStatus: 'uninitialized',
      initError: null,
      projectSettings: null,
      user: null,
      token: null,
      mfaToken: null,
      sessionExpiresAt: null,
      captchaToken: null,
    },
    record: EMPTY,
    latest: EMPTY,
    hasRead: false,
    isForeign: false,
    singleUse: [],
    serverClock: undefined,
    ready: Promise.resolve(),
    onExpiry: () => void checkExpiry(core),
    expiryTimer: undefined,
    verifications: {},
    renewals: new Set(),
    ending: Promise.resolve(),
    creatingSessionKey: undefined,
    fetchingSettings: undefined,
    cleanups: [],
  };
  const client: StileClient = Object.freeze({
    get initStatus() {
      return core.state.initStatus;
    },
    get initError() {
      return core.state.initError;
    },
    get projectSettings() {
      return core.state.projectSettings;
    },
    get user() {
      return core.state.user;
    },
    get token() {
      return core.state.token;
    },
    get sessionExpiresAt() {
      return core.state.sessionExpiresAt;
    },
    get mfaToken() {
      return core.state.mfaToken;
    },
  });
  register(client, core);
  followOtherTabs(core);
  // The error is kept in `initError`; `waitForClientInitialized` tells it.
  if (autoInitialize && core.store) initialize(core).catch(() => undefined);
  return client;
}
