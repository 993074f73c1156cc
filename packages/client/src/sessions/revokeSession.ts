import { endSessionOperation } from '@stile/api';
import { ValueMustBeDefinedError } from '../errors/ValueMustBeDefinedError.js';
import { readyCore } from '../internal/core.js';
import { request } from '../internal/request.js';
import type { StileClient } from '../types.js';

/**
 * Ends a session of the signed-in user. Use {@link logout} for this one: it also forgets what this browser holds.
 *
 * @param params.sessionId `id` of what {@link getSessions} answers
 * @throws ValueMustBeDefinedError without an id: the route without one ends all the others
 */
export async function revokeSession(
  { sessionId }: { sessionId: string },
  client?: StileClient,
): Promise<void> {
  if (!sessionId) throw new ValueMustBeDefinedError('revokeSession needs a sessionId');
  await request(await readyCore(client), {
    ...endSessionOperation(sessionId),
  });
}
