import {
  authenticatePasskeyMFA,
  createDynamicClient,
  type DynamicClient,
  deletePasskey,
  getPasskeys,
  logout,
  onEvent,
  registerPasskey,
  signInWithPasskey,
  waitForClientInitialized,
} from '@dynamic-labs-sdk/client';

export const client: DynamicClient = createDynamicClient({
  environmentId: '5711e000-0000-4000-8000-000000000001',
  metadata: { name: 'App', universalLink: 'https://app.example.test' },
  coreConfig: { apiBaseUrl: 'https://auth.example.test/api/v0' },
  instrumentation: { enabled: false },
});

export const register = async (): Promise<void> => {
  await waitForClientInitialized();
  await registerPasskey();
  await registerPasskey({ createMfaToken: { singleUse: true } }, client);
};

export const afterSignIn = async (): Promise<void> => {
  await authenticatePasskeyMFA();
  await authenticatePasskeyMFA({ requestedScopes: ['wallet:export'] });
  await authenticatePasskeyMFA({ createMfaToken: { singleUse: true } });
};

export const remove = async (): Promise<void> => {
  const passkeys = await getPasskeys();
  const [oldest] = passkeys.sort((one, other) => one.createdAt.getTime() - other.createdAt.getTime());
  if (oldest) await deletePasskey({ passkeyId: oldest.id });
};

export const autofill = async (signal: AbortSignal): Promise<string> => {
  const { user } = await signInWithPasskey({ mediation: 'conditional', signal });
  return user.id;
};

export const follow = (show: (email: string | null | undefined) => void): (() => void) => {
  onEvent({ event: 'logout', listener: ({ reason }) => show(reason) }, client);
  return onEvent({ event: 'userChanged', listener: ({ user }) => show(user?.email) });
};

export const leave = async (): Promise<void> => {
  await logout();
  client.user satisfies { id: string } | null;
  // @ts-expect-error read-only
  client.token = 'mine';
};
