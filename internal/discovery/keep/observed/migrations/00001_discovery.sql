-- +goose Up
-- What one gateway learned of one operation. id is a hash of host, method, path,
-- version and name; listed and changed are Unix milliseconds, listed 0 for a
-- candidate; state is the operation as JSON, compressed by zstd.
CREATE TABLE discovery_operations (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    id TEXT NOT NULL,
    api TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    listed BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (environment, gateway, id)
);
CREATE INDEX discovery_operations_order ON discovery_operations (environment, host, api, path, id);
CREATE INDEX discovery_operations_id ON discovery_operations (environment, id);

-- How often what is kept was changed, so that readers know when to look again.
CREATE TABLE discovery_generation (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    generation BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    PRIMARY KEY (environment, gateway)
);

-- Calls between services, as traces tell. Times are Unix milliseconds.
CREATE TABLE discovery_edges (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    caller TEXT NOT NULL,
    callee TEXT NOT NULL,
    operation TEXT NOT NULL,
    requests BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (environment, gateway, caller, callee, operation)
);
