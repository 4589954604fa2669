-- +goose Up
CREATE TABLE monitor_shipments (
    environment TEXT NOT NULL,
    gateway TEXT NOT NULL,
    process TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (environment, gateway)
);
