package client

// Migrations are for the tests.
var Migrations = migrations
