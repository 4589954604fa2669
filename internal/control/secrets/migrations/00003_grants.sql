-- +goose Up
-- Whose a grant is, by id: a name can be given again when its account was deleted. NULL
-- says that only the name is known, from before; empty that nobody had it any more.
ALTER TABLE secrets_grants ADD COLUMN who TEXT;
CREATE INDEX secrets_grants_who ON secrets_grants (environment, who);

-- +goose Down
DROP INDEX secrets_grants_who;
ALTER TABLE secrets_grants DROP COLUMN who;
