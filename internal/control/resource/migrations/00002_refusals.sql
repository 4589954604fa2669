-- +goose Up
-- Why a second person did not agree to a draft, until a review is asked for again, or
-- the draft is published or discarded.
CREATE TABLE resource_refusals (
    environment TEXT   NOT NULL PRIMARY KEY,
    operator    TEXT   NOT NULL,
    asked_by    TEXT   NOT NULL, -- who had asked for the review
    at          BIGINT NOT NULL, -- Unix milliseconds
    reason      TEXT   NOT NULL
);

-- +goose Down
DROP TABLE resource_refusals;
