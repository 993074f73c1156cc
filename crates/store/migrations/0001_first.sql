-- One text for both engines: INTEGER is 64 bits, BLOB is bytes, times are microseconds since the epoch.

CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
);

CREATE TABLE environments (
  id BLOB NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  settings TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

CREATE TABLE signing_keys (
  environment BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  kid TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  jwk TEXT NOT NULL,
  sealed BLOB NOT NULL,
  published_at INTEGER NOT NULL,
  signs_from INTEGER NOT NULL,
  verifies_until INTEGER,
  PRIMARY KEY (environment, kid)
);

CREATE TABLE users (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  profile TEXT NOT NULL,
  username TEXT,
  first_visit INTEGER NOT NULL,
  last_visit INTEGER NOT NULL
);
CREATE UNIQUE INDEX users_by_username ON users (environment, username);

CREATE TABLE credentials (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL,
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  format TEXT NOT NULL,
  identifier BLOB NOT NULL,
  facts TEXT NOT NULL,
  sign_in INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  verified_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX credentials_by_identifier ON credentials (environment, format, identifier);
CREATE INDEX credentials_by_owner ON credentials (owner);

CREATE TABLE passkeys (
  credential BLOB NOT NULL PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
  public_key BLOB NOT NULL,
  sign_count INTEGER NOT NULL,
  aaguid BLOB NOT NULL,
  transports TEXT NOT NULL,
  backup_eligible INTEGER NOT NULL,
  backed_up INTEGER NOT NULL,
  origin TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE TABLE sessions (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL,
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  level TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  idle_expires_at INTEGER NOT NULL,
  sign_in_credential BLOB NOT NULL,
  last_credential BLOB NOT NULL,
  session_key TEXT,
  device_key TEXT,
  proofs TEXT NOT NULL
);
CREATE INDEX sessions_by_owner ON sessions (owner);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE verifications (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  address BLOB NOT NULL,
  sealed_address BLOB NOT NULL,
  creator BLOB NOT NULL,
  session BLOB,
  permitted TEXT,
  code BLOB NOT NULL,
  tries INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX verifications_by_creator ON verifications (environment, address, creator);
CREATE INDEX verifications_by_expiry ON verifications (expires_at);

CREATE TABLE ledger (
  kind TEXT NOT NULL,
  key BLOB NOT NULL,
  note BLOB,
  used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
);
CREATE INDEX ledger_by_expiry ON ledger (expires_at);

CREATE TABLE counters (
  key BLOB NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX counters_by_expiry ON counters (expires_at);

CREATE TABLE outbox (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  template TEXT NOT NULL,
  sealed BLOB NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX outbox_by_next ON outbox (next_at);
CREATE INDEX outbox_by_expiry ON outbox (expires_at);

CREATE TABLE audit (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL,
  subject BLOB,
  event TEXT NOT NULL,
  detail TEXT NOT NULL,
  request TEXT NOT NULL,
  at INTEGER NOT NULL
);
CREATE INDEX audit_by_environment ON audit (environment, at);

CREATE TABLE api_tokens (
  id BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  last_six TEXT NOT NULL,
  note TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX api_tokens_by_hash ON api_tokens (hash);
