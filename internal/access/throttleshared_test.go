package access

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
)

// beside is another process on the database of a scene.
func (s *scene) beside() *scene {
	s.t.Helper()
	next := &scene{t: s.t, clock: s.clock}
	service, err := Open(s.t.Context(), s.db, &quickHasher{}, next, func() time.Time { return s.clock })
	if err != nil {
		s.t.Fatal(err)
	}
	next.Service = service
	return next
}

// TestThrottleIsShared holds that processes on one database count failures together:
// with four of them there are no more tries than with one, a wait holds at all, and a
// success at one forgives at all.
func TestThrottleIsShared(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.enter()
		all := []*scene{s, s.beside(), s.beside(), s.beside()}
		heard := 0
		for i := range 40 {
			s.clock = s.clock.Add(sharedPause)
			if errors.Is(all[i%4].signIn("wrong", home), ErrCredentials) {
				heard++
			}
		}
		// Five, and one after the wait of 30 seconds.
		if heard != accountLimit+1 {
			t.Errorf("%d wrong guesses were heard in 40 seconds, want %d", heard, accountLimit+1)
		}
		for i, one := range all {
			if err := one.signIn(goodPassword, home); waits(err) <= 0 {
				t.Errorf("process %d hears: %v", i, err)
			}
			if err := one.signIn(goodPassword, other); i == 0 && err != nil {
				t.Errorf("another address: %v", err)
			}
		}
		s.clock = s.clock.Add(longestWait)
		if err := all[2].signIn(goodPassword, home); err != nil {
			t.Fatal(err)
		}
		for i := range accountLimit - 1 {
			s.clock = s.clock.Add(sharedPause)
			if err := all[i%4].signIn("wrong", home); !errors.Is(err, ErrCredentials) {
				t.Errorf("after a success elsewhere, process %d: %v", i%4, err)
			}
		}
	})
}

// TestSharedThrottleIsBounded holds that neither many keys nor many guesses fill the
// table, or write more than once a second.
func TestSharedThrottleIsBounded(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		rows := func() (n int) {
			t.Helper()
			if err := s.db.Read().QueryRow(t.Context(), "SELECT COUNT(*) FROM access_throttle").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i := range 200 {
			if _, err := s.attempting(t.Context(), claim{account: fmt.Sprint("nobody", i), addr: home.Address, device: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if n := rows(); n != 1 {
			t.Errorf("200 guesses at one moment wrote %d rows, want that of the first", n)
		}
		if err := s.db.Write(t.Context(), func(tx *store.Tx) error {
			for i := range sharedRows + 50 {
				if _, err := tx.Exec(t.Context(), "INSERT INTO access_throttle (id, failures, since, until, used) VALUES (?, 1, 0, 0, ?)", fmt.Sprint("row", i), s.clock.UnixMilli()+int64(i)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		s.clock = s.clock.Add(sharedSweep)
		if _, err := s.attempting(t.Context(), claim{account: "one", addr: other.Address}); err != nil {
			t.Fatal(err)
		}
		if n := rows(); n != sharedRows {
			t.Errorf("%d rows are left, want %d", n, sharedRows)
		}
	})
}
