//go:build race

package schemavalidation

// raced says that the race detector watches, under which pools forget at random.
const raced = true
