-- +goose Up
CREATE TABLE idempotency_answers (
    operator TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    digest TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (operator, key_hash)
);
CREATE INDEX idempotency_answers_begun ON idempotency_answers (begun_at);
