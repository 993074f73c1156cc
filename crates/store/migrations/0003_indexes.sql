-- No index begins with the environment but those through which all of one is walked: a planner that has no figures yet
-- would look there for what an id finds. The old ones serve until the new ones are there.
CREATE UNIQUE INDEX users_by_name ON users (username, environment);
CREATE UNIQUE INDEX credentials_by_value ON credentials (identifier, format, environment);
CREATE INDEX verifications_by_address ON verifications (address, creator);
DROP INDEX users_by_username;
DROP INDEX credentials_by_identifier;
DROP INDEX verifications_by_creator;
