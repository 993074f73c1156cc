import type { Core } from './core.js';

/** WebAuthn L3 §5.1.10: tells the passkey managers what the server knows. Not in every browser. */
type SignalMethods = {
  signalUnknownCredential?(options: { rpId: string; credentialId: string }): Promise<void>;
  signalAllAcceptedCredentials?(options: {
    rpId: string;
    userId: string;
    allAcceptedCredentialIds: string[];
  }): Promise<void>;
};

/** What the last ceremony said of the user. Kept per user: a list under another one's handle would hide passkeys. */
type Known = { userId: string; userHandle?: string; rpId?: string };

const NAME = 'passkeys';

function methods(): SignalMethods {
  return typeof PublicKeyCredential === 'undefined' ? {} : (PublicKeyCredential as unknown as SignalMethods);
}

export function canSignal(): boolean {
  return Boolean(methods().signalUnknownCredential);
}

export async function rememberPasskeyUser(core: Core, known: Omit<Known, 'userId'>): Promise<void> {
  const userId = core.state.user?.id;
  if (userId) await core.store?.write(NAME, { userId, ...known });
}

/** The server does not know this passkey: offer it no more. Never fails. */
export async function signalUnknown(core: Core, credentialId: string, rpId?: string): Promise<void> {
  try {
    const id = rpId ?? (await recall(core))?.rpId ?? location.hostname;
    await methods().signalUnknownCredential?.({ rpId: id, credentialId });
  } catch (error) {
    core.logger.warn('Stile: the browser was not told of an unknown passkey', error);
  }
}

/** These are all passkeys of the user. Does nothing unless the user's handle is known. Never fails. */
export async function signalAccepted(core: Core, credentialIds: string[]): Promise<void> {
  try {
    const known = await recall(core);
    if (!known?.userHandle || !known.rpId) return;
    await methods().signalAllAcceptedCredentials?.({
      rpId: known.rpId,
      userId: known.userHandle,
      allAcceptedCredentialIds: credentialIds,
    });
  } catch (error) {
    core.logger.warn('Stile: the browser was not told of the remaining passkeys', error);
  }
}

async function recall(core: Core): Promise<Known | undefined> {
  const known = (await core.store?.read(NAME)) as Known | undefined;
  return known?.userId === core.state.user?.id ? known : undefined;
}
