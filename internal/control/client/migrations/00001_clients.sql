-- +goose Up
-- Client applications belong to a business group and know no environment; tiers and
-- contracts belong to an API of an environment. Times are Unix milliseconds.
CREATE TABLE clients_applications (
    id            TEXT   NOT NULL PRIMARY KEY,
    group_id      TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    name_key      TEXT   NOT NULL, -- the name in lower case, by which lists are sorted
    description   TEXT   NOT NULL,
    client_id     TEXT   NOT NULL UNIQUE,
    redirect_uris TEXT   NOT NULL, -- a JSON array
    grant_types   TEXT   NOT NULL, -- a JSON array
    created_at    BIGINT NOT NULL,
    created_by    TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    UNIQUE (group_id, name_key)
);

CREATE TABLE clients_owners (
    application_id TEXT NOT NULL REFERENCES clients_applications (id) ON DELETE CASCADE,
    owner          TEXT NOT NULL, -- account:NAME or team:NAME
    PRIMARY KEY (application_id, owner)
);
CREATE INDEX clients_owners_owner ON clients_owners (owner, application_id);

CREATE TABLE clients_secrets (
    application_id TEXT   NOT NULL REFERENCES clients_applications (id) ON DELETE CASCADE,
    hash           TEXT   NOT NULL, -- sha256: and 64 hexadecimal digits
    made_at        BIGINT NOT NULL,
    ends_at        BIGINT NOT NULL, -- 0: never
    PRIMARY KEY (application_id, hash)
);

CREATE TABLE clients_tiers (
    id           TEXT    NOT NULL PRIMARY KEY,
    environment  TEXT    NOT NULL,
    api          TEXT    NOT NULL, -- namespace/name
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    auto_approve BOOLEAN NOT NULL,
    status       TEXT    NOT NULL, -- ACTIVE or DEPRECATED
    limits       TEXT    NOT NULL, -- a JSON array
    version      BIGINT  NOT NULL,
    UNIQUE (environment, api, name)
);

CREATE TABLE clients_contracts (
    id             TEXT   NOT NULL PRIMARY KEY,
    environment    TEXT   NOT NULL,
    api            TEXT   NOT NULL,
    application_id TEXT   NOT NULL REFERENCES clients_applications (id),
    tier_id        TEXT   NOT NULL, -- empty: none
    wanted_tier    TEXT   NOT NULL, -- what an approved contract asks for; empty: nothing
    state          TEXT   NOT NULL, -- PENDING, APPROVED, REJECTED or REVOKED
    reason         TEXT   NOT NULL,
    asked_by       TEXT   NOT NULL,
    asked_at       BIGINT NOT NULL,
    decided_by     TEXT   NOT NULL,
    decided_at     BIGINT NOT NULL, -- 0: not yet
    note           TEXT   NOT NULL,
    decided        INTEGER NOT NULL, -- 0: somebody must decide, 1: nobody; those come first in lists
    version        BIGINT NOT NULL,
    UNIQUE (environment, api, application_id)
);
CREATE INDEX clients_contracts_list ON clients_contracts (environment, decided, id);
CREATE INDEX clients_contracts_application ON clients_contracts (application_id, id);
CREATE INDEX clients_contracts_tier ON clients_contracts (environment, tier_id);
CREATE INDEX clients_contracts_wanted ON clients_contracts (environment, wanted_tier);

-- What happened to contracts; seq is the version of the environment that it made.
CREATE TABLE clients_events (
    environment TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    contract_id TEXT   NOT NULL,
    api         TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    action      TEXT   NOT NULL,
    state       TEXT   NOT NULL, -- after it
    tier        TEXT   NOT NULL, -- its name, empty for none
    operator    TEXT   NOT NULL,
    note        TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (environment, seq)
);
CREATE INDEX clients_events_contract ON clients_events (environment, contract_id, seq);

-- Grows with every change of what gateways must know.
CREATE TABLE clients_versions (
    environment TEXT   NOT NULL PRIMARY KEY,
    version     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE clients_versions;
DROP TABLE clients_events;
DROP TABLE clients_contracts;
DROP TABLE clients_tiers;
DROP TABLE clients_secrets;
DROP TABLE clients_owners;
DROP TABLE clients_applications;
