-- +goose Up
-- How, in which session and from where it was done, and what was before and after.
-- Entries of format 1 leave all of these empty; their hash does not cover them.
ALTER TABLE audit_entries ADD COLUMN format INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit_entries ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN before_value TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_entries ADD COLUMN after_value TEXT NOT NULL DEFAULT '';

CREATE INDEX audit_entries_environment ON audit_entries (environment, id);
CREATE INDEX audit_entries_operator ON audit_entries (operator, id);
CREATE INDEX audit_entries_action ON audit_entries (action, id);
CREATE INDEX audit_entries_object ON audit_entries (object, id);
CREATE INDEX audit_entries_outcome ON audit_entries (outcome, id);
CREATE INDEX audit_entries_at ON audit_entries (at, id);

CREATE TABLE audit_checkpoints (
    number    BIGINT NOT NULL PRIMARY KEY, -- 1, 2, 3 … without gaps
    kind      TEXT   NOT NULL,             -- 'head', or 'cut' where entries were pruned
    entry     BIGINT NOT NULL,             -- the entry that is spoken of
    hash      TEXT   NOT NULL,             -- and its hash
    kept      BIGINT NOT NULL,             -- of a cut: the first checkpoint that remains; else 0
    at        BIGINT NOT NULL,             -- Unix milliseconds
    previous  TEXT   NOT NULL,             -- digest of the checkpoint before
    key_id    TEXT   NOT NULL,
    signature TEXT   NOT NULL              -- Ed25519, base64
);

-- How far those who follow the log have read.
CREATE TABLE audit_followers (
    name TEXT   NOT NULL PRIMARY KEY,
    id   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE audit_followers;
DROP TABLE audit_checkpoints;
DROP INDEX audit_entries_at;
DROP INDEX audit_entries_outcome;
DROP INDEX audit_entries_object;
DROP INDEX audit_entries_action;
DROP INDEX audit_entries_operator;
DROP INDEX audit_entries_environment;
ALTER TABLE audit_entries DROP COLUMN after_value;
ALTER TABLE audit_entries DROP COLUMN before_value;
ALTER TABLE audit_entries DROP COLUMN address;
ALTER TABLE audit_entries DROP COLUMN session;
ALTER TABLE audit_entries DROP COLUMN via;
ALTER TABLE audit_entries DROP COLUMN format;
