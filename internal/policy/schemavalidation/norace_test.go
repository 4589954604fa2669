//go:build !race

package schemavalidation

const raced = false
