-- +goose Up
-- Every operation that was ever listed, so that none is forgotten with the statistics.
CREATE TABLE discovery_listed (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    listed BIGINT NOT NULL,
    operation TEXT NOT NULL,
    PRIMARY KEY (environment, gateway, id)
);

-- What operators decided of templates, in the order in which they did.
CREATE TABLE discovery_edits (
    environment TEXT NOT NULL,
    number BIGINT NOT NULL,
    edit TEXT NOT NULL,
    PRIMARY KEY (environment, number)
);

-- What operators say of an operation or an API: owner, tags, labels. subject is
-- "operation ID" or "api HOST BASE"; marks is JSON.
CREATE TABLE discovery_marks (
    environment TEXT NOT NULL,
    subject TEXT NOT NULL,
    marks TEXT NOT NULL,
    PRIMARY KEY (environment, subject)
);

-- Saved views of the inventory; operator is empty for those that all see.
CREATE TABLE discovery_views (
    environment TEXT NOT NULL,
    operator TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (environment, operator, name)
);

-- The key of hashes of values that all gateways of an environment share, sealed.
CREATE TABLE discovery_key (
    environment TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (environment)
);
