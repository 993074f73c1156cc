-- Second factors beside passkeys, and what guards them.

ALTER TABLE users ADD COLUMN default_method BLOB;
ALTER TABLE users ADD COLUMN recovery TEXT;
ALTER TABLE users ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';

CREATE TABLE totp_devices (
  credential BLOB NOT NULL PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
  sealed BLOB NOT NULL,
  last_step INTEGER NOT NULL
);

CREATE TABLE totp_unverified (
  session BLOB NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  id BLOB NOT NULL,
  sealed BLOB NOT NULL,
  permitted TEXT NOT NULL,
  token BLOB,
  evidence TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX totp_unverified_by_expiry ON totp_unverified (expires_at);

CREATE TABLE recovery_codes (
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  PRIMARY KEY (owner, hash)
);

CREATE TABLE recovery_shown (
  owner BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  sealed BLOB NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX recovery_shown_by_expiry ON recovery_shown (expires_at);

CREATE TABLE mfa_tokens (
  hash BLOB NOT NULL PRIMARY KEY,
  session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  proof TEXT NOT NULL,
  single_use INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX mfa_tokens_by_session ON mfa_tokens (session);
CREATE INDEX mfa_tokens_by_expiry ON mfa_tokens (expires_at);

CREATE TABLE failures (
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  count INTEGER NOT NULL,
  locked_until INTEGER NOT NULL,
  PRIMARY KEY (owner, method)
);
