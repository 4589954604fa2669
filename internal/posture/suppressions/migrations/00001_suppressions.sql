-- +goose Up
-- What operators said need not be looked at. A row has a fingerprint, or a rule
-- and an API. expires is 0 for never; times are Unix milliseconds.
CREATE TABLE posture_suppressions (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    rule TEXT NOT NULL,
    api TEXT NOT NULL,
    reason TEXT NOT NULL,
    operator TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (environment, id)
);
