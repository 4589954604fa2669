-- +goose Up
-- Operators and their sessions belong to all environments and gateways of one
-- control plane; what they may do in which is for roles and teams to say.
CREATE TABLE access_operators (
    name          TEXT   NOT NULL PRIMARY KEY,
    roles         TEXT   NOT NULL, -- separated by blanks
    password_hash TEXT   NOT NULL, -- argon2id PHC string; empty: none is set
    created_at    BIGINT NOT NULL  -- Unix milliseconds, as all times here
);

CREATE TABLE access_links (
    token_hash TEXT   NOT NULL PRIMARY KEY, -- hex of SHA-256; a redeemed link is deleted
    operator   TEXT   NOT NULL REFERENCES access_operators (name) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE TABLE access_sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY, -- hex of SHA-256
    operator   TEXT   NOT NULL REFERENCES access_operators (name) ON DELETE CASCADE,
    via        TEXT   NOT NULL, -- link or password
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL  -- to the minute
);

CREATE INDEX access_sessions_operator ON access_sessions (operator);

-- +goose Down
DROP TABLE access_sessions;
DROP TABLE access_links;
DROP TABLE access_operators;
