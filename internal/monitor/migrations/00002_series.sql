-- +goose Up
-- What is asked for as a series, added up beforehand: all exchanges (kind "api",
-- api and name empty), an API, a client or a policy (name), each over all APIs
-- (api empty) or at one. level 0 is an hour in minutes, 1 a day in hours, 2 sixty
-- days in days; place is the row's number since 1970 in units of its level.
CREATE TABLE monitor_series (
    environment TEXT NOT NULL,
    kind TEXT NOT NULL,
    api TEXT NOT NULL,
    name TEXT NOT NULL,
    level INTEGER NOT NULL,
    place BIGINT NOT NULL,
    gateway TEXT NOT NULL,
    slots BYTEA NOT NULL,
    PRIMARY KEY (environment, kind, api, name, level, place, gateway)
);
CREATE INDEX monitor_series_place ON monitor_series (environment, kind, level, place);
CREATE INDEX monitor_series_party ON monitor_series (environment, kind, api, level, place);
CREATE INDEX monitor_rollups_operation ON monitor_rollups (environment, api, operation, hour);
CREATE INDEX monitor_days_operation ON monitor_days (environment, api, operation, day);
