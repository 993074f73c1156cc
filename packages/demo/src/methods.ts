import type { MFADeviceType, MFAMethodsResponse, StepUpCredential } from '@stile/client';

/** One way to prove who one is. */
export type Method = {
  id: string;
  format: MFADeviceType | 'recovery';
  /** What its owner knows it by. */
  name: string;
};

const NAMES: Record<MFADeviceType, string> = {
  passkey: 'passkey',
  totp: 'authenticator app',
  email: 'e-mail code',
};

const isKnown = (format: string): format is MFADeviceType => format in NAMES;

/**
 * The ways that the server named, as a person chooses among them: the first one is offered first. The browser itself
 * asks which passkey, so all of them are one way. Recovery codes are never named: they stand in for any second factor.
 */
export function methodsOf(
  named: readonly Pick<StepUpCredential, 'id' | 'format' | 'alias'>[],
  { defaultId, hasRecoveryCodes }: { defaultId?: string | undefined; hasRecoveryCodes: boolean },
): Method[] {
  const methods: Method[] = [];
  for (const { id, format, alias } of named) {
    if (!isKnown(format)) continue;
    if (format === 'passkey' && methods.some((method) => method.format === 'passkey')) continue;
    methods.push({ id, format, name: (format === 'totp' && alias) || NAMES[format] });
  }
  const favourite = named.find(({ id }) => id === defaultId);
  const isFavourite = (method: Method) =>
    method.id === favourite?.id || (method.format === 'passkey' && favourite?.format === 'passkey');
  methods.sort((one, other) => Number(isFavourite(other)) - Number(isFavourite(one)));
  const hasFactor = methods.some(({ format }) => format !== 'email');
  if (hasFactor && hasRecoveryCodes)
    methods.push({ id: 'recovery', format: 'recovery', name: 'recovery code' });
  return methods;
}

/** What {@link methodsOf} takes, of a user's second factors. The default comes first, then the newest. */
export function namedOf({ devices, passkeys }: MFAMethodsResponse): {
  named: { id: string; format: 'passkey' | 'totp'; alias?: string }[];
  defaultId: string | undefined;
} {
  const newestFirst = [
    ...devices.map(({ id, alias, createdAt }) => ({ id, alias, createdAt, format: 'totp' as const })),
    ...passkeys.map(({ id, alias, createdAt }) => ({ id, alias, createdAt, format: 'passkey' as const })),
  ].sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime());
  return {
    named: newestFirst.map(({ id, format, alias }) => ({ id, format, ...(alias ? { alias } : undefined) })),
    // Where it is no app, it is a passkey, and the browser asks which.
    defaultId: devices.find((device) => device.default)?.id ?? passkeys[0]?.id,
  };
}
