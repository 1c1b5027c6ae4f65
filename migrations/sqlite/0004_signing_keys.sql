-- Keys that sign access tokens (RFC 9068), shared by all gateways on this store; times are epoch milliseconds.

-- `kid` is the thumbprint (RFC 7638). A key is published before it signs, and until the last token of its has expired.
CREATE TABLE signing_keys (
    kid         TEXT   NOT NULL PRIMARY KEY,
    algorithm   TEXT   NOT NULL,
    public_key  TEXT   NOT NULL,
    -- Sealed PKCS#8; none once it signs no more.
    private_key TEXT,
    created_at  BIGINT NOT NULL,
    signs_at    BIGINT NOT NULL,
    retired_at  BIGINT
);

-- The key that signed the token; none for an opaque one.
ALTER TABLE tokens ADD COLUMN kid TEXT;
-- A token that came of a refresh token, sealed under a key that only the presenter of that refresh token has the half of.
ALTER TABLE tokens ADD COLUMN sealed TEXT;
CREATE INDEX tokens_kid ON tokens (kid, expires_at) WHERE kid IS NOT NULL;

-- What is pruned in batches is found in its order.
CREATE INDEX codes_created ON codes (created_at);
CREATE INDEX revocations_at ON revocations (at);
