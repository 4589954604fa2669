-- +goose Up
-- Failed attempts to sign in that processes on one database share; at most some 10,000
-- rows. The key is a hash of account and network. Times are Unix milliseconds.
CREATE TABLE access_throttle (
    id       TEXT    NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    since    BIGINT  NOT NULL, -- the first failure of the window
    until    BIGINT  NOT NULL, -- no attempt is heard before; 0: now
    used     BIGINT  NOT NULL
);
CREATE INDEX access_throttle_used ON access_throttle (used);

-- +goose Down
DROP TABLE access_throttle;
