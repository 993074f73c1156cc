-- Events that count, where they came from, and an index for those about one user.

ALTER TABLE audit ADD COLUMN client_request TEXT;
ALTER TABLE audit ADD COLUMN address TEXT;
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
CREATE INDEX audit_by_subject ON audit (subject, at);
