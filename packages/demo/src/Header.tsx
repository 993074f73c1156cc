import { isUserMissingMfaAuth, logout } from '@stile/client';
import { environment, useStile } from './client';
import { ENVIRONMENTS } from './environments';
import { Button } from './ui';

export function Header() {
  const { user } = useStile();
  const address = user?.email ?? 'you';
  // Somebody who still owes a second factor is not signed in yet.
  const isIn = user && !isUserMissingMfaAuth();
  return (
    <header>
      <div className="top">
        <a className="brand" href={`/demo/?env=${environment.key}`}>
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
            <span>{isIn ? `Signed in as ${address}` : `Signing in as ${address}`}</span>
            <Button look="quiet" onClick={() => logout()}>
              {isIn ? 'Sign out' : 'Cancel sign-in'}
            </Button>
          </div>
        )}
      </div>
      <div className="environments">
        <nav aria-label="Environment">
          {ENVIRONMENTS.map(({ key, name }) => (
            <a
              key={key}
              href={`/demo/?env=${key}`}
              aria-current={key === environment.key ? 'page' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
        <p>{environment.about}</p>
      </div>
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
