import {
  authenticatePasskeyMFA,
  checkUserScopes,
  getPasskeys,
  hasElevatedAccessToken,
  initializeClient,
  JwtScope,
  logout,
  onEvent,
  type UserPasskey,
} from '@stile/client';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Account } from './Account';
import { Climb } from './Climb';
import { useStile, VAULT_OPEN } from './client';
import { forgetTokens } from './log';
import { Passkeys } from './Passkeys';
import { SignIn } from './SignIn';
import { StepUpProvider } from './StepUp';
import { Button, StatusLine, say, TroubleNote, useAction } from './ui';
import { Vault, type VaultState } from './Vault';
import { WhatHappened } from './WhatHappened';

/** What to tell about a session that ended without the user's doing. */
const ENDED: Partial<Record<string, string>> = {
  'user-intent': 'You are signed out.',
  'token-expired': 'Your session has expired. Sign in again to go on.',
  'another-tab': 'You signed out in another tab.',
  'keychain-key-missing': 'The browser has lost the key of your session. Sign in again.',
  'session-refresh-unauthorized': 'Your session has ended. Sign in again to go on.',
  'user-refresh-failed': 'Your session has ended. Sign in again to go on.',
};

export function App() {
  useEffect(
    () =>
      onEvent({
        event: 'logout',
        listener: ({ reason }) => {
          forgetTokens();
          say(ENDED[reason] ?? '');
        },
      }),
    [],
  );
  return (
    <StepUpProvider>
      <Header />
      <div className="page">
        <main>
          <Screen />
        </main>
        <WhatHappened />
      </div>
      <StatusLine />
    </StepUpProvider>
  );
}

function Header() {
  const { user } = useStile();
  return (
    <header className="top">
      <a className="brand" href="/demo/">
        <Mark />
        <span>
          <b>Stile</b> demo
        </span>
      </a>
      <nav aria-label="Development">
        <a href="/docs/api">API</a>
        <a href="/dev/outbox">Outbox</a>
      </nav>
      {user && (
        <div className="who">
          <span>{user.email ?? 'Signed in'}</span>
          <Button look="quiet" onClick={() => logout()}>
            Sign out
          </Button>
        </div>
      )}
    </header>
  );
}

/** A stile, seen from the side. */
function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <title>Stile</title>
      <path d="M16 4.500V27M6 27 16 10.500 26 27M7 20.500h6.500M18.500 20.500H25M10.500 14.500h11" />
    </svg>
  );
}

/** Which one: starting, failed to start, signed out, a second factor owed, signed in. */
function Screen() {
  const { initStatus, user } = useStile();
  const owes = user && checkUserScopes({ scopes: [JwtScope.RequiresAdditionalAuth], user });
  const screen = initStatus === 'finished' ? (user ? (owes ? 'half' : 'in') : 'out') : initStatus;

  // Somebody who has just signed out does not want to be asked to sign in again.
  const [wasIn, setWasIn] = useState(false);
  if (user && !wasIn) setWasIn(true);

  // What had the focus is gone with the screen before. The first one leaves the focus to the browser.
  const before = useRef<string>(undefined);
  useEffect(() => {
    const isFirst = before.current === undefined || before.current === 'in-progress';
    before.current = screen;
    if (isFirst) return;
    scrollTo({ top: 0 });
    document.querySelector('h1')?.focus({ preventScroll: true });
  }, [screen]);

  if (screen === 'failed') return <OutOfReach />;
  if (screen === 'out') return <SignedOut isFresh={!wasIn} />;
  if (screen === 'half') return <SecondFactor />;
  if (screen === 'in') return <SignedIn key={user?.id} />;
  return <p className="quiet">Looking for the server…</p>;
}

function Hero({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="hero">
      <h1 tabIndex={-1}>{title}</h1>
      <p>{children}</p>
    </div>
  );
}

function OutOfReach() {
  const { initError } = useStile();
  const { run, busy } = useAction();
  return (
    <>
      <Hero title="Nobody answers.">The page is here and the server behind it is not.</Hero>
      <TroubleNote
        trouble={{ text: initError?.message ?? 'The start failed.', todo: 'Start it: stile dev.' }}
      />
      <div className="row">
        <Button look="main" busy={busy} onClick={() => run(() => initializeClient())}>
          {busy ? 'Trying…' : 'Try again'}
        </Button>
      </div>
    </>
  );
}

function SignedOut({ isFresh }: { isFresh: boolean }) {
  return (
    <>
      <Hero title="Your vault is over the fence.">
        Sign in, enrol a passkey, prove that it is you, and the door opens. Every request on the way is
        written down, so that you see what your own app would do.
      </Hero>
      <SignIn offerPasskeys={isFresh} />
      <Climb steps={stepsOf({ by: undefined, passkeys: 0, steppedUp: false, open: false })} />
    </>
  );
}

function SecondFactor() {
  const { run, busy, trouble } = useAction();
  const prove = () =>
    run(async () => {
      const { user } = await authenticatePasskeyMFA();
      say(`Signed in as ${user.email}.`);
    });
  return (
    <>
      <Hero title="One more step.">
        Your account has a passkey, so an e-mail code alone does not sign you in. Continue with the passkey.
      </Hero>
      <section className="panel">
        <Button look="main" busy={busy} onClick={prove}>
          {busy ? 'Waiting for your passkey…' : 'Continue with passkey'}
        </Button>
        <TroubleNote trouble={trouble} />
      </section>
    </>
  );
}

function SignedIn() {
  const { user } = useStile();
  const [passkeys, setPasskeys] = useState<UserPasskey[]>();
  const [vault, setVault] = useState<VaultState>({ is: 'locked' });
  const { run, trouble } = useAction();
  const reload = async () => setPasskeys(await getPasskeys());
  useEffect(() => void run(reload), []);

  const open = vault.is === 'open';
  const last = user?.verifiedCredentials.find(({ id }) => id === user.lastVerifiedCredentialId);
  const steps = stepsOf({
    by: last?.format === 'passkey' ? 'Last proof: passkey' : 'Last proof: e-mail code',
    passkeys: passkeys?.length ?? 0,
    steppedUp: open || hasElevatedAccessToken(VAULT_OPEN),
    open,
  });

  return (
    <>
      {open ? (
        <Hero title="Your vault is open.">You are over the fence. The token that got you here is spent.</Hero>
      ) : (
        <Hero title="Your vault is locked.">
          Being signed in shows it to you. Opening it takes a proof that is fresh, and for this door alone.
        </Hero>
      )}
      <Climb steps={steps} />
      <Vault vault={vault} setVault={setVault} />
      <TroubleNote trouble={trouble} />
      <Passkeys passkeys={passkeys} reload={reload} />
      <Account />
    </>
  );
}

type Way = { by: string | undefined; passkeys: number; steppedUp: boolean; open: boolean };

function stepsOf({ by, passkeys, steppedUp, open }: Way) {
  const count = passkeys > 1 ? `${passkeys} of them` : 'Bound to your device';
  return [
    { title: 'Signed in', note: by ?? 'By code or passkey', done: by !== undefined },
    { title: 'Passkey enrolled', note: passkeys > 0 ? count : 'Or stay with codes', done: passkeys > 0 },
    { title: 'Stepped up', note: 'For this door, once', done: steppedUp },
    { title: 'Open', note: open ? 'Come in' : 'The other side', done: open },
  ];
}
