-- +goose Up
-- The descriptions of APIs that operators attached, whose texts are in resource_texts.
CREATE TABLE resource_specifications (
    environment TEXT   NOT NULL,
    namespace   TEXT   NOT NULL, -- namespace and name are those of the ApiInstance
    name        TEXT   NOT NULL,
    file        TEXT   NOT NULL, -- a bare name, as "orders.yaml"
    language    TEXT   NOT NULL,
    title       TEXT   NOT NULL,
    bytes       BIGINT NOT NULL,
    digest      TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    author      TEXT   NOT NULL,
    at          BIGINT NOT NULL, -- Unix milliseconds
    PRIMARY KEY (environment, namespace, name)
);

-- +goose Down
DROP TABLE resource_specifications;
