-- The login in which a code was allowed: one challenge in many logins is no proof of anything (RFC 9700 §2.1.1).

ALTER TABLE codes ADD COLUMN session TEXT;
CREATE INDEX codes_challenge ON codes (client_id, challenge);
