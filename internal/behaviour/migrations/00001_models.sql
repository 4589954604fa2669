-- +goose Up
-- The key of the hashes by which sources are told apart, one a gateway.
CREATE TABLE behaviour_keys (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    secret BYTEA NOT NULL,
    PRIMARY KEY (environment, gateway)
);

-- What was learned of each operation, as detect/model writes it.
CREATE TABLE behaviour_models (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    api TEXT NOT NULL,
    operation TEXT NOT NULL,
    learned BYTEA NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (environment, gateway, api, operation)
);

-- +goose Down
DROP TABLE behaviour_models;
DROP TABLE behaviour_keys;
