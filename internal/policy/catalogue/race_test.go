//go:build race

package catalogue_test

// raced says that the race detector watches, under which pools forget at random.
const raced = true
