-- When the deletion of an environment began: from then on nobody finds it, while its users are deleted little by little.
ALTER TABLE environments ADD COLUMN gone_at INTEGER;
