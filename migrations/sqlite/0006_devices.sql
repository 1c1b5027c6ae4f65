-- Device authorizations (RFC 8628): asked for by a device, answered by a person, exchanged once. Of both codes there are
-- hashes; that of `user_code` is keyed, as its few letters could be tried. `interval_ms` grows when a device polls too fast.
CREATE TABLE devices (
    hash        TEXT   NOT NULL PRIMARY KEY,
    user_code   TEXT   NOT NULL UNIQUE,
    client_id   TEXT   NOT NULL REFERENCES clients (id),
    scope       TEXT   NOT NULL,
    label       TEXT,
    address     TEXT,
    interval_ms BIGINT NOT NULL,
    polled_at   BIGINT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    user_id     TEXT,
    grant_id    TEXT,
    family_id   TEXT,
    allowed_at  BIGINT,
    denied_at   BIGINT,
    used_at     BIGINT
);
CREATE INDEX devices_client ON devices (client_id, expires_at);
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_family ON devices (family_id);
CREATE INDEX devices_expiry ON devices (expires_at);
