-- Sessions that still owe a second factor last ten minutes now, and a key of their own signs their tokens. Those that were
-- opened before last for weeks: whoever has one signs in again.
DELETE FROM sessions WHERE level = 'pending';
