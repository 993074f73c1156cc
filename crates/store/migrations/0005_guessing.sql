-- Devices that a user is known to sign in with, how long each code is, and turns for mails.

CREATE TABLE known_devices (
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  signed_in_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
);
CREATE INDEX known_devices_by_expiry ON known_devices (expires_at);
CREATE INDEX known_devices_by_key ON known_devices (key);

ALTER TABLE verifications ADD COLUMN digits INTEGER NOT NULL DEFAULT 6;
ALTER TABLE verifications ADD COLUMN device TEXT;

CREATE TABLE mail_turns (
  address BLOB NOT NULL,
  prefix BLOB NOT NULL,
  served INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (address, prefix)
);
CREATE INDEX mail_turns_by_expiry ON mail_turns (expires_at);

ALTER TABLE outbox ADD COLUMN recipient BLOB;
ALTER TABLE outbox ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET turn = next_at;
CREATE INDEX outbox_by_turn ON outbox (turn);
CREATE INDEX outbox_by_recipient ON outbox (recipient, turn);
