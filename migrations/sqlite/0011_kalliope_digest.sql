-- What may be used once, until it could be used no more: nonces of Kalliope's digests, proofs of possession. A name is a hash.
CREATE TABLE used_names (
    name       TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_names_expiry ON used_names (expires_at);

-- The domain by which clients of Kalliope know a tenant; without one, its users cannot log in by the digest. `policies`: what
-- such a login may do, in place of the configuration's.
CREATE TABLE digest_domains (
    tenant_id  TEXT   NOT NULL PRIMARY KEY REFERENCES tenants (id),
    domain     TEXT   NOT NULL UNIQUE,
    salt       TEXT   NOT NULL,
    policies   TEXT,
    created_at BIGINT NOT NULL
);

-- digestPassword of users, sealed: it is worth as much as a password.
CREATE TABLE digest_passwords (
    user_id TEXT   NOT NULL PRIMARY KEY REFERENCES users (id),
    sealed  TEXT   NOT NULL,
    set_at  BIGINT NOT NULL
);
