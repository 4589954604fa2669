-- +goose Up
-- One row for each environment that has resources. draft counts the changes of its
-- draft, live is the number of the revision that gateways serve, 0 for none.
CREATE TABLE resource_environments (
    environment TEXT    NOT NULL PRIMARY KEY,
    draft       BIGINT  NOT NULL,
    live        BIGINT  NOT NULL,
    review      BOOLEAN NOT NULL, -- whether a second person must agree
    asked_by    TEXT    NOT NULL, -- who asked for a review, empty for nobody
    asked_at    BIGINT  NOT NULL, -- Unix milliseconds, as all times here
    asked_draft BIGINT  NOT NULL, -- the draft that the review is asked for
    asked_note  TEXT    NOT NULL
);

-- What resources say, sealed, once for each text that was ever written.
CREATE TABLE resource_texts (
    environment TEXT NOT NULL,
    digest      TEXT NOT NULL, -- hex of SHA-256 of the text
    sealed      TEXT NOT NULL,
    PRIMARY KEY (environment, digest)
);

-- The working draft of each environment.
CREATE TABLE resource_drafts (
    environment TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    namespace   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    version     BIGINT NOT NULL, -- the draft with which it was last changed
    digest      TEXT   NOT NULL,
    author      TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (environment, kind, namespace, name)
);

-- Who changed the draft since it was last published or discarded.
CREATE TABLE resource_editors (
    environment TEXT NOT NULL,
    operator    TEXT NOT NULL,
    PRIMARY KEY (environment, operator)
);

CREATE TABLE resource_revisions (
    environment TEXT   NOT NULL,
    number      BIGINT NOT NULL, -- counted from 1
    digest      TEXT   NOT NULL,
    note        TEXT   NOT NULL,
    author      TEXT   NOT NULL,
    reviewer    TEXT   NOT NULL, -- empty for none
    restores    BIGINT NOT NULL, -- the revision that it brings back, 0 for none
    changed     BIGINT NOT NULL, -- how many resources differ from the one before
    at          BIGINT NOT NULL,
    PRIMARY KEY (environment, number)
);

-- What each revision changed. A revision holds, of each resource, the newest row up
-- to its number; an empty digest says that it holds the resource no more.
CREATE TABLE resource_changes (
    environment TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    namespace   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    digest      TEXT   NOT NULL,
    PRIMARY KEY (environment, kind, namespace, name, number)
);

-- +goose Down
DROP TABLE resource_changes;
DROP TABLE resource_revisions;
DROP TABLE resource_editors;
DROP TABLE resource_drafts;
DROP TABLE resource_texts;
DROP TABLE resource_environments;
