-- +goose Up
-- How all APIs stood at the end of each day; day is Unix time in days, scores their sum.
CREATE TABLE governance_days (
    environment TEXT NOT NULL,
    day BIGINT NOT NULL,
    status TEXT NOT NULL,
    apis BIGINT NOT NULL,
    scores BIGINT NOT NULL,
    PRIMARY KEY (environment, day, status)
);
