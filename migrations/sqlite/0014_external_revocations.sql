-- What administration ended of other issuers' credentials: all that was issued until then, in whatever cache it lies.
CREATE TABLE external_revocations (
    -- Its name in the configuration.
    issuer TEXT NOT NULL,
    -- `token` (by its hash), `session` or `subject`.
    kind TEXT NOT NULL,
    named TEXT NOT NULL,
    revoked_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, kind, named)
);

CREATE INDEX external_revocations_by_time ON external_revocations (revoked_at);
