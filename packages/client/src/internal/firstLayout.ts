import { type SdkUser, SdkUserDates } from '@stile/api';
import { USER_SHAPE } from './answers.js';
import type { Core } from './core.js';
import { issuedAtOf } from './jwt.js';
import { sentOf } from './record.js';
import { exchange } from './request.js';
import { commit } from './session.js';

/** What versions before the one record stored under `session`; its user was elsewhere. */
type FirstLayout = {
  token: string;
  legacyToken?: string | null;
  mfaToken?: string | null;
  /** Milliseconds since 1970. */
  sessionExpiration?: number | null;
  sessionKeys?: string | null;
};

/**
 * Takes over a session that versions before the one record stored, with the user as the server has it now. When the server cannot be
 * asked, or refuses, what is stored stays as it is: nothing is revoked that nobody has ended.
 */
export async function takeFirstLayout(core: Core): Promise<void> {
  if (!core.isForeign) return;
  const stored = (await core.store?.read('session')) as (Partial<FirstLayout> & { v?: unknown }) | null;
  if (!stored || stored.v !== undefined || typeof stored.token !== 'string') return;
  const { token, legacyToken, mfaToken, sessionExpiration, sessionKeys = null } = stored;
  const sent = sentOf(core.record);
  try {
    const { answer: user } = await exchange<SdkUser>(core, {
      path: '/users',
      session: { token, publicKey: sessionKeys },
      shape: USER_SHAPE,
      dates: SdkUserDates,
    });
    commit(core, {
      type: 'answered',
      kind: 'sign-in',
      sent,
      answer: {
        user,
        minifiedJwt: token,
        jwt: legacyToken ?? '',
        expiresAt: sessionExpiration ? sessionExpiration / 1000 : Number.NaN,
        ...(mfaToken ? { mfaToken } : undefined),
      },
      cookie: false,
      elevated: undefined,
      issuedAt: issuedAtOf(token),
      clockOffset: undefined,
      now: Date.now(),
    });
  } catch (error) {
    core.logger.warn('Stile: the session of an earlier version could not be taken over', error);
  }
}
