-- +goose Up
-- The virtual patches of an environment, as JSON, for all processes that serve it;
-- version grows with every change.
CREATE TABLE scan_patches (
    environment TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    patches TEXT NOT NULL
);
