-- Small rows that are found by their key lie in the key's index, not in a table beside it.
-- begin: embedded

CREATE TABLE counters_by_key (
  key BLOB NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counters_by_key SELECT key, count, expires_at FROM counters;
DROP TABLE counters;
ALTER TABLE counters_by_key RENAME TO counters;
CREATE INDEX counters_by_expiry ON counters (expires_at);

CREATE TABLE ledger_by_key (
  kind TEXT NOT NULL,
  key BLOB NOT NULL,
  note BLOB,
  used_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) WITHOUT ROWID;
INSERT INTO ledger_by_key SELECT kind, key, note, used_at, expires_at FROM ledger;
DROP TABLE ledger;
ALTER TABLE ledger_by_key RENAME TO ledger;
CREATE INDEX ledger_by_expiry ON ledger (expires_at);

CREATE TABLE recovery_codes_by_key (
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  PRIMARY KEY (owner, hash)
) WITHOUT ROWID;
INSERT INTO recovery_codes_by_key SELECT owner, hash FROM recovery_codes;
DROP TABLE recovery_codes;
ALTER TABLE recovery_codes_by_key RENAME TO recovery_codes;

CREATE TABLE failures_by_key (
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  count INTEGER NOT NULL,
  locked_until INTEGER NOT NULL,
  PRIMARY KEY (owner, method)
) WITHOUT ROWID;
INSERT INTO failures_by_key SELECT owner, method, count, locked_until FROM failures;
DROP TABLE failures;
ALTER TABLE failures_by_key RENAME TO failures;
-- end: embedded

-- No index begins with the environment but those through which all of one is walked: a planner that has no figures yet
-- would look there for what an id finds. The old ones serve until the new ones are there.
CREATE UNIQUE INDEX users_by_name ON users (username, environment);
CREATE UNIQUE INDEX credentials_by_value ON credentials (identifier, format, environment);
CREATE INDEX verifications_by_address ON verifications (address, creator);
DROP INDEX users_by_username;
DROP INDEX credentials_by_identifier;
DROP INDEX verifications_by_creator;
