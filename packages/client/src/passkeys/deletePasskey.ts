import { deletePasskeyOperation } from '@stile/api';
import { readyCore } from '../internal/core.js';
import { listPasskeys } from '../internal/passkeys.js';
import { sentOf } from '../internal/record.js';
import { request } from '../internal/request.js';
import { canSignal, signalAccepted, signalUnknown } from '../internal/signals.js';
import type { StileClient } from '../types.js';

/**
 * Deletes a passkey of the signed-in user, with a held `credential:unlink` token, and has the browser forget it where
 * browsers can.
 * `getRemovalEffect` tells before whether this session may end, or owe a second factor again.
 *
 * @param params.passkeyId `id` of what {@link getPasskeys} answers
 * @throws APIError 403 when a step-up is needed first, `passkey_not_found`
 */
export async function deletePasskey(
  { passkeyId }: { passkeyId: string },
  client?: StileClient,
): Promise<void> {
  const core = await readyCore(client);
  const since = sentOf(core.record);
  // The browser knows passkeys by another id than the server's records.
  const before = canSignal() ? await listPasskeys(core).catch(() => []) : [];
  await request(core, {
    ...deletePasskeyOperation,
    body: { passkeyId },
    mfaToken: true,
    since,
  });
  const deleted = before.find(({ id }) => id === passkeyId);
  if (!deleted) return;
  await signalUnknown(core, deleted.credentialId);
  await signalAccepted(
    core,
    before.filter((passkey) => passkey !== deleted).map(({ credentialId }) => credentialId),
  );
}
