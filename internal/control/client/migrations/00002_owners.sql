-- +goose Up
-- Whose an application is, by id, as account:ID or team:ID: a name can be given again
-- when its account or team was deleted. NULL says that only the name is known, from
-- before; empty that nobody had it.
ALTER TABLE clients_owners ADD COLUMN who TEXT;
CREATE INDEX clients_owners_who ON clients_owners (who, application_id);

-- +goose Down
DROP INDEX clients_owners_who;
ALTER TABLE clients_owners DROP COLUMN who;
