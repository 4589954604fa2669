//go:build race

package app_test

// raced says that the race detector watches, which costs most of the speed.
const raced = true
