-- +goose Up
-- What may count once only: sign-ins under way, challenges of passkeys, logout
-- tokens. A row is removed when it could not count any more anyway.
CREATE TABLE sso_seen (
    id    TEXT   NOT NULL PRIMARY KEY, -- hex of SHA-256
    until BIGINT NOT NULL -- Unix milliseconds
);
CREATE INDEX sso_seen_until ON sso_seen (until);

-- The key that signs what browsers keep while they sign in. There is one row.
CREATE TABLE sso_key (
    id     INTEGER NOT NULL PRIMARY KEY,
    sealed TEXT    NOT NULL
);

-- +goose Down
DROP TABLE sso_key;
DROP TABLE sso_seen;
