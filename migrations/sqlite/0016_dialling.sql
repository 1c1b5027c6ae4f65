-- By whose clocks hours count; an IANA name.
ALTER TABLE tenants ADD COLUMN time_zone TEXT;

-- Which numbers may be rung. The holder is tenant:ID, user:ID, client:ID or policy:NAME; the rules are JSON.
CREATE TABLE dialling_rules (
    holder     TEXT   NOT NULL PRIMARY KEY,
    rules      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
