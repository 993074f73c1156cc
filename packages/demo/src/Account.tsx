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
import { Button, Field, say, TroubleNote, useAction, useNow } from './ui';

export function Account() {
  const { user, sessionExpiresAt } = useStile();
  const now = useNow();
  const left = sessionExpiresAt && timeLeft(sessionExpiresAt.getTime(), now);
  return (
    <section className="panel" aria-labelledby="account">
      <h2 id="account">Account</h2>
      <dl className="facts">
        <Email address={user?.email ?? undefined} />
        <Row label="Session" value={left ? `ends in ${left}` : 'has no end'}>
          <Renew />
        </Row>
        <Delete />
      </dl>
    </section>
  );
}

function Row({ label, value, children }: { label: string; value: string; children: React.ReactNode }) {
  return (
    <div className="fact">
      <dt>{label}</dt>
      <dd>{value}</dd>
      <dd className="fact-action">{children}</dd>
    </div>
  );
}

function Renew() {
  const { run, busy, trouble } = useAction();
  const renew = () =>
    run(async () => {
      await refreshAuth();
      say('Session renewed.');
    });
  return (
    <>
      <Button look="quiet" busy={busy} onClick={renew}>
        Renew session
      </Button>
      <TroubleNote trouble={trouble} />
    </>
  );
}

function Email({ address }: { address: string | undefined }) {
  const guarded = useGuarded();
  const [isOpen, setOpen] = useState(false);
  const [sent, setSent] = useState<OTPVerification>();
  const { run, busy, trouble } = useAction();

  const close = () => {
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
              sent={sent}
              action="Confirm new e-mail"
              canResend={false}
              onCode={async (otpVerification, verificationToken) => {
                const { user } = await verifyOTP({ otpVerification, verificationToken });
                close();
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
        confirm: 'Delete for good',
        takesMfaToken: true,
      };
      if (!(await guarded(question, () => deleteUser()))) return;
      say('Your account is deleted.');
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
