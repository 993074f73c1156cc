import {
  authenticateTotpMfaDevice,
  getMfaMethods,
  MFADeviceType,
  type MFARegisterTotpDeviceGetResponse,
  registerPasskey,
  registerTotpMfaDevice,
} from '@stile/client';
import { useEffect, useState } from 'react';
import { client, isOffered, useStile } from './client';
import { EnrolApp } from './EnrolApp';
import { Hero } from './Hero';
import { type Method, methodsOf, namedOf } from './methods';
import { Proof } from './Proof';
import { hasRecoveryCodes } from './StepUp';
import { Button, focusHeading, say, TroubleNote, useAction } from './ui';

const welcome = () => say(`Signed in as ${client.user?.email ?? 'you'}.`);

/** The session still owes a second factor: to be proved, or to be enrolled by somebody who has none. */
export function Pending() {
  const [methods, setMethods] = useState<Method[]>();
  const { run, busy, trouble } = useAction();
  const look = () =>
    run(async () => {
      const { named, defaultId } = namedOf(await getMfaMethods());
      setMethods(methodsOf(named, { defaultId, hasRecoveryCodes: hasRecoveryCodes() }));
    });
  useEffect(() => void look(), []);
  // Now the heading says what there is to do. A field that has the focus keeps it.
  useEffect(() => {
    if (!(document.activeElement instanceof HTMLInputElement)) focusHeading();
  }, [methods]);

  const isEmpty = methods?.length === 0;
  return (
    <>
      <Hero title={isEmpty ? 'Choose a second factor.' : 'One more step.'}>
        {isEmpty
          ? 'Here everybody has one. You need it at every sign-in, and whoever learns your e-mail codes cannot get in without it.'
          : methods
            ? 'Your account has a second factor, so an e-mail code alone does not sign you in.'
            : 'Signing in takes a second factor here.'}
      </Hero>
      <section className="panel" aria-label="Second factor">
        {isEmpty ? (
          <Enrol />
        ) : methods ? (
          <Proof methods={methods} wanted={{}} verb="Continue" onProved={welcome} />
        ) : trouble ? (
          <>
            <TroubleNote trouble={trouble} />
            <Button busy={busy} onClick={look}>
              Try again
            </Button>
          </>
        ) : (
          <p className="quiet">Looking which second factors you have…</p>
        )}
      </section>
    </>
  );
}

function Enrol() {
  useStile();
  const [registration, setRegistration] = useState<MFARegisterTotpDeviceGetResponse>();
  const app = useAction();
  const passkey = useAction();

  const beginApp = () => app.run(async () => setRegistration(await registerTotpMfaDevice()));
  const enrolPasskey = () =>
    passkey.run(async () => {
      await registerPasskey();
      welcome();
    });

  if (registration) {
    return (
      <>
        <h2>Authenticator app</h2>
        <EnrolApp
          registration={registration}
          onCode={async (code) => {
            await authenticateTotpMfaDevice({ code, deviceId: registration.id });
            welcome();
          }}
          onCancel={() => {
            setRegistration(undefined);
            focusHeading();
          }}
        />
      </>
    );
  }
  return (
    <ul className="choices">
      {isOffered(MFADeviceType.Passkey) && 'PublicKeyCredential' in window && (
        <li>
          <h2>Passkey</h2>
          <p>A fingerprint, a face or a PIN on this device. It cannot be tricked out of you.</p>
          <Button look="main" busy={passkey.busy} onClick={enrolPasskey}>
            {passkey.busy ? 'Waiting for your device…' : 'Enrol a passkey'}
          </Button>
          <TroubleNote trouble={passkey.trouble} />
        </li>
      )}
      {isOffered(MFADeviceType.Totp) && (
        <li>
          <h2>Authenticator app</h2>
          <p>Six digits from an app on your phone. They work on any device, without a network.</p>
          <Button busy={app.busy} onClick={beginApp}>
            Set up an authenticator app
          </Button>
          <TroubleNote trouble={app.trouble} />
        </li>
      )}
    </ul>
  );
}
