-- The audit log: what was done, by whom and from where. `detail` is a small JSON object; never a credential.
CREATE TABLE audit (
    id        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at        BIGINT  NOT NULL,
    event     TEXT    NOT NULL,
    tenant_id TEXT,
    user_id   TEXT,
    client_id TEXT,
    address   TEXT,
    detail    TEXT    NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user_id, id);
CREATE INDEX audit_client ON audit (client_id, id);

-- What the user is shown of a session: from where, and with what browser. `confirmed_at` is when the password was last
-- asked for within the session.
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN browser TEXT;
ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT;
