-- +goose Up
-- What belongs together: the findings and refusals of one actor, or of one API.
CREATE TABLE incidents_incidents (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    api TEXT NOT NULL,
    title TEXT NOT NULL,
    severity INTEGER NOT NULL,
    state TEXT NOT NULL,
    owner TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    sightings BIGINT NOT NULL,
    rules TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    resolved_at BIGINT NOT NULL,
    PRIMARY KEY (environment, id)
);
CREATE INDEX incidents_incidents_actor ON incidents_incidents (environment, kind, actor, last_at);
CREATE INDEX incidents_incidents_last ON incidents_incidents (environment, last_at);

-- What was seen, said and done; ref is the exchange of a sighting, else the number.
CREATE TABLE incidents_timeline (
    environment TEXT NOT NULL,
    incident TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    made_by TEXT NOT NULL,
    words TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (environment, incident, number)
);
CREATE UNIQUE INDEX incidents_timeline_ref ON incidents_timeline (environment, incident, ref);

-- Acts of containment. One that starts_at 0 is proposed. Rows are never removed: the
-- version of an environment counts them.
CREATE TABLE incidents_containments (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    incident TEXT NOT NULL,
    rule TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    seconds BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    ended_by TEXT NOT NULL,
    ended_why TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);
CREATE INDEX incidents_containments_open ON incidents_containments (environment, ended_at, until_at);

-- Rules that act on incidents; body is JSON.
CREATE TABLE incidents_rules (
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment, id)
);
