-- +goose Up
-- What providers that keep accounts and teams say of them: their own id of each, and
-- the parts of a person's name.
ALTER TABLE access_accounts ADD COLUMN external_id TEXT NOT NULL DEFAULT ''; -- empty: none; unique within a provider
ALTER TABLE access_accounts ADD COLUMN given_name TEXT NOT NULL DEFAULT '';
ALTER TABLE access_accounts ADD COLUMN family_name TEXT NOT NULL DEFAULT '';
ALTER TABLE access_accounts ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0; -- Unix milliseconds; 0: since it was made
CREATE UNIQUE INDEX access_accounts_external ON access_accounts (external, external_id) WHERE external_id <> '';

ALTER TABLE access_teams ADD COLUMN external TEXT NOT NULL DEFAULT ''; -- the provider that made it and keeps it; empty: made here
ALTER TABLE access_teams ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
ALTER TABLE access_teams ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX access_teams_external ON access_teams (external, external_id) WHERE external_id <> '';

-- +goose Down
DROP INDEX access_teams_external;
ALTER TABLE access_teams DROP COLUMN changed_at;
ALTER TABLE access_teams DROP COLUMN external_id;
ALTER TABLE access_teams DROP COLUMN external;
DROP INDEX access_accounts_external;
ALTER TABLE access_accounts DROP COLUMN changed_at;
ALTER TABLE access_accounts DROP COLUMN family_name;
ALTER TABLE access_accounts DROP COLUMN given_name;
ALTER TABLE access_accounts DROP COLUMN external_id;
