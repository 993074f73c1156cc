import { getSessions, revokeOtherSessions, revokeSession, type UserSession } from '@stile/client';
import { useEffect, useState } from 'react';
import { browserOf } from './browsers';
import { Button, dayAndTime, focusPanel, say, TroubleNote, useAction } from './ui';

type Props = {
  /** What has changed about the user's factors: then it is worth a look who else is signed in. */
  changed: string | undefined;
  onSeen: () => void;
};

export function Sessions({ changed, onSeen }: Props) {
  const [sessions, setSessions] = useState<UserSession[]>();
  const { run, busy, trouble } = useAction();
  const looking = useAction();
  const reload = async () => {
    const now = await getSessions();
    setSessions(now);
    if (changed && now.length > 1) say(`${changed} You are signed in elsewhere, too: see “Sessions”.`);
  };
  useEffect(() => void looking.run(reload), [changed]);

  const others = sessions?.filter(({ current }) => !current) ?? [];
  const endOthers = () =>
    run(async () => {
      const ended = await revokeOtherSessions();
      await reload();
      onSeen();
      focusPanel('sessions');
      say(ended === 1 ? 'One other session ended.' : `${ended} other sessions ended.`);
    });

  return (
    <section className="panel" aria-labelledby="sessions">
      <h2 id="sessions" tabIndex={-1}>
        Sessions
      </h2>
      {changed && others.length > 0 && (
        <div className="notice" role="note">
          <p>
            <strong>{changed}</strong> You are signed in elsewhere, too. Whoever sits there stays signed in,
            unless you end it.
          </p>
          <div className="row">
            <Button busy={busy} onClick={endOthers}>
              End all others now
            </Button>
            <Button look="quiet" onClick={onSeen}>
              Leave them
            </Button>
          </div>
        </div>
      )}
      {!sessions && looking.busy && <p className="quiet">Fetching your sessions…</p>}
      {sessions && (
        <ul className="factors" aria-label="Your sessions">
          {sessions.map((session) => (
            <Session key={session.id} session={session} reload={reload} />
          ))}
        </ul>
      )}
      {!changed && others.length > 0 && (
        <Button busy={busy} onClick={endOthers}>
          End all others
        </Button>
      )}
      <TroubleNote trouble={trouble ?? looking.trouble} />
    </section>
  );
}

function Session({ session, reload }: { session: UserSession; reload: () => Promise<void> }) {
  const { run, busy, trouble } = useAction();
  const { id, current, createdAt, lastUsedAt, userAgent, mfa, pending } = session;
  const name = browserOf(userAgent);
  const end = () =>
    run(async () => {
      await revokeSession({ sessionId: id });
      await reload();
      focusPanel('sessions');
      say(`The session of ${name} is ended.`);
    });
  return (
    <li>
      <div className="factor">
        <div>
          <b>{name}</b> {current && <span className="tag">This one</span>}{' '}
          {mfa && <span className="tag">Second factor proved</span>}{' '}
          {pending && <span className="tag">Second factor owed</span>}
          <p className="quiet">
            Signed in {dayAndTime(createdAt)}, last seen {dayAndTime(lastUsedAt)}
          </p>
        </div>
        {!current && (
          <Button look="quiet" aria-label={`End ${name}`} busy={busy} onClick={end}>
            End
          </Button>
        )}
      </div>
      <TroubleNote trouble={trouble} />
    </li>
  );
}
