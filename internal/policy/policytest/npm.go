package policytest

import (
	"testing"

	"farrier.dev/farrier/internal/programtest"
)

// Program is programtest.Program.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	return programtest.Program(t, names...)
}

// NPM is programtest.NPM.
func NPM(t testing.TB, packages ...string) (dir string) {
	t.Helper()
	return programtest.NPM(t, packages...)
}
