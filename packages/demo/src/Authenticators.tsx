import {
  authenticateTotpMfaDevice,
  deleteMfaDevice,
  type MFADevice,
  type MFARegisterTotpDeviceGetResponse,
  registerTotpMfaDevice,
  renameMfaDevice,
  TokenScope,
} from '@stile/client';
import { useEffect, useState } from 'react';
import { client, refreshAfterRemoval } from './client';
import { EnrolApp } from './EnrolApp';
import { Factor } from './Factor';
import { useGuarded } from './Guarded';
import { Button, dayAndTime, focusPanel, TroubleNote, useAction } from './ui';

type Props = {
  devices: MFADevice[] | undefined;
  /** Whether there is another second factor beside one app, so that one of them is the default. */
  hasChoice: boolean;
  /** Something about the factors has changed. */
  onChange: (what: string) => Promise<void>;
};

export function Authenticators({ devices, hasChoice, onChange }: Props) {
  const guarded = useGuarded();
  const [registration, setRegistration] = useState<MFARegisterTotpDeviceGetResponse>();
  const { run, busy, trouble, clear } = useAction();
  useEffect(clear, [devices]);

  const question = {
    scope: TokenScope.Credentiallink,
    title: 'Set up an authenticator app',
    // Right after a sign-in the first second factor needs no further proof: the server takes that one.
    operation: 'registerTotpDevice',
    text: 'Whoever adds a second factor can act in your name with it. So prove first that it is you.',
  };
  const begin = () =>
    run(() => guarded(question, async () => setRegistration(await registerTotpMfaDevice())));
  const finish = async (code: string, { id }: MFARegisterTotpDeviceGetResponse) => {
    await authenticateTotpMfaDevice({ code, deviceId: id });
    close();
    await onChange('Authenticator app set up.');
  };
  const close = () => {
    setRegistration(undefined);
    focusPanel('authenticators');
  };

  return (
    <section className="panel" aria-labelledby="authenticators">
      <h2 id="authenticators" tabIndex={-1}>
        Authenticator app
      </h2>
      {devices === undefined ? (
        <p className="quiet">Fetching your apps…</p>
      ) : devices.length > 0 ? (
        <ul className="factors" aria-label="Your authenticator apps">
          {devices.map((device) => (
            <App key={device.id} device={device} hasChoice={hasChoice} onChange={onChange} />
          ))}
        </ul>
      ) : (
        !registration && <p>None yet. It works without a network, also where passkeys do not.</p>
      )}
      {registration ? (
        <EnrolApp
          registration={registration}
          onCode={(code) => finish(code, registration)}
          onCancel={close}
        />
      ) : (
        devices?.length === 0 && (
          <Button busy={busy} onClick={begin}>
            Set up an authenticator app
          </Button>
        )
      )}
      <TroubleNote trouble={trouble} />
    </section>
  );
}

function App({ device, hasChoice, onChange }: Omit<Props, 'devices'> & { device: MFADevice }) {
  const name = device.alias || 'Authenticator app';
  return (
    <Factor
      id={device.id}
      name={name}
      since={`Set up ${dayAndTime(device.verifiedAt ?? device.createdAt)}`}
      isDefault={hasChoice ? device.default : undefined}
      panel="authenticators"
      kind="app"
      removal="Its codes will be worth nothing. Delete the entry in the app, too."
      removed={`“${name}” removed.`}
      onRemove={() =>
        deleteMfaDevice({ deviceId: device.id, mfaAuthToken: client.mfaToken }).then(refreshAfterRemoval)
      }
      onRename={(alias) => renameMfaDevice({ deviceId: device.id, alias })}
      onChange={onChange}
    />
  );
}
