package idempotency

import (
	"errors"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

func TestMigrationsArePortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		keys, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), db, keys, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		begin := func(operator, key, digest, want string, refusal error) {
			t.Helper()
			kept, err := s.Begin(t.Context(), operator, key, digest)
			if string(kept) != want || !errors.Is(err, refusal) {
				t.Errorf("%s %s %s: %q %v, want %q %v", operator, key, digest, kept, err, want, refusal)
			}
		}
		finish := func(operator, key string, answer []byte) {
			t.Helper()
			if err := s.Finish(t.Context(), operator, key, answer); err != nil {
				t.Error(err)
			}
		}
		begin("ann", "k", "d1", "", nil)
		begin("ann", "k", "d1", "", ErrUnderway)
		begin("bob", "k", "d2", "", nil) // a key is an operator's own
		finish("ann", "k", []byte("client secret hunter2"))
		begin("ann", "k", "d1", "client secret hunter2", nil)
		begin("ann", "k", "d3", "", control.ErrInvalid)
		finish("bob", "k", nil) // refused: the key is free again
		begin("bob", "k", "d4", "", nil)
		now = now.Add(patience + time.Second)
		begin("bob", "k", "d5", "", nil) // the process of the first has ended
		var text string
		if err := db.Read().QueryRow(t.Context(), "SELECT answer FROM idempotency_answers WHERE operator = 'ann'").Scan(&text); err != nil || strings.Contains(text, "hunter2") {
			t.Errorf("the answer is not sealed: %q %v", text, err)
		}
		now = now.Add(life)
		begin("ann", "k", "d6", "", nil)
	})
}
