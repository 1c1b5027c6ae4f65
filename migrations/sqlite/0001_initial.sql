-- Times are epoch milliseconds (BIGINT). A state is a nullable *_at. Hashes are base64url of SHA-256.

CREATE TABLE tenants (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    call_limit  BIGINT,
    backend     TEXT,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE users (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL REFERENCES tenants (id),
    username      TEXT   NOT NULL,
    display_name  TEXT   NOT NULL,
    password_hash TEXT,
    call_limit    BIGINT,
    backend       TEXT,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT,
    UNIQUE (tenant_id, username)
);

CREATE TABLE policies (
    name        TEXT   NOT NULL PRIMARY KEY,
    description TEXT   NOT NULL,
    accesses    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE clients (
    id            TEXT   NOT NULL PRIMARY KEY,
    tenant_id     TEXT   NOT NULL REFERENCES tenants (id),
    name          TEXT   NOT NULL,
    secret_hash   TEXT,
    redirect_uris TEXT   NOT NULL,
    grant_types   TEXT   NOT NULL,
    policies      TEXT   NOT NULL,
    switches      TEXT   NOT NULL,
    call_limit    BIGINT,
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);

-- The extension or device of an owner (user:… or client:…) at a backend.
CREATE TABLE lines (
    owner   TEXT NOT NULL,
    backend TEXT NOT NULL,
    line    TEXT NOT NULL,
    PRIMARY KEY (owner, backend)
);

-- What a user allowed a client to do.
CREATE TABLE grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    client_id  TEXT   NOT NULL REFERENCES clients (id),
    scope      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX grants_client ON grants (client_id);
CREATE UNIQUE INDEX grants_live ON grants (user_id, client_id) WHERE revoked_at IS NULL;

-- Browser sessions.
CREATE TABLE sessions (
    hash         TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL;

-- Authorization codes (RFC 6749 §4.1). `consent` is the single-use number of the consent that made it.
CREATE TABLE codes (
    hash           TEXT   NOT NULL PRIMARY KEY,
    grant_id       TEXT   NOT NULL REFERENCES grants (id),
    family_id      TEXT   NOT NULL,
    client_id      TEXT   NOT NULL,
    user_id        TEXT   NOT NULL,
    redirect_uri   TEXT   NOT NULL,
    redirect_named BIGINT NOT NULL,
    scope          TEXT   NOT NULL,
    challenge      TEXT,
    consent        TEXT   NOT NULL UNIQUE,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    used_at        BIGINT
);

CREATE INDEX codes_family ON codes (family_id);
CREATE INDEX codes_user ON codes (user_id);
CREATE INDEX codes_client ON codes (client_id);

-- Access and refresh tokens. A family is all that descends from one authorization.
CREATE TABLE tokens (
    hash        TEXT   NOT NULL PRIMARY KEY,
    id          TEXT   NOT NULL UNIQUE,
    class       TEXT   NOT NULL,
    family_id   TEXT   NOT NULL,
    grant_id    TEXT,
    tenant_id   TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    user_id     TEXT,
    scope       TEXT   NOT NULL,
    accesses    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT,
    revoked_at  BIGINT
);
CREATE INDEX tokens_family ON tokens (family_id);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_client ON tokens (client_id);
CREATE INDEX tokens_grant ON tokens (grant_id);
CREATE INDEX tokens_expiry ON tokens (expires_at);

-- What gateways drop from their caches; written in the transaction that revokes.
CREATE TABLE revocations (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    at       BIGINT  NOT NULL
);

-- Calls: the lease while it lives, then history, idempotency record and tombstone.
CREATE TABLE calls (
    id               TEXT   NOT NULL PRIMARY KEY,
    tenant_id        TEXT   NOT NULL,
    owner            TEXT   NOT NULL,
    client_id        TEXT   NOT NULL,
    backend          TEXT   NOT NULL,
    backend_call_id  TEXT,
    number           TEXT   NOT NULL,
    line             TEXT,
    idempotency_key  TEXT,
    emergency        BIGINT NOT NULL,
    reserved_at      BIGINT NOT NULL,
    active_at        BIGINT,
    unknown_at       BIGINT,
    evidence_at      BIGINT NOT NULL,
    lease_expires_at BIGINT NOT NULL,
    ended_at         BIGINT,
    end_cause        TEXT
);
CREATE INDEX calls_live ON calls (owner, lease_expires_at) WHERE ended_at IS NULL;
CREATE INDEX calls_history ON calls (owner, reserved_at);
CREATE INDEX calls_overdue ON calls (lease_expires_at) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calls_idempotency ON calls (owner, client_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
