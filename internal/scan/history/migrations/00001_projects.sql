-- +goose Up
-- The newest scan of each project; report is the JSON of all that it found.
CREATE TABLE scan_projects (
    environment TEXT NOT NULL,
    project TEXT NOT NULL,
    source TEXT NOT NULL,
    scanned BIGINT NOT NULL,
    operator TEXT NOT NULL,
    critical INTEGER NOT NULL,
    high INTEGER NOT NULL,
    medium INTEGER NOT NULL,
    low INTEGER NOT NULL,
    info INTEGER NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (environment, project)
);
