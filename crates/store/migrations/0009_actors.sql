-- Who acted, and a place in the log that a sealer will number: rows of older versions have neither.

ALTER TABLE audit ADD COLUMN actor TEXT;
ALTER TABLE audit ADD COLUMN seq INTEGER;
