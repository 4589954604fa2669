-- +goose Up
-- What was complained of, once per gateway that saw it; findings of files have
-- no gateway. finding is the JSON of the newest sighting.
CREATE TABLE posture_findings (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity INTEGER NOT NULL,
    title TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    place TEXT NOT NULL,
    file TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    sightings BIGINT NOT NULL,
    state TEXT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (environment, gateway, fingerprint)
);
CREATE INDEX posture_findings_fingerprint ON posture_findings (environment, fingerprint);
CREATE INDEX posture_findings_rule ON posture_findings (environment, rule, api);

-- The first and the last twenty sightings of each; number counts all of them.
CREATE TABLE posture_occurrences (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    received BIGINT NOT NULL,
    client TEXT NOT NULL,
    PRIMARY KEY (environment, gateway, fingerprint, number)
);
