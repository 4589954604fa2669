package keep

// Migrations are for the tests.
var Migrations = migrations
