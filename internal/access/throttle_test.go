package access

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func waits(err error) time.Duration {
	var throttled *ThrottledError
	if errors.As(err, &throttled) {
		return throttled.RetryAfter
	}
	return 0
}

func TestSignInIsThrottled(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.enter()
		s.told()
		for i := range 5 {
			if err := s.signIn("wrong", home); !errors.Is(err, ErrCredentials) {
				t.Fatalf("failure %d: %v", i+1, err)
			}
		}
		if last := s.events[4]; last.Detail["wait"] != "30s" || last.Detail["address"] != "192.0.2.1" || last.Operator != Admin {
			t.Errorf("the fifth failure is audited as %+v", last)
		}
		for _, want := range []time.Duration{30, 60, 120, 240, 480, 960, 1920, 3600, 3600} {
			want *= time.Second
			if err := s.signIn(goodPassword, home); waits(err) != want {
				t.Fatalf("after too many failures: %v, want to wait %s", err, want)
			}
			s.clock = s.clock.Add(want - time.Second)
			if err := s.signIn(goodPassword, home); waits(err) != time.Second {
				t.Fatalf("a second too early: %v", err)
			}
			s.clock = s.clock.Add(time.Second)
			if err := s.signIn("wrong", home); !errors.Is(err, ErrCredentials) {
				t.Fatalf("after the wait: %v", err)
			}
		}
		if n := len(s.events); n != 14 {
			t.Errorf("%d failures were audited, want 14: what is not heard must not fill the log", n)
		}
		// Another address is not hindered, and does not help this one.
		if err := s.signIn(goodPassword, other); err != nil {
			t.Errorf("another address: %v", err)
		}
		if err := s.signIn(goodPassword, home); waits(err) != time.Hour {
			t.Errorf("still: %v", err)
		}
		// A success after the wait forgives.
		s.clock = s.clock.Add(time.Hour)
		if err := s.signIn(goodPassword, home); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if err := s.signIn("wrong", home); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		if err := s.signIn(goodPassword, home); err != nil {
			t.Errorf("four failures are allowed: %v", err)
		}
	})
}

func TestUnknownOperatorLooksTheSame(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.enter()
		var answers [2][]string
		var work [2]int32
		hasher := s.hasher.(*quickHasher)
		for i, name := range []string{Admin, "nobody"} {
			for range 7 {
				session, err := s.SignIn(t.Context(), name, "wrong password", home)
				answers[i] = append(answers[i], fmt.Sprint(session, err))
			}
			s.throttle = newThrottle()
			work[i] = hasher.work.Swap(0)
		}
		if work[0] != 5 || work[1] != 5 {
			t.Errorf("hashed %d times for a known operator and %d times for an unknown one, want 5 each", work[0], work[1])
		}
		if fmt.Sprint(answers[0]) != fmt.Sprint(answers[1]) {
			t.Errorf("known: %q\nunknown: %q", answers[0], answers[1])
		}
	})
}

func TestManyAtOnceAreNotHeard(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		s.enter()
		var heard, refused atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				switch err := s.signIn("wrong", home); {
				case errors.Is(err, ErrCredentials):
					heard.Add(1)
				case waits(err) > 0:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if heard.Load() != 5 || refused.Load() != 15 {
			t.Errorf("%d were heard and %d refused, want 5 and 15", heard.Load(), refused.Load())
		}
	})
}

func TestPasswordChangeIsThrottled(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		session := s.enter()
		for range 5 {
			if _, err := s.SetPassword(t.Context(), session.Token, "wrong", otherPassword, home); !errors.Is(err, ErrCredentials) {
				t.Fatal(err)
			}
		}
		if _, err := s.SetPassword(t.Context(), session.Token, goodPassword, otherPassword, home); waits(err) == 0 {
			t.Errorf("the sixth guess was heard: %v", err)
		}
		if err := s.signIn(goodPassword, home); waits(err) == 0 {
			t.Errorf("a sign-in beside it was heard: %v", err)
		}
	})
}

func TestThrottleByAddress(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	t.Run("many accounts", func(t *testing.T) {
		th := newThrottle()
		for i := range addressLimit {
			if _, err := th.hear(claim{account: fmt.Sprint("name", i), addr: home.Address}, now); err != nil {
				t.Fatalf("attempt %d: %v", i, err)
			}
		}
		if _, err := th.hear(claim{account: "one more", addr: home.Address}, now); waits(err) != firstWait {
			t.Errorf("attempt %d: %v", addressLimit, err)
		}
	})
	t.Run("the same host", func(t *testing.T) {
		same := [][2]string{{"2001:db8::1", "2001:db8::ffff:1"}, {"192.0.2.1", "::ffff:192.0.2.1"}, {"fe80::1%eth0", "fe80::2%eth1"}}
		apart := [][2]string{{"2001:db8::1", "2001:db8:0:1::1"}, {"192.0.2.1", "192.0.2.2"}}
		for i, pair := range append(same, apart...) {
			th := newThrottle()
			for range accountLimit {
				if _, err := th.hear(claim{account: Admin, addr: netip.MustParseAddr(pair[0])}, now); err != nil {
					t.Fatal(err)
				}
			}
			_, err := th.hear(claim{account: Admin, addr: netip.MustParseAddr(pair[1])}, now)
			if (waits(err) > 0) != (i < len(same)) {
				t.Errorf("%v: %v", pair, err)
			}
		}
	})
	t.Run("no address", func(t *testing.T) {
		th := newThrottle()
		for range accountLimit {
			if _, err := th.hear(claim{account: Admin, addr: netip.Addr{}}, now); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := th.hear(claim{account: Admin, addr: netip.Addr{}}, now); waits(err) == 0 {
			t.Error("attempts without an address are not counted")
		}
	})
	t.Run("bounded", func(t *testing.T) {
		th := newThrottle()
		for i := range throttleEntries + 100 {
			addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
			if _, err := th.hear(claim{account: Admin, addr: addr, known: true}, now.Add(time.Duration(i)*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(th.entries); n > throttleEntries {
			t.Errorf("%d entries are kept", n)
		}
		// What is in use stays among a flood of others.
		victim := netip.MustParseAddr("192.0.2.1")
		for i := range 2000 {
			at := now.Add(time.Hour + time.Duration(i)*time.Millisecond)
			if i < accountLimit {
				if _, err := th.hear(claim{account: Admin, addr: victim, known: true}, at); err != nil {
					t.Fatal(err)
				}
			}
			addr := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
			if _, err := th.hear(claim{account: Admin, addr: addr, known: true}, at); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := th.hear(claim{account: Admin, addr: victim, known: true}, now.Add(time.Hour+3*time.Second)); waits(err) == 0 {
			t.Error("a flood made the throttle forget who must wait")
		}
	})
}

// Whatever the rhythm, in no 15 minutes are more than 13 failing attempts of one
// account and address heard: four at the end of a window, five in the next, and
// one after each of the four waits that fit.
func TestThrottleBoundsGuesses(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		th, now := newThrottle(), time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
		var heard []time.Time
		for range rapid.IntRange(1, 300).Draw(r, "attempts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(r, "seconds")) * time.Second)
			if _, err := th.hear(claim{account: Admin, addr: home.Address}, now); err == nil {
				heard = append(heard, now)
			}
		}
		for i := range heard {
			n := 0
			for _, at := range heard[i:] {
				if at.Sub(heard[i]) < throttleWindow {
					n++
				}
			}
			if n > 13 {
				r.Fatalf("%d attempts were heard within 15 minutes", n)
			}
		}
	})
}
