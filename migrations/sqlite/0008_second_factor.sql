-- Second factors; times are epoch milliseconds. Who has a row in `totp` or in `passkeys` is asked for it at each login.

-- One-time passwords (RFC 6238). `secret` is sealed; `last_step` is the time step of the last code that was used.
CREATE TABLE totp (
    user_id      TEXT   NOT NULL PRIMARY KEY REFERENCES users (id),
    secret       TEXT   NOT NULL,
    last_step    BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT
);

-- Passkeys (WebAuthn). `id` is the credential's, `credential` its public key and what else verifies it, as JSON.
CREATE TABLE passkeys (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id),
    name         TEXT   NOT NULL,
    credential   TEXT   NOT NULL,
    counter      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkeys_user ON passkeys (user_id);

-- What passkeys are to sign, for the pending login or the session that `owner` names.
CREATE TABLE passkey_challenges (
    owner      TEXT   NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_expiry ON passkey_challenges (expires_at);

-- For who has lost all else; each works once. Keyed hashes.
CREATE TABLE recovery_codes (
    hash       TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX recovery_codes_user ON recovery_codes (user_id);

-- Logins that await a second factor after the right password. `hash` is of the id in the address and of the browser's cookie.
CREATE TABLE pending_logins (
    hash       TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    attempts   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pending_logins_user ON pending_logins (user_id);
CREATE INDEX pending_logins_expiry ON pending_logins (expires_at);
