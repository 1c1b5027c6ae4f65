-- Authorization requests that clients pushed (RFC 9126), by the hash of their request_uri. `parameters` is a query.
CREATE TABLE pushed_requests (
    hash       TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL,
    parameters TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX pushed_requests_expiry ON pushed_requests (expires_at);
CREATE INDEX pushed_requests_client ON pushed_requests (client_id);

-- Signed assertions that clients have authenticated with (RFC 7523), until they expire.
CREATE TABLE spent_assertions (
    hash       TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_assertions_expiry ON spent_assertions (expires_at);
