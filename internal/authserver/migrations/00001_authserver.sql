-- +goose Up
-- All times are Unix milliseconds; every hash is hex of SHA-256. No token and no
-- code can be read from here.
CREATE TABLE authserver_keys (
    id        TEXT   NOT NULL PRIMARY KEY, -- the thumbprint of RFC 7638
    algorithm TEXT   NOT NULL,
    sealed    TEXT   NOT NULL, -- PKCS #8, sealed by the master key
    made_at   BIGINT NOT NULL,
    active_at BIGINT NOT NULL  -- signs from then on; until then it is only published
);

-- Somebody who went to sign in and has not come back, or reads the consent page.
CREATE TABLE authserver_logins (
    hash         TEXT   NOT NULL PRIMARY KEY,
    browser_hash TEXT   NOT NULL, -- of the cookie of the browser that began
    request      TEXT   NOT NULL, -- what the client asked for, as JSON
    person       TEXT   NOT NULL, -- who signed in, as JSON; empty before
    expires_at   BIGINT NOT NULL
);

-- What a person granted to a client at one time; all its tokens end with it.
CREATE TABLE authserver_grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    person     TEXT   NOT NULL, -- as JSON
    scope      TEXT   NOT NULL, -- separated by blanks, as all lists here
    audience   TEXT   NOT NULL,
    nonce      TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL  -- 0: it holds
);

CREATE TABLE authserver_codes (
    hash         TEXT   NOT NULL PRIMARY KEY,
    grant_id     TEXT   NOT NULL,
    client_id    TEXT   NOT NULL,
    redirect_uri TEXT   NOT NULL,
    challenge    TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT NOT NULL  -- 0: not yet
);

CREATE TABLE authserver_refresh (
    hash       TEXT   NOT NULL PRIMARY KEY,
    grant_id   TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL  -- 0: it is the last of its grant
);

CREATE INDEX authserver_refresh_grant ON authserver_refresh (grant_id);

-- Access tokens that were revoked one by one.
CREATE TABLE authserver_revoked (
    token_id   TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- What a person agreed to, so that nobody is asked twice.
CREATE TABLE authserver_consents (
    subject   TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    audience  TEXT   NOT NULL,
    scope     TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (subject, client_id, audience)
);

-- +goose Down
DROP TABLE authserver_consents;
DROP TABLE authserver_revoked;
DROP TABLE authserver_refresh;
DROP TABLE authserver_codes;
DROP TABLE authserver_grants;
DROP TABLE authserver_logins;
DROP TABLE authserver_keys;
