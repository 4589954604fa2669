-- +goose Up
-- What lists are chosen and ordered by, so that they read no more than they show.
CREATE INDEX posture_findings_list ON posture_findings (environment, fingerprint, state, severity, last_seen);
CREATE INDEX posture_findings_api ON posture_findings (environment, api, fingerprint, state, severity, last_seen);
