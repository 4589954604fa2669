-- +goose Up
-- Rules; body is JSON. origin is "default" for those that Farrier brought along and
-- nobody has changed.
CREATE TABLE alerts_rules (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    origin TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- How each rule stands, as JSON; written together with what is to be told.
CREATE TABLE alerts_states (
    environment TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (environment, rule)
);

-- Channels; settings is JSON without secrets, sealed holds those.
CREATE TABLE alerts_channels (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed TEXT NOT NULL,
    secrets TEXT NOT NULL,
    forwards TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- Times in which APIs are worked on; apis is JSON, an empty list means all.
CREATE TABLE alerts_windows (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    apis TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);

-- What was noticed, the newest with the greatest number.
CREATE TABLE alerts_history (
    environment TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    rule TEXT NOT NULL,
    incident TEXT NOT NULL,
    at BIGINT NOT NULL,
    severity TEXT NOT NULL,
    resolved BOOLEAN NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (environment, number)
);
CREATE UNIQUE INDEX alerts_history_id ON alerts_history (environment, id);

-- What is to be sent, and what became of it; id is the message's key and channel.
CREATE TABLE alerts_outbox (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    channel TEXT NOT NULL,
    incident TEXT NOT NULL,
    number BIGINT NOT NULL,
    created BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    problem TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);
CREATE INDEX alerts_outbox_due ON alerts_outbox (state, due);
CREATE INDEX alerts_outbox_order ON alerts_outbox (environment, channel, incident, state, number);

-- How far a stream was forwarded to a channel.
CREATE TABLE alerts_positions (
    environment TEXT NOT NULL,
    channel TEXT NOT NULL,
    stream TEXT NOT NULL,
    place BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (environment, channel, stream)
);

-- Environments that were given the default rules.
CREATE TABLE alerts_begun (
    environment TEXT NOT NULL PRIMARY KEY
);
