-- +goose Up
CREATE TABLE fleet_authority (
    one INTEGER NOT NULL PRIMARY KEY,
    certificate TEXT NOT NULL,
    sealed_key TEXT NOT NULL
);
CREATE TABLE fleet_gateways (
    id TEXT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    token_expires BIGINT NOT NULL,
    serial TEXT NOT NULL,
    previous_serial TEXT NOT NULL,
    certificate_expires BIGINT NOT NULL,
    invited_at BIGINT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    UNIQUE (environment, name)
);
CREATE INDEX fleet_gateways_token ON fleet_gateways (token_hash);
