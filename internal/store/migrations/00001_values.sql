-- +goose Up
-- What all processes on one database must agree on.
CREATE TABLE store_values (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down
DROP TABLE store_values;
