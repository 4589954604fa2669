//go:build race

package openapi_test

// slow tells that the race detector slows the tests down.
const slow = true
