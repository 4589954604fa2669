-- +goose Up
-- How each API stands to each profile now; report is the JSON of all that its
-- rulesets said.
CREATE TABLE governance_reports (
    environment TEXT NOT NULL,
    api TEXT NOT NULL,
    profile TEXT NOT NULL,
    judged BIGINT NOT NULL,
    status TEXT NOT NULL,
    score INTEGER NOT NULL,
    violations INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (environment, api, profile)
);

-- How they stood: a row for each change, and at least one a day.
CREATE TABLE governance_course (
    environment TEXT NOT NULL,
    api TEXT NOT NULL,
    profile TEXT NOT NULL,
    at BIGINT NOT NULL,
    status TEXT NOT NULL,
    score INTEGER NOT NULL,
    violations INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    PRIMARY KEY (environment, api, profile, at)
);
CREATE INDEX governance_course_at ON governance_course (environment, at);
