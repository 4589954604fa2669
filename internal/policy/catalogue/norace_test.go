//go:build !race

package catalogue_test

const raced = false
