-- +goose Up
-- The engine that says of an API all that it finds there, as "governance"; empty
-- for findings of exchanges.
ALTER TABLE posture_findings ADD COLUMN engine TEXT NOT NULL DEFAULT '';
CREATE INDEX posture_findings_engine ON posture_findings (environment, engine, api);
