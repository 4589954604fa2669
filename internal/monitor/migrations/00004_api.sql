-- +goose Up
-- What is asked of one API, without reading what all others counted in these hours.
CREATE INDEX monitor_rollups_api ON monitor_rollups (environment, api, hour);
CREATE INDEX monitor_days_api ON monitor_days (environment, api, day);
