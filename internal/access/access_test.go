package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

const (
	goodPassword  = "correct horse battery"
	otherPassword = "staple of the other kind"
)

var (
	home  = From{Address: netip.MustParseAddr("192.0.2.1"), Agent: "Test/1"}
	other = From{Address: netip.MustParseAddr("192.0.2.2")}
)

// quickHasher stands in for argon2id, which takes a second under the race
// detector, and counts its work.
type quickHasher struct{ work atomic.Int32 }

func (h *quickHasher) Hash(_ context.Context, password string) (string, error) {
	return hashText("quick " + password), nil
}

func (h *quickHasher) Verify(_ context.Context, password, encoded string) (bool, error) {
	h.work.Add(1)
	return hashText("quick "+password) == encoded, nil
}

func (h *quickHasher) VerifyNobody(context.Context, string) error {
	h.work.Add(1)
	return nil
}

// scene is a service with a clock that the test turns and an auditor that it reads.
type scene struct {
	*Service
	t      *testing.T
	clock  time.Time
	events []Event
	broken error // what the auditor answers
}

func (s *scene) Record(_ context.Context, tx *store.Tx, e Event) error {
	if tx == nil {
		s.t.Error("recorded outside the transaction")
	}
	if s.broken == nil {
		s.events = append(s.events, e)
	}
	return s.broken
}

// each plays a scene on every database.
func each(t *testing.T, play func(t *testing.T, s *scene)) {
	t.Helper()
	eachWith(t, func() Hasher { return &quickHasher{} }, play)
}

// argon is the hasher of the program.
func argon() Hasher { return secret.NewHasher() }

func eachWith(t *testing.T, hasher func() Hasher, play func(t *testing.T, s *scene)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &scene{t: t, clock: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
		service, err := Open(t.Context(), db, hasher(), s, func() time.Time { return s.clock })
		if err != nil {
			t.Fatal(err)
		}
		s.Service = service
		play(t, s)
	})
}

func (s *scene) link() string {
	s.t.Helper()
	token, expires, err := s.LoginLink(s.t.Context())
	if err != nil || !expires.Equal(s.clock.Add(15*time.Minute)) {
		s.t.Fatalf("link expires %v, %v", expires, err)
	}
	return token
}

// enter comes in by a link and sets the password.
func (s *scene) enter() Session {
	s.t.Helper()
	linked, must, err := s.RedeemLink(s.t.Context(), s.link(), home)
	if err != nil || !must {
		s.t.Fatalf("redeemed: must set %v, %v", must, err)
	}
	session, err := s.SetPassword(s.t.Context(), linked.Token, "", goodPassword, home)
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

func (s *scene) signIn(password string, from From) error {
	_, err := s.SignIn(s.t.Context(), Admin, password, from)
	return err
}

func (s *scene) alive(token string) bool {
	s.t.Helper()
	_, err := s.Session(s.t.Context(), token)
	if err != nil && !errors.Is(err, ErrNoSession) {
		s.t.Fatal(err)
	}
	return err == nil
}

// told lists the events since the last call, as "action outcome operator".
func (s *scene) told() []string {
	var list []string
	for _, e := range s.events {
		list = append(list, strings.TrimSpace(e.Action+" "+e.Outcome+" "+e.Operator))
	}
	s.events = nil
	return list
}

func TestMigrationsArePortable(t *testing.T) { storetest.Portable(t, migrations) }

func TestFirstStart(t *testing.T) {
	eachWith(t, argon, func(t *testing.T, s *scene) {
		ctx := t.Context()
		if has, err := s.HasPassword(ctx); err != nil || has {
			t.Errorf("has a password: %v, %v", has, err)
		}
		if err := s.signIn("", home); !errors.Is(err, ErrCredentials) {
			t.Errorf("signed in before there is anybody: %v", err)
		}
		linked, must, err := s.RedeemLink(ctx, s.link(), home)
		if err != nil || !must || linked.Operator != Admin || !linked.Expires.Equal(s.clock.Add(12*time.Hour)) {
			t.Fatalf("redeemed %v, %v, %v", linked, must, err)
		}
		p, err := s.Session(ctx, linked.Token)
		if err != nil || p.Operator != Admin || p.Unfinished != MustSetPassword || len(p.Roles) != 0 {
			t.Errorf("without a password the principal is %+v, %v", p, err)
		}
		if err := s.signIn("", other); !errors.Is(err, ErrCredentials) {
			t.Errorf("the empty password signs in: %v", err)
		}
		session, err := s.SetPassword(ctx, linked.Token, "", goodPassword, home)
		if err != nil {
			t.Fatal(err)
		}
		if s.alive(linked.Token) || session.Token == linked.Token {
			t.Error("the token was not changed with the password")
		}
		p, err = s.Session(ctx, session.Token)
		if err != nil || p.Unfinished == MustSetPassword || !p.Has(RoleAdmin) || p.Has(RoleAuditor) {
			t.Errorf("principal is %+v, %v", p, err)
		}
		if has, err := s.HasPassword(ctx); err != nil || !has {
			t.Errorf("has a password: %v, %v", has, err)
		}
		in, err := s.SignIn(ctx, Admin, goodPassword, home)
		if err != nil || in.Token == session.Token || !s.alive(in.Token) {
			t.Fatalf("signed in %v, %v", in, err)
		}
		for range 2 { // the second is no error
			if err := s.SignOut(ctx, in.Token); err != nil || s.alive(in.Token) {
				t.Errorf("signed out: %v", err)
			}
		}
		want := []string{
			"sign-in-failed refused", "login-link-issued done system", "sign-in done admin", "sign-in-failed refused",
			"password-set done admin", "sign-in done admin", "sign-out done admin",
		}
		if got := s.told(); !slices.Equal(got, want) {
			t.Errorf("audited\n%v\nwant\n%v", got, want)
		}
	})
}

func TestSecretsStandNowhere(t *testing.T) {
	eachWith(t, argon, func(t *testing.T, s *scene) {
		token := s.link()
		linked, _, err := s.RedeemLink(t.Context(), token, home)
		if err != nil {
			t.Fatal(err)
		}
		session, err := s.SetPassword(t.Context(), linked.Token, "", goodPassword, home)
		if err != nil {
			t.Fatal(err)
		}
		_, typed := s.SignIn(t.Context(), goodPassword, "typed into the wrong field", home)
		if !errors.Is(typed, ErrCredentials) {
			t.Fatal(typed)
		}
		written := fmt.Sprintf("%+v %#v %+v %v", s.events, session, linked, typed)
		rows, err := s.db.Read().Query(t.Context(), "SELECT token_hash FROM access_sessions UNION SELECT password_hash FROM access_accounts UNION SELECT token_hash FROM access_devices")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			written += text
		}
		for _, hidden := range []string{token, linked.Token, session.Token, goodPassword} {
			if strings.Contains(written, hidden) {
				t.Errorf("%q stands in %s", hidden, written)
			}
		}
		if len(written) < 500 {
			t.Errorf("only looked at %q", written)
		}
	})
}

func TestLinkIsRefused(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(s *scene, token string) string
		good  bool
	}{
		{"in the last second", func(s *scene, token string) string { s.clock = s.clock.Add(15*time.Minute - time.Second); return token }, true},
		{"after 15 minutes", func(s *scene, token string) string { s.clock = s.clock.Add(15 * time.Minute); return token }, false},
		{"another token", func(*scene, string) string { return "x" }, false},
		{"empty", func(*scene, string) string { return "" }, false},
		{"used", func(s *scene, token string) string { _, _, _ = s.RedeemLink(s.t.Context(), token, home); return token }, false},
		{"replaced by a newer one", func(s *scene, token string) string { s.link(); return token }, false},
		{"withdrawn with a new password", func(s *scene, _ string) string {
			session := s.enter()
			token := s.link()
			if _, err := s.SetPassword(s.t.Context(), session.Token, goodPassword, otherPassword, home); err != nil {
				s.t.Fatal(err)
			}
			return token
		}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scene) {
				token := c.spoil(s, s.link())
				s.told()
				session, must, err := s.RedeemLink(t.Context(), token, home)
				if c.good {
					if err != nil || !must {
						t.Errorf("refused: %v", err)
					}
					return
				}
				if !errors.Is(err, ErrLink) || session != (Session{}) || must {
					t.Errorf("got %v, %v, %v; want ErrLink", session, must, err)
				}
				if got := s.told(); !slices.Equal(got, []string{"sign-in-failed refused"}) {
					t.Errorf("audited %v", got)
				}
			})
		})
	}
	t.Logf("%d links played", len(cases))
}

func TestLinkIsRedeemedOnceByMany(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		token := s.link()
		var in, out atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			addr := From{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})} // so that the throttle lets all try
			wg.Go(func() {
				switch _, _, err := s.RedeemLink(t.Context(), token, addr); {
				case err == nil:
					in.Add(1)
				case errors.Is(err, ErrLink):
					out.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 || out.Load() != 19 {
			t.Errorf("%d got in and %d were refused, want 1 and 19", in.Load(), out.Load())
		}
		var sessions int
		if err := s.db.Read().QueryRow(t.Context(), "SELECT count(*) FROM access_sessions").Scan(&sessions); err != nil || sessions != 1 {
			t.Errorf("%d sessions, %v", sessions, err)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	cases := []struct {
		name  string
		steps []time.Duration // how long to wait before each use
		alive []bool
	}{
		{"used before it is idle", []time.Duration{29 * time.Minute, 29 * time.Minute, 29 * time.Minute}, []bool{true, true, true}},
		{"idle", []time.Duration{30 * time.Minute}, []bool{false}},
		{"idle after use", []time.Duration{10 * time.Minute, 30 * time.Minute}, []bool{true, false}},
		{"does not come back", []time.Duration{30 * time.Minute, -20 * time.Minute}, []bool{false, true}}, // it only was asked, not used
		{"use is noted to the minute", []time.Duration{59 * time.Second, 29*time.Minute + time.Second}, []bool{true, false}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scene) {
				session := s.enter()
				for i, step := range c.steps {
					s.clock = s.clock.Add(step)
					if got := s.alive(session.Token); got != c.alive[i] {
						t.Errorf("use %d: alive is %v, want %v", i, got, c.alive[i])
					}
				}
			})
		})
	}
	t.Logf("%d sessions played", len(cases))

	each(t, func(t *testing.T, s *scene) {
		session, uses := s.enter(), 0
		for s.alive(session.Token) {
			uses++
			s.clock = s.clock.Add(20 * time.Minute)
		}
		if uses != 36 { // 12 h / 20 min
			t.Errorf("used %d times every 20 minutes, want 36", uses)
		}
		// The next sign-in removes what ended.
		if err := s.signIn(goodPassword, home); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := s.db.Read().QueryRow(t.Context(), "SELECT count(*) FROM access_sessions").Scan(&left); err != nil || left != 1 {
			t.Errorf("%d sessions are left, %v", left, err)
		}
		for _, token := range []string{"", "x", session.Token + "x"} {
			if s.alive(token) {
				t.Errorf("%q is a session", token)
			}
		}
	})
}

func TestSetPasswordAsksWho(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		first := s.enter()
		second, err := s.SignIn(ctx, Admin, goodPassword, other)
		if err != nil {
			t.Fatal(err)
		}
		s.told()
		if _, err := s.SetPassword(ctx, "x", goodPassword, otherPassword, home); !errors.Is(err, ErrNoSession) {
			t.Errorf("without a session: %v", err)
		}
		if _, err := s.SetPassword(ctx, first.Token, "wrong", otherPassword, home); !errors.Is(err, ErrCredentials) {
			t.Errorf("with a wrong current password: %v", err)
		}
		if got := s.told(); !slices.Equal(got, []string{"password-set refused admin"}) {
			t.Errorf("audited %v", got)
		}
		third, err := s.SetPassword(ctx, first.Token, goodPassword, otherPassword, home)
		if err != nil {
			t.Fatal(err)
		}
		if s.alive(first.Token) || s.alive(second.Token) || !s.alive(third.Token) {
			t.Error("a new password must end all sessions but the new one")
		}
		if err := s.signIn(goodPassword, home); !errors.Is(err, ErrCredentials) {
			t.Errorf("the old password: %v", err)
		}
		if err := s.signIn(otherPassword, home); err != nil {
			t.Errorf("the new password: %v", err)
		}

		// Forgotten: a link is enough, but not for long.
		linked, must, err := s.RedeemLink(ctx, s.link(), home)
		if err != nil || must {
			t.Fatalf("redeemed: %v, %v", must, err)
		}
		s.clock = s.clock.Add(15 * time.Minute)
		if _, err := s.SetPassword(ctx, linked.Token, "", goodPassword, home); !errors.Is(err, ErrCredentials) {
			t.Errorf("15 minutes after the link: %v", err)
		}
		s.clock = s.clock.Add(-time.Second)
		if _, err := s.SetPassword(ctx, linked.Token, "", goodPassword, home); err != nil {
			t.Errorf("soon after the link: %v", err)
		}
	})
}

func TestPasswordRules(t *testing.T) {
	cases := []struct{ password, want string }{
		{"elevenchars", "at least 12 characters"},
		{"twelve chars", ""},
		{"zwölf Häkchn", ""},
		{"öäüöäüöäüöä", "at least 12 characters"},
		{strings.Repeat("ab", 512), ""},
		{strings.Repeat("ab", 512) + "c", "longer than 1024 bytes"},
		{"", "at least 12 characters"},
		{"aaaaaaaaaaaa", "one character over and over"},
		{"Admin admin ADMIN", "operator's name over and over"},
		{"\xff\xfe\xfd456789abc", "not valid UTF-8"},
	}
	for _, c := range cases {
		err := checkPassword(c.password, Admin)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrPassword) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.password, err, c.want)
		}
	}
	t.Logf("%d passwords played", len(cases))
	each(t, func(t *testing.T, s *scene) {
		session := s.enter()
		if _, err := s.SetPassword(t.Context(), session.Token, goodPassword, "short", home); !errors.Is(err, ErrPassword) || !s.alive(session.Token) {
			t.Errorf("a short password: %v", err)
		}
		if err := s.signIn(goodPassword+strings.Repeat("x", 2000), home); !errors.Is(err, ErrCredentials) {
			t.Errorf("an endless password: %v", err)
		}
	})
}

func TestNothingHappensUnaudited(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		session, link := s.enter(), s.link()
		s.broken = errors.New("audit is full")
		var before string
		state := func() (text string) {
			for _, q := range []string{
				"SELECT count(*) FROM access_sessions", "SELECT max(token_hash) FROM access_links",
				"SELECT password_hash FROM access_accounts",
			} {
				var one string
				if err := s.db.Read().QueryRow(ctx, q).Scan(&one); err != nil {
					t.Fatal(err)
				}
				text += one + " "
			}
			return text
		}
		before = state()
		acts := map[string]func() error{
			"sign in":        func() error { return s.signIn(goodPassword, home) },
			"fail a sign-in": func() error { return s.signIn("wrong", home) },
			"sign out":       func() error { return s.SignOut(ctx, session.Token) },
			"link":           func() error { _, _, err := s.LoginLink(ctx); return err },
			"redeem":         func() error { _, _, err := s.RedeemLink(ctx, link, home); return err },
			"set password": func() error {
				_, err := s.SetPassword(ctx, session.Token, goodPassword, otherPassword, home)
				return err
			},
		}
		for name, act := range acts {
			if err := act(); !errors.Is(err, s.broken) {
				t.Errorf("%s: %v, want it refused for the audit's sake", name, err)
			}
			if after := state(); after != before {
				t.Errorf("%s changed %q to %q", name, before, after)
			}
		}
		t.Logf("%d acts played", len(acts))
	})
}

func TestOpenNeedsAll(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		if _, err := Open(t.Context(), s.db, s.hasher, nil, s.now); err == nil {
			t.Error("opened without an auditor")
		}
	})
}
