-- What clients of high security, resource servers and clients that are being renewed need; times are epoch milliseconds.

-- 'opaque' or 'jwt' (RFC 9068).
ALTER TABLE clients ADD COLUMN token_format TEXT NOT NULL DEFAULT 'opaque';
-- Ids of the resource servers that its tokens are for, besides this gateway.
ALTER TABLE clients ADD COLUMN audience TEXT NOT NULL DEFAULT '';
-- Its public keys (RFC 7517), for private_key_jwt.
ALTER TABLE clients ADD COLUMN jwks TEXT;
ALTER TABLE clients ADD COLUMN dpop_bound BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN par_required BIGINT NOT NULL DEFAULT 0;
-- When its switches end.
ALTER TABLE clients ADD COLUMN sunset_at BIGINT;
-- A secret that is good until then, while the client changes to its new one.
ALTER TABLE clients ADD COLUMN former_secret_hash TEXT;
ALTER TABLE clients ADD COLUMN former_secret_until BIGINT;

-- RFC 7638 thumbprint of the key that must be proved (RFC 9449).
ALTER TABLE codes ADD COLUMN jkt TEXT;
ALTER TABLE tokens ADD COLUMN jkt TEXT;
