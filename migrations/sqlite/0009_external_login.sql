-- Logins at other providers that are under way. `hash` is that of the state, `browser` that of a cookie.
CREATE TABLE provider_logins (
    hash        TEXT   NOT NULL PRIMARY KEY,
    browser     TEXT   NOT NULL,
    provider    TEXT   NOT NULL,
    -- Where the login leads, as a query.
    destination TEXT   NOT NULL,
    -- The user and the session that link an account; without them, somebody logs in.
    user_id     TEXT,
    session     TEXT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);
CREATE INDEX provider_logins_expiry ON provider_logins (expires_at);

-- Accounts at other providers, and whose they are here.
CREATE TABLE identities (
    provider     TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    linked_at    BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (provider, issuer, subject),
    UNIQUE (user_id, provider)
);

-- What a provider gave us for a user: sealed. `version` grows with each set; `claimed_until` is held by whoever fetches the
-- next one; `lapsed_at` says that the user must log in there again.
CREATE TABLE provider_tokens (
    user_id       TEXT   NOT NULL REFERENCES users (id),
    provider      TEXT   NOT NULL,
    sealed        TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    claimed_until BIGINT,
    failed_at     BIGINT,
    lapsed_at     BIGINT,
    PRIMARY KEY (user_id, provider)
);
