import { hasElevatedAccessToken, type Scope } from '@stile/client';
import { Fragment } from 'react';
import { environment, useStile } from './client';
import { type Entry, textOf, useLog } from './log';
import { decodeToken, localTime, timeLeft, timeOf } from './tokens';
import { CopyButton, Scrolled, useNow } from './ui';

/** Tokens and requests as they are. An app shows neither to its users. */
export function WhatHappened() {
  const { token, mfaToken } = useStile();
  const { entries, tokens } = useLog();
  const access = token ?? tokens.access;
  const elevated = tokens.elevated && decodeToken(tokens.elevated);
  const scope = String(elevated ? elevated.claims.scope : '');
  const isHeld = scope.split(' ').some((one) => one && hasElevatedAccessToken(one as Scope));
  return (
    <aside className="happened" aria-label="What happened">
      <h2>What happened</h2>
      <section aria-labelledby="tokens">
        <h3 id="tokens">Tokens</h3>
        <Token
          name="Access"
          raw={access}
          empty="Comes with the sign-in."
          about="Says to the app’s backend who asks."
        />
        <Token
          name="Identity"
          raw={access && tokens.identity}
          empty={access ? 'Not kept over a reload: renew the session to see one.' : 'Comes with the sign-in.'}
          about="The session’s claims with the profile."
        />
        <Token
          name="Elevated"
          raw={access && tokens.elevated}
          empty="Comes with a step-up."
          about="Says that the person proved it, for this scope."
          isSpent={!isHeld}
        />
        {environment.takesMfaTokens && (
          <p className="token token-empty">
            <b className="token-name">MFA</b>{' '}
            <span>
              {mfaToken ? (
                <code>{mfaToken}</code>
              ) : (
                'An opaque token, for apps that have not moved to step-up.'
              )}
            </span>{' '}
            {(mfaToken || tokens.mfa) && <span className="tag">{mfaToken ? 'held' : 'spent'}</span>}
          </p>
        )}
      </section>
      <section aria-labelledby="requests">
        <div className="happened-head">
          <h3 id="requests">Requests</h3>
          {entries.length > 0 && (
            <CopyButton label="Copy all requests" text={() => entries.map(textOf).join('\n\n')} />
          )}
        </div>
        {entries.length === 0 ? (
          <p className="quiet">None yet. The newest will be on top.</p>
        ) : (
          <ol className="log" reversed>
            {entries.map((entry) => (
              <LogEntry key={entry.id} entry={entry} />
            ))}
          </ol>
        )}
      </section>
    </aside>
  );
}

function LogEntry({ entry }: { entry: Entry }) {
  const { method, path, status, code, ms, at, sent, answer } = entry;
  return (
    <li data-ok={status !== undefined && status < 400}>
      <details>
        <summary>
          <span className="log-status">{status ?? '—'}</span>
          <span className="log-what">
            <span className="log-method">{method}</span> <span className="log-path">{breakable(path)}</span>
            {code && <span className="log-code">{code}</span>}
          </span>
          <span className="log-ms">{ms} ms</span>
        </summary>
        <div className="log-more">
          <p>
            {localTime(at)} <CopyButton label="Copy this request" text={() => textOf(entry)} />
          </p>
          <h4>Sent</h4>
          <Scrolled as="pre" label="Sent">
            {JSON.stringify(sent, null, 2)}
          </Scrolled>
          <h4>Answer</h4>
          <Scrolled as="pre" label="Answer">
            {answer === undefined ? 'empty' : JSON.stringify(answer, null, 2)}
          </Scrolled>
        </div>
      </details>
    </li>
  );
}

/** A path that breaks before its slashes, where it must. */
function breakable(path: string) {
  return path.split(/(?=\/)/).map((part, at) => (
    // The parts of a path never change their order.
    <Fragment key={at}>
      <wbr />
      {part}
    </Fragment>
  ));
}

type TokenProps = {
  name: string;
  about: string;
  empty: string;
  raw: string | undefined | null;
  /** Whether it has been used up. Then it does not matter how long it would have lived. */
  isSpent?: boolean;
};

function Token({ name, about, empty, raw, isSpent = false }: TokenProps) {
  const now = useNow();
  const token = raw ? decodeToken(raw) : undefined;
  if (!raw || !token) {
    return (
      <p className="token token-empty">
        <b className="token-name">{name}</b> <span>{empty}</span>
      </p>
    );
  }
  const { header, claims } = token;
  const expires = timeOf(claims.exp);
  const left = expires && timeLeft(expires.getTime(), now);
  const times = { Issued: timeOf(claims.iat), 'Last proof': timeOf(claims.auth_time), Expires: expires };
  return (
    <details className="token">
      <summary>
        <b>{name}</b>
        <span className="token-state">
          {!left ? 'expired' : isSpent ? <span className="tag">spent</span> : `${left} left`}
        </span>
      </summary>
      <p className="quiet">{about}</p>
      <dl className="times">
        {Object.entries(times).map(([label, at]) =>
          at ? (
            <div key={label}>
              <dt>{label}</dt>
              <dd>
                <time dateTime={at.toISOString()}>{localTime(at)}</time>
              </dd>
            </div>
          ) : null,
        )}
      </dl>
      <h4>
        Header <CopyButton label={`Copy ${name.toLowerCase()} token`} text={() => raw} />
      </h4>
      <Scrolled as="pre" label="Header of the token">
        {JSON.stringify(header, null, 2)}
      </Scrolled>
      <h4>Claims</h4>
      <Scrolled as="pre" label="Claims of the token">
        {JSON.stringify(claims, null, 2)}
      </Scrolled>
    </details>
  );
}
