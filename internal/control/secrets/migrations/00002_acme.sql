-- +goose Up
-- Certificates that an authority issues by ACME. The secret itself is in
-- secrets_entries as soon as there is a first certificate.
CREATE TABLE secrets_acme (
    environment TEXT    NOT NULL,
    group_name  TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    settings    TEXT    NOT NULL, -- as JSON; nothing secret
    sealed      TEXT    NOT NULL, -- account and order with their keys, by the data key of the group
    expires_at  BIGINT  NOT NULL, -- of the certificate that was obtained last
    failures    INTEGER NOT NULL, -- since then
    last_error  TEXT    NOT NULL,
    last_try    BIGINT  NOT NULL,
    next_try    BIGINT  NOT NULL,
    made_at     BIGINT  NOT NULL,
    made_by     TEXT    NOT NULL,
    version     BIGINT  NOT NULL, -- grows with what operators change
    PRIMARY KEY (environment, group_name, name)
);

-- What gateways answer to authorities at the moment. None of it is secret.
CREATE TABLE secrets_challenges (
    environment TEXT   NOT NULL,
    token       TEXT   NOT NULL,
    answer      TEXT   NOT NULL,
    group_name  TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    until       BIGINT NOT NULL,
    PRIMARY KEY (environment, token)
);

-- +goose Down
DROP TABLE secrets_challenges;
DROP TABLE secrets_acme;
