-- +goose Up
-- Accounts take the place of operators. Sessions and links of before end: whoever
-- was signed in signs in again.
CREATE TABLE access_accounts (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE, -- lower case; what people type and audit entries say
    display       TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    kind          TEXT    NOT NULL, -- person or service
    password_hash TEXT    NOT NULL, -- PHC string; empty: none is set
    disabled      BOOLEAN NOT NULL,
    external      TEXT    NOT NULL, -- the provider that made it and keeps it; empty: made here
    created_at    BIGINT  NOT NULL, -- Unix milliseconds, as all times here; 0: never
    created_by    TEXT    NOT NULL,
    seen_at       BIGINT  NOT NULL,
    version       BIGINT  NOT NULL
);
INSERT INTO access_accounts (id, name, display, email, kind, password_hash, disabled, external, created_at, created_by, seen_at, version)
    SELECT name, name, '', '', 'person', password_hash, FALSE, '', created_at, '', 0, 1 FROM access_operators;

CREATE TABLE access_identities (
    provider   TEXT   NOT NULL, -- as oidc:corp
    subject    TEXT   NOT NULL,
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX access_identities_account ON access_identities (account);

CREATE TABLE access_factors (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL, -- totp, totp-pending, passkey or recovery
    name       TEXT   NOT NULL,
    handle     TEXT   NOT NULL UNIQUE, -- of a passkey its credential, of a code its hash, else the id
    data       TEXT   NOT NULL, -- sealed where it is secret
    step       BIGINT NOT NULL, -- of totp: the last time step that was used
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX access_factors_account ON access_factors (account);

CREATE TABLE access_groups (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    parent     TEXT   NOT NULL, -- empty for root
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL
);
CREATE INDEX access_groups_parent ON access_groups (parent);
INSERT INTO access_groups (id, name, parent, created_at, version) VALUES ('root', 'Organisation', '', 0, 1);

CREATE TABLE access_environments (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL, -- production, sandbox or design
    grp        TEXT    NOT NULL REFERENCES access_groups (id),
    review     BOOLEAN NOT NULL, -- a second person is needed to publish
    created_at BIGINT  NOT NULL,
    version    BIGINT  NOT NULL
);
CREATE INDEX access_environments_grp ON access_environments (grp);

CREATE TABLE access_teams (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    parent     TEXT   NOT NULL, -- empty at the top
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL
);

CREATE TABLE access_members (
    team       TEXT    NOT NULL REFERENCES access_teams (id) ON DELETE CASCADE,
    account    TEXT    NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    source     TEXT    NOT NULL, -- the provider that says so; empty: made here
    maintainer BOOLEAN NOT NULL,
    PRIMARY KEY (team, account, source)
);
CREATE INDEX access_members_account ON access_members (account);

CREATE TABLE access_group_maps (
    provider TEXT NOT NULL,
    name     TEXT NOT NULL, -- of the group, as the provider says it
    team     TEXT NOT NULL REFERENCES access_teams (id) ON DELETE CASCADE,
    PRIMARY KEY (provider, name, team)
);

CREATE TABLE access_grants (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   REFERENCES access_accounts (id) ON DELETE CASCADE, -- one of account and team is set
    team        TEXT   REFERENCES access_teams (id) ON DELETE CASCADE,
    role        TEXT   NOT NULL, -- one of role and permission is not empty
    permission  TEXT   NOT NULL,
    grp         TEXT   NOT NULL REFERENCES access_groups (id),
    environment TEXT   NOT NULL, -- empty: the group with all below it
    created_at  BIGINT NOT NULL,
    created_by  TEXT   NOT NULL
);
CREATE INDEX access_grants_account ON access_grants (account);
CREATE INDEX access_grants_team ON access_grants (team);
INSERT INTO access_grants (id, account, team, role, permission, grp, environment, created_at, created_by)
    SELECT 'first-' || name, name, NULL, 'admin', '', 'root', '', created_at, '' FROM access_operators WHERE roles = 'admin';

CREATE TABLE access_tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    name       TEXT   NOT NULL,
    token_hash TEXT   NOT NULL UNIQUE,
    limits     TEXT   NOT NULL, -- permissions, separated by blanks
    created_at BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX access_tokens_account ON access_tokens (account);

DROP TABLE access_sessions;
CREATE TABLE access_sessions (
    token_hash   TEXT   NOT NULL PRIMARY KEY, -- hex of SHA-256
    id           TEXT   NOT NULL UNIQUE, -- may be shown
    account      TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    via          TEXT   NOT NULL, -- link, invitation, password, passkey or a provider
    address      TEXT   NOT NULL,
    agent        TEXT   NOT NULL,
    subject      TEXT   NOT NULL, -- who it is for the provider
    idx          TEXT   NOT NULL, -- the provider's name of the session
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL, -- to the minute
    confirmed_at BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL
);
CREATE INDEX access_sessions_account ON access_sessions (account);

-- A sign-in whose second factor is still asked for.
CREATE TABLE access_halves (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    via        TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Browsers that have signed in before, and from where.
CREATE TABLE access_devices (
    token_hash TEXT   NOT NULL,
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    network    TEXT   NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (token_hash, account, network)
);
CREATE INDEX access_devices_account ON access_devices (account);

DROP TABLE access_links;
CREATE TABLE access_links (
    token_hash TEXT   NOT NULL PRIMARY KEY, -- hex of SHA-256; a redeemed link is deleted
    account    TEXT   NOT NULL REFERENCES access_accounts (id) ON DELETE CASCADE,
    via        TEXT   NOT NULL, -- link or invitation
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_links_account ON access_links (account);

-- The version counts the changes of who may do what, so that a process knows when
-- what it remembers is old.
CREATE TABLE access_state (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO access_state (name, value) VALUES ('version', 1);

DROP TABLE access_operators;

-- +goose Down
DROP TABLE access_state;
DROP TABLE access_links;
DROP TABLE access_devices;
DROP TABLE access_halves;
DROP TABLE access_sessions;
DROP TABLE access_tokens;
DROP TABLE access_grants;
DROP TABLE access_group_maps;
DROP TABLE access_members;
DROP TABLE access_teams;
DROP TABLE access_environments;
DROP TABLE access_groups;
DROP TABLE access_factors;
DROP TABLE access_identities;
CREATE TABLE access_operators (
    name          TEXT   NOT NULL PRIMARY KEY,
    roles         TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL
);
INSERT INTO access_operators (name, roles, password_hash, created_at)
    SELECT name, 'admin', password_hash, created_at FROM access_accounts WHERE id = 'admin';
DROP TABLE access_accounts;
CREATE TABLE access_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    operator   TEXT   NOT NULL REFERENCES access_operators (name) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE TABLE access_sessions (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    operator   TEXT   NOT NULL REFERENCES access_operators (name) ON DELETE CASCADE,
    via        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX access_sessions_operator ON access_sessions (operator);
