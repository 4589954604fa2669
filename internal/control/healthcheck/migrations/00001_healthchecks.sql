-- +goose Up
-- Checks; body is JSON.
CREATE TABLE healthchecks_checks (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- How each stands, as JSON, and when it is due.
CREATE TABLE healthchecks_states (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    due BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- The results of the last day.
CREATE TABLE healthchecks_results (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    millis BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (environment, id, at)
);

-- What each day came to; day counts from 1970-01-01, UTC. Checks within maintenance
-- count for nothing.
CREATE TABLE healthchecks_days (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    day BIGINT NOT NULL,
    checks BIGINT NOT NULL,
    up BIGINT NOT NULL,
    millis BIGINT NOT NULL,
    PRIMARY KEY (environment, id, day)
);
