-- +goose Up
-- How far the journal of a gateway was drained. It is written in the same
-- transaction as what was drained, so that nothing is lost or counted twice.
CREATE TABLE monitor_journal (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    segment BIGINT NOT NULL,
    place BIGINT NOT NULL,
    last_refusal BIGINT NOT NULL,
    PRIMARY KEY (environment, gateway)
);

-- Sixty packed minutes of one operation. hour is Unix time in hours.
CREATE TABLE monitor_rollups (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    hour BIGINT NOT NULL,
    slots BYTEA NOT NULL,
    PRIMARY KEY (environment, gateway, api, operation, hour)
);
CREATE INDEX monitor_rollups_hour ON monitor_rollups (environment, hour);

-- The same of a day in one slot. day is Unix time in days.
CREATE TABLE monitor_days (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    day BIGINT NOT NULL,
    slots BYTEA NOT NULL,
    PRIMARY KEY (environment, gateway, api, operation, day)
);
CREATE INDEX monitor_days_day ON monitor_days (environment, day);

-- A ring: number grows by one for each row of a gateway, and the rows with the
-- lowest go first. received is in Unix milliseconds; rules is ",rule,rule,".
CREATE TABLE monitor_refusals (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    received BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    policy TEXT NOT NULL,
    step TEXT NOT NULL,
    reason TEXT NOT NULL,
    client TEXT NOT NULL,
    client_id TEXT NOT NULL,
    rules TEXT NOT NULL,
    PRIMARY KEY (environment, gateway, number)
);
CREATE INDEX monitor_refusals_id ON monitor_refusals (environment, id);
CREATE INDEX monitor_refusals_received ON monitor_refusals (environment, received);

-- Sealed records as JSON. kept says why: journal or sample.
CREATE TABLE monitor_trails (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    gateway TEXT NOT NULL,
    received BIGINT NOT NULL,
    kept TEXT NOT NULL,
    size BIGINT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);
CREATE INDEX monitor_trails_received ON monitor_trails (received);
