import { afterEach, beforeEach } from 'vitest';
import { createStileClient } from '../client/createStileClient.js';
import { destroyClient } from '../client/destroyClient.js';
import { waitForClientInitialized } from '../client/waitForClientInitialized.js';
import { sendEmailOTP } from '../otp/sendEmailOTP.js';
import { verifyOTP } from '../otp/verifyOTP.js';
import type { StileClient, StileClientConfig } from '../types.js';
import { API, ENVIRONMENT, type FakeServer, fakeServer, verifyResponse } from './fakeServer.js';

export type Harness = {
  server: FakeServer;
  /** A started client on the page's own storage: a further one is another tab, or this one after a reload. */
  open(config?: Partial<StileClientConfig>): Promise<StileClient>;
  /** Makes a client without waiting for it. */
  create(config?: Partial<StileClientConfig>): StileClient;
  close(client: StileClient): void;
  signIn(client?: StileClient, answer?: Record<string, unknown>): Promise<void>;
};

/** A fresh browser and server for each test of the file. */
export function useHarness(): Harness {
  const open = new Set<StileClient>();
  const harness: Harness = {
    server: fakeServer(),
    create: ({ coreConfig, ...config } = {}) => {
      const client = createStileClient({
        environmentId: ENVIRONMENT,
        ...config,
        coreConfig: { apiBaseUrl: API, fetch: (...args) => harness.server.fetch(...args), ...coreConfig },
      });
      open.add(client);
      return client;
    },
    open: async (config) => {
      const client = harness.create(config);
      await waitForClientInitialized(client);
      return client;
    },
    close: (client) => {
      open.delete(client);
      destroyClient(client);
    },
    signIn: async (client, answer = verifyResponse()) => {
      harness.server.on('POST /emailVerifications/create', ({ body }) => ({
        status: 201,
        json: { verificationUUID: 'uuid-1', email: (body as { email: string }).email },
      }));
      harness.server.on('POST /emailVerifications/signin', () => ({ json: answer }));
      const otpVerification = await sendEmailOTP({ email: 'a@example.test' }, client);
      await verifyOTP({ otpVerification, verificationToken: '123456' }, client);
    },
  };
  beforeEach(() => {
    harness.server = fakeServer();
    localStorage.clear();
  });
  afterEach(async () => {
    for (const client of [...open]) harness.close(client);
    await new Promise<void>((resolve) => {
      const request = indexedDB.deleteDatabase(`dynamic_${ENVIRONMENT}_keychain`);
      request.onsuccess = () => resolve();
      request.onblocked = () => resolve();
      request.onerror = () => resolve();
    });
  });
  return harness;
}

/** Lets pending promises run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
