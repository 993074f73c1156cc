-- What was begun with a permit and ends with a later answer: an authenticator app that waits for its first code, an address
-- that is to take another's place. totp_unverified and verifications.permitted are of older versions; what was begun there
-- is begun again.

CREATE TABLE begun (
  id BLOB NOT NULL PRIMARY KEY,
  session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  format TEXT NOT NULL,
  permit TEXT NOT NULL,
  token BLOB,
  sealed BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX begun_by_session ON begun (session);
CREATE INDEX begun_by_expiry ON begun (expires_at);

ALTER TABLE verifications ADD COLUMN begun BLOB;
DELETE FROM verifications WHERE permitted IS NOT NULL;
