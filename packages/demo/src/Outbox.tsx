import { useEffect, useState } from 'react';
import { inGroups } from './codes';
import { Button, Scrolled } from './ui';

/** A mail as `GET /dev/outbox` answers it, newest first. Only `stile dev` has it; no app should. */
type Mail = { to: string; subject: string; text: string; code?: string | null; at: string };

const EVERY_MS = 1000;
/** The clocks of page and server may differ, and the mail may be quicker than the answer. */
const SLACK_MS = 60_000;
/** Address → when the latest mail of an earlier code was sent. It is not shown for the next code. */
const shownBefore = new Map<string, string>();

/** Shows the mail that went out, so that a developer need not look for it. */
export function Outbox({ to, since, onCode }: { to: string; since: number; onCode: (code: string) => void }) {
  const mail = useLatestMail(to, since);
  return (
    <section className="outbox" aria-label="Outbox">
      <p className="outbox-head">
        <b>Outbox</b> of the development server.{' '}
        <a href="/dev/outbox" target="_blank" rel="noreferrer">
          All mails
        </a>
      </p>
      {mail ? (
        <article className="mail">
          <h3>{mail.subject}</h3>
          <Scrolled className="mail-text" label="Text of the mail">
            {mail.text.trim()}
          </Scrolled>
          {mail.code && (
            <Button onClick={() => onCode(mail.code as string)}>
              Use code <b className="mono">{inGroups(mail.code)}</b>
            </Button>
          )}
        </article>
      ) : (
        <p className="quiet">No mail yet. It appears here as soon as the server has sent it.</p>
      )}
    </section>
  );
}

function useLatestMail(to: string, since: number): Mail | undefined {
  const [mail, setMail] = useState<Mail>();
  useEffect(() => {
    let over = false;
    let newest: Mail | undefined;
    const look = async () => {
      const mails: Mail[] = await fetch(`/dev/outbox?to=${encodeURIComponent(to)}`, {
        headers: { accept: 'application/json' },
      })
        .then((answer) => answer.json())
        .catch(() => []);
      if (over) return;
      newest = mails.find(
        ({ at, code }) => code && at > (shownBefore.get(to) ?? '') && Date.parse(at) > since - SLACK_MS,
      );
      setMail(newest);
    };
    void look();
    const timer = setInterval(look, EVERY_MS);
    return () => {
      over = true;
      clearInterval(timer);
      if (newest) shownBefore.set(to, newest.at);
    };
  }, [to, since]);
  return mail;
}
