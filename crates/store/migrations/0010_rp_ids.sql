-- Relying-party ids: the environment that has one alone, or whether several share it, and for whom it was before. These were
-- facts in `meta`, where nodes of the version before still write them.

CREATE TABLE rp_ids (
  domain TEXT NOT NULL PRIMARY KEY,
  environment BLOB REFERENCES environments (id) ON DELETE SET NULL,
  shared INTEGER NOT NULL,
  former BLOB
);

INSERT INTO rp_ids (domain, environment, shared, former)
SELECT d.domain,
       (SELECT e.id FROM environments e JOIN meta m ON m.value = e.id WHERE m.name = 'rp-id ' || d.domain),
       CASE WHEN EXISTS (SELECT 1 FROM meta m WHERE m.name = 'rp-id ' || d.domain AND length(m.value) <> 16) THEN 1 ELSE 0 END,
       (SELECT m.value FROM meta m WHERE m.name = 'former-rp-id ' || d.domain)
FROM (SELECT substr(name, 7) AS domain FROM meta WHERE name LIKE 'rp-id %'
      UNION
      SELECT substr(name, 14) FROM meta WHERE name LIKE 'former-rp-id %') d;
