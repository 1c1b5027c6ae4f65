-- What users present to upstreams: secrets of their own, sealed for their user and the credential's name in the configuration.

CREATE TABLE user_credentials (
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, name)
);
