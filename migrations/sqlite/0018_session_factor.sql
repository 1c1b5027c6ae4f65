-- When a second factor was last given within the session.
ALTER TABLE sessions ADD COLUMN factor_at BIGINT;
