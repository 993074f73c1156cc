-- What was added to accounts in the last days: on whose proof, and the links by which it can be undone.

CREATE TABLE additions (
  credential BLOB NOT NULL PRIMARY KEY,
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  added_by BLOB NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX additions_by_owner ON additions (owner);
CREATE INDEX additions_by_expiry ON additions (expires_at);

CREATE TABLE undo_links (
  hash BLOB NOT NULL PRIMARY KEY,
  environment BLOB NOT NULL,
  owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  credential BLOB NOT NULL,
  masked TEXT NOT NULL,
  recipient BLOB NOT NULL REFERENCES credentials (id) ON DELETE CASCADE,
  expires_at INTEGER NOT NULL
);
CREATE INDEX undo_links_by_owner ON undo_links (owner);
CREATE INDEX undo_links_by_recipient ON undo_links (recipient);
CREATE INDEX undo_links_by_expiry ON undo_links (expires_at);
