import {
  authenticateTotpMfaDevice,
  deleteMfaDevice,
  type MFADevice,
  type MFARegisterTotpDeviceGetResponse,
  registerTotpMfaDevice,
  renameMfaDevice,
  setDefaultMfaDevice,
  TokenScope,
} from '@stile/client';
import { useState } from 'react';
import { client } from './client';
import { EnrolApp } from './EnrolApp';
import { useGuarded } from './Guarded';
import { Rename } from './Rename';
import { Button, dayAndTime, focusPanel, say, TroubleNote, useAction } from './ui';

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
  const { run, busy, trouble } = useAction();

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
  const guarded = useGuarded();
  const [isRenaming, setRenaming] = useState(false);
  const { run, busy, trouble } = useAction();
  const name = device.alias || 'Authenticator app';

  const remove = () =>
    run(async () => {
      const question = {
        scope: TokenScope.Credentialunlink,
        title: `Remove “${name}”`,
        text: 'Its codes will be worth nothing. Delete the entry in the app, too.',
        confirm: 'Remove app',
        takesMfaToken: true,
      };
      const action = () => deleteMfaDevice({ deviceId: device.id, mfaAuthToken: client.mfaToken });
      if (!(await guarded(question, action))) return;
      await onChange(`“${name}” removed.`);
      focusPanel('authenticators');
    });
  const makeDefault = () =>
    run(async () => {
      await setDefaultMfaDevice({ deviceId: device.id });
      await onChange('');
      focusPanel('authenticators');
      say(`“${name}” is offered first now.`);
    });
  const keep = () => {
    setRenaming(false);
    focusPanel('authenticators');
  };
  const rename = async (alias: string) => {
    await renameMfaDevice({ deviceId: device.id, alias });
    await onChange('');
    keep();
    say(`App renamed to “${alias}”.`);
  };

  return (
    <li>
      {isRenaming ? (
        <Rename label="Name of the app" name={name} onName={rename} onKeep={keep} />
      ) : (
        <div className="factor">
          <div>
            <b>{name}</b> {device.default && hasChoice && <span className="tag">Default</span>}
            <p className="quiet">Set up {dayAndTime(device.verifiedAt ?? device.createdAt)}</p>
          </div>
          {hasChoice && !device.default && (
            <Button look="quiet" aria-label={`Make ${name} the default`} busy={busy} onClick={makeDefault}>
              Make default
            </Button>
          )}
          <Button look="quiet" aria-label={`Rename ${name}`} onClick={() => setRenaming(true)}>
            Rename
          </Button>
          <Button look="quiet" aria-label={`Remove ${name}`} busy={busy} onClick={remove}>
            Remove
          </Button>
        </div>
      )}
      <TroubleNote trouble={trouble} />
    </li>
  );
}
