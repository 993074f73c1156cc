import {
  deleteUser,
  type OTPVerification,
  refreshAuth,
  TokenScope,
  updateUser,
  verifyOTP,
} from '@stile/client';
import { type FormEvent, useState } from 'react';
import { useStile } from './client';
import { EmailCode } from './EmailCode';
import { useGuarded } from './Guarded';
import { timeLeft } from './tokens';
import { Button, Field, focusPanel, say, Told, TroubleNote, useAction, useNow, useTold } from './ui';
import { forgetWaiting, waitingFor } from './waiting';

export function Account() {
  const { user, sessionExpiresAt } = useStile();
  const now = useNow();
  const left = sessionExpiresAt && timeLeft(sessionExpiresAt.getTime(), now);
  return (
    <section className="panel" aria-labelledby="account">
      <h2 id="account" tabIndex={-1}>
        Account
      </h2>
      <div className="facts">
        <Email address={user?.email ?? undefined} />
        <Row label="Session" value={left ? `ends in ${left}` : 'has no end'}>
          <Renew />
        </Row>
        <Delete />
      </div>
    </section>
  );
}

function Row({ label, value, children }: { label: string; value: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <h3>{label}</h3>
      <p>{value}</p>
      <div className="fact-action">{children}</div>
    </div>
  );
}

function Renew() {
  const { run, busy, trouble } = useAction();
  const { told, tell } = useTold();
  const renew = () =>
    run(async () => {
      await refreshAuth();
      tell('Session renewed.');
    });
  return (
    <>
      <Told told={told} />
      <Button look="quiet" busy={busy} onClick={renew}>
        Renew session
      </Button>
      <TroubleNote trouble={trouble} />
    </>
  );
}

/** By this name the code for a new address is found again after a reload. */
const CHANGE = 'change-email';

function Email({ address }: { address: string | undefined }) {
  const guarded = useGuarded();
  const [sent, setSent] = useState<OTPVerification | undefined>(() => waitingFor(CHANGE)?.verification);
  const [isOpen, setOpen] = useState(sent !== undefined);
  const { run, busy, trouble, clear } = useAction();

  const close = () => {
    forgetWaiting(CHANGE);
    clear();
    setOpen(false);
    setSent(undefined);
  };
  const change = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const email = String(new FormData(event.currentTarget).get('email')).trim();
    return run(async () => {
      const question = {
        scope: TokenScope.Credentialupdate,
        title: 'Change your e-mail',
        text: `Codes will go to ${email}, and the old address will sign in no more.`,
      };
      await guarded(question, async () => setSent(await updateUser({ userFields: { email } })));
    });
  };

  return (
    <>
      <Row label="E-mail" value={address ?? 'none'}>
        <Button look="quiet" aria-expanded={isOpen} onClick={() => (isOpen ? close() : setOpen(true))}>
          {isOpen ? 'Keep this e-mail' : 'Change e-mail'}
        </Button>
      </Row>
      {isOpen && (
        <div className="fact-more">
          {sent && 'email' in sent ? (
            <EmailCode
              purpose={CHANGE}
              sent={sent}
              action="Confirm new e-mail"
              canResend={false}
              onCode={async (otpVerification, verificationToken) => {
                const { user } = await verifyOTP({ otpVerification, verificationToken });
                close();
                focusPanel('account');
                say(`Your e-mail is ${user.email} now.`);
              }}
            />
          ) : (
            <form className="form form-row" onSubmit={change}>
              <Field
                label="New e-mail"
                name="email"
                type="email"
                autoComplete="email"
                autoFocus
                required
                onChange={clear}
                trouble={trouble}
              />
              <Button type="submit" busy={busy}>
                Continue
              </Button>
            </form>
          )}
        </div>
      )}
    </>
  );
}

function Delete() {
  const guarded = useGuarded();
  const { run, busy, trouble } = useAction();
  const remove = () =>
    run(async () => {
      const question = {
        scope: TokenScope.Userdelete,
        title: 'Delete your account',
        text: 'Account, second factors and sessions are removed at once, and nothing brings them back.',
        confirm: 'Delete account',
        isFinal: true,
        takesMfaToken: true,
      };
      await guarded(question, () => deleteUser());
    });
  return (
    <>
      <Row label="Data" value="Account, second factors, sessions">
        <Button look="quiet" busy={busy} onClick={remove}>
          Delete account
        </Button>
      </Row>
      <TroubleNote trouble={trouble} />
    </>
  );
}
