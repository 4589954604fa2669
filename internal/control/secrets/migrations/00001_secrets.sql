-- +goose Up
-- All times are Unix milliseconds, 0 for none. What is sealed can't be read without
-- the data key of its group, and that not without the master key.
CREATE TABLE secrets_groups (
    environment  TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    note         TEXT    NOT NULL,
    downloadable BOOLEAN NOT NULL,
    data_key     TEXT    NOT NULL, -- wrapped by the master key
    made_at      BIGINT  NOT NULL,
    made_by      TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    PRIMARY KEY (environment, name)
);

CREATE TABLE secrets_entries (
    environment   TEXT    NOT NULL,
    group_name    TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    current       INTEGER NOT NULL, -- the number of the version that serves
    latest        INTEGER NOT NULL, -- the highest number that was given
    previous      INTEGER NOT NULL, -- the one before, while the overlap runs
    overlap_until BIGINT  NOT NULL,
    rotation      TEXT    NOT NULL, -- the policy as JSON
    next_rotation BIGINT  NOT NULL,
    next_fetch    BIGINT  NOT NULL,
    expires_at    BIGINT  NOT NULL,
    expiry_set    BIGINT  NOT NULL, -- set by hand, beats expires_at
    changed_at    BIGINT  NOT NULL, -- of the current version
    version       BIGINT  NOT NULL,
    PRIMARY KEY (environment, group_name, name)
);

CREATE TABLE secrets_versions (
    environment TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    sealed      TEXT    NOT NULL,
    mark        TEXT    NOT NULL, -- a keyed hash
    facts       TEXT    NOT NULL, -- as JSON; nothing secret
    expires_at  BIGINT  NOT NULL,
    made_at     BIGINT  NOT NULL,
    made_by     TEXT    NOT NULL,
    how         TEXT    NOT NULL,
    PRIMARY KEY (environment, group_name, name, number)
);

CREATE TABLE secrets_grants (
    environment TEXT   NOT NULL,
    group_name  TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    permission  TEXT   NOT NULL,
    made_at     BIGINT NOT NULL,
    made_by     TEXT   NOT NULL,
    PRIMARY KEY (environment, group_name, account, permission)
);

-- The highest number of what was removed: a number never means another value.
CREATE TABLE secrets_removed (
    environment TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    latest      INTEGER NOT NULL,
    PRIMARY KEY (environment, group_name, name)
);

-- Counts the changes of an environment, for processes that serve it.
CREATE TABLE secrets_changes (
    environment TEXT   NOT NULL PRIMARY KEY,
    counter     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE secrets_changes;
DROP TABLE secrets_removed;
DROP TABLE secrets_grants;
DROP TABLE secrets_versions;
DROP TABLE secrets_entries;
DROP TABLE secrets_groups;
