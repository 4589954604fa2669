package lsp

import (
	"testing"
	"testing/synctest"
	"time"
)

// rest lets the time pass that an editor must be silent before a scan begins, and
// waits until the scan has ended. In a bubble this takes no time.
func rest(t *testing.T) {
	t.Helper()
	<-time.After(time.Second)
	synctest.Wait()
}
