import {
  initializeClient,
  isPendingRecoveryCodesAcknowledgment,
  isUserMissingMfaAuth,
  onEvent,
} from '@stile/client';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Climb, type Step } from './Climb';
import { environment, useStile } from './client';
import { GuardedProvider } from './Guarded';
import { Header } from './Header';
import { Hero } from './Hero';
import { forgetTokens } from './log';
import { Pending } from './Pending';
import { CodesToKeep } from './RecoveryCodes';
import { AccountHome, ActionsHome, VaultHome } from './SignedIn';
import { SignIn } from './SignIn';
import { accountSteps, actionSteps, vaultSteps } from './steps';
import {
  Button,
  focusHeading,
  forgetEnd,
  StatusLine,
  say,
  sayEnd,
  TroubleNote,
  useAction,
  useEnd,
} from './ui';
import { WhatHappened } from './WhatHappened';
import { forgetAllWaiting, forgetWaiting } from './waiting';

/** What to tell about a session that ended without the user's doing. */
const ENDED: Partial<Record<string, string>> = {
  'user-deleted': 'Your account is deleted.',
  'token-expired': 'Your session has expired. Sign in again to go on.',
  'another-tab': 'You signed out in another tab.',
  'keychain-key-missing': 'The browser has lost the key of your session. Sign in again.',
  'session-refresh-unauthorized': 'Your session has ended. Sign in again to go on.',
  'user-refresh-failed': 'Your session has ended. Sign in again to go on.',
};

export function App() {
  useEffect(() => {
    document.title = `${environment.name} – Stile demo`;
  }, []);
  useEffect(
    () =>
      onEvent({
        event: 'logout',
        listener: ({ reason }) => {
          forgetTokens();
          forgetAllWaiting();
          // The screen for signing in shows by itself that a person signed out.
          if (reason === 'user-intent') say('You are signed out.');
          else sayEnd(ENDED[reason]);
        },
      }),
    [],
  );
  return (
    <GuardedProvider>
      <Header />
      <div className="page">
        <main>
          <Screen />
        </main>
        <WhatHappened />
      </div>
      <StatusLine />
    </GuardedProvider>
  );
}

const HOMES: Record<string, () => ReactNode> = { '1': VaultHome, '2': ActionsHome, '3': AccountHome };

/** Which one: starting, failed to start, signed out, a second factor owed, codes to be kept, signed in. */
function Screen() {
  const { initStatus, user, projectSettings } = useStile();
  const [postponed, setPostponed] = useState<string>();
  // Where everybody must have a second factor, everybody must be able to lose one.
  const keepsCodes =
    Boolean(projectSettings?.security.mfa?.required) &&
    isPendingRecoveryCodesAcknowledgment() &&
    postponed !== user?.id;
  const inside = user && (isUserMissingMfaAuth() ? 'half' : keepsCodes ? 'codes' : 'in');
  const screen = initStatus === 'finished' ? (inside ?? 'out') : initStatus;

  // Somebody who has just signed out does not want to be asked to sign in again.
  const [wasIn, setWasIn] = useState(false);
  if (user && !wasIn) setWasIn(true);

  // Signed in by another tab, perhaps: then no code is waited for any more.
  useEffect(() => {
    if (!inside) return;
    forgetWaiting('sign-in');
    forgetEnd();
  }, [inside]);

  // What had the focus is gone with the screen before. The first one leaves the focus to the browser.
  const before = useRef<string>(undefined);
  useEffect(() => {
    const isFirst = before.current === undefined || before.current === 'in-progress';
    before.current = screen;
    if (isFirst) return;
    scrollTo({ top: 0 });
    focusHeading();
  }, [screen]);

  const Home = HOMES[environment.key] ?? VaultHome;
  if (screen === 'failed') return <OutOfReach />;
  if (screen === 'out') return <SignedOut isFresh={!wasIn} />;
  if (screen === 'half') return <Half />;
  if (screen === 'codes') return <Codes onLater={() => setPostponed(user?.id)} />;
  if (screen === 'in') return <Home key={user?.id} />;
  return <p className="quiet">Looking for the server…</p>;
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

type Welcome = { title: string; text: string; steps: readonly Step[] };

const VAULT: Welcome = {
  title: 'Your vault is over the fence.',
  text:
    'Sign in, enrol a second factor, prove that it is you, and the door opens. Every request on the way is ' +
    'written down, so that you see what your own app would do.',
  steps: vaultSteps({ by: undefined, factors: 0, steppedUp: false, open: false }),
};

const WELCOMES: Record<string, Welcome> = {
  '2': {
    title: 'Some things ask twice.',
    text:
      'Signing in is enough to look around. Changing your profile takes a second factor as well, once you have ' +
      'one, and an MFA token carries it there: the way of apps that have not moved to step-up yet.',
    steps: actionSteps({ isIn: false, factors: 0, token: false, done: false }),
  },
  '3': {
    title: 'Two factors, or no way in.',
    text:
      'Everybody here enrols a second factor with the first sign-in, keeps recovery codes for the day it is ' +
      'lost, and proves it at every sign-in.',
    steps: accountSteps({ reached: 0 }),
  },
};

function SignedOut({ isFresh }: { isFresh: boolean }) {
  const { title, text, steps } = WELCOMES[environment.key] ?? VAULT;
  const end = useEnd();
  return (
    <>
      <Hero title={title}>{text}</Hero>
      {end && (
        <div className="notice">
          <p>
            <strong>{end}</strong>
          </p>
        </div>
      )}
      <SignIn offerPasskeys={isFresh} />
      <Climb steps={steps} />
    </>
  );
}

function Half() {
  return (
    <>
      <Pending />
      <Climb steps={accountSteps({ reached: 1 })} />
    </>
  );
}

function Codes({ onLater }: { onLater: () => void }) {
  return (
    <>
      <Hero title="Keep these codes.">
        You are signed in. Put these codes where you keep what matters, and not on the device that has your
        second factor.
      </Hero>
      <section className="panel" aria-label="Recovery codes">
        <CodesToKeep />
        <Button look="quiet" onClick={onLater}>
          Later
        </Button>
      </section>
      <Climb steps={accountSteps({ reached: 2 })} />
    </>
  );
}
