-- +goose Up
CREATE TABLE audit_entries (
    id          BIGINT NOT NULL PRIMARY KEY, -- 1, 2, 3 … without gaps
    at          BIGINT NOT NULL,             -- Unix milliseconds
    environment TEXT   NOT NULL,
    operator    TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    object      TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    detail      TEXT   NOT NULL,             -- a JSON object, as it was hashed
    prev_hash   TEXT   NOT NULL,
    hash        TEXT   NOT NULL
);

-- The one row says where the chain ends, so that entries cut off at the end are noticed.
CREATE TABLE audit_head (
    one  INTEGER NOT NULL PRIMARY KEY,
    id   BIGINT  NOT NULL,
    hash TEXT    NOT NULL
);

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_entries;
