package access

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// with plays a scene with a keyring and options on every database.
func with(t *testing.T, play func(t *testing.T, s *scene), options ...Option) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ring, err := secret.OpenKeyring(t.TempDir(), func() (bool, error) { return false, nil })
		if err != nil {
			t.Fatal(err)
		}
		s := &scene{t: t, clock: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
		s.Service, err = Open(t.Context(), db, &quickHasher{}, s, func() time.Time { return s.clock }, append(options, WithSealer(ring), WithEnvironment("default"))...)
		if err != nil {
			t.Fatal(err)
		}
		play(t, s)
	})
}

// The vectors of RFC 6238, appendix B, for SHA-1, and of RFC 4226, appendix D.
func TestCodesOfTheRFCs(t *testing.T) {
	key, played := []byte("12345678901234567890"), 0
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		played++
		if got := hotp(key, uint64(at/30), 8); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
	for counter, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		played++
		if got := hotp(key, uint64(counter), 6); got != want {
			t.Errorf("counter %d: %s, want %s", counter, got, want)
		}
	}
	t.Logf("%d vectors played", played)
}

func TestCodesFitOnceAndNearby(t *testing.T) {
	key, now := []byte("12345678901234567890"), time.Unix(1_700_000_010, 0)
	present := now.Unix() / 30
	for offset, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		step, ok := checkTOTP(key, hotp(key, uint64(present+offset), 6), now, 0)
		if ok != want || ok && step != present+offset {
			t.Errorf("offset %d: %d, %v", offset, step, ok)
		}
	}
	code := hotp(key, uint64(present), 6)
	if _, ok := checkTOTP(key, code[:3]+" "+code[3:], now, present-1); !ok {
		t.Error("a code with a blank is refused")
	}
	for name, bad := range map[string]string{"replayed": code, "earlier": hotp(key, uint64(present-1), 6)} {
		if _, ok := checkTOTP(key, bad, now, present); ok {
			t.Errorf("a code that was %s fits", name)
		}
	}
	for _, bad := range []string{"", "12345", "1234567", "abcdef", code + code} {
		if _, ok := checkTOTP(key, bad, now, 0); ok {
			t.Errorf("%q fits", bad)
		}
	}
}

// enrol gives the account of a session an authenticator.
func (s *scene) enrol(session Session) (next Session, codes []string, code func() string) {
	s.t.Helper()
	e, err := s.BeginTOTP(s.t.Context(), session.Token)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := decodeSecret(e.Secret)
	if err != nil || !strings.Contains(e.URI, e.Secret) {
		s.t.Fatal(err, e.URI)
	}
	code = func() string { return hotp(raw, uint64(s.clock.Unix()/30), 6) }
	next, codes, err = s.ConfirmTOTP(s.t.Context(), session.Token, code(), home)
	if err != nil || len(codes) != recoveryCodes {
		s.t.Fatalf("%d codes, %v", len(codes), err)
	}
	return next, codes, code
}

func TestSecondFactor(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		first := s.enter()
		if p, err := s.Session(ctx, first.Token); err != nil || p.Unfinished != MustEnrol || p.May(ViewAPIs, Scope{Group: Root}) || len(p.Roles) > 0 {
			t.Fatalf("without a second factor the principal is %+v, %v", p, err)
		}
		session, codes, code := s.enrol(first)
		if s.alive(first.Token) || !s.alive(session.Token) {
			t.Error("a new factor must end the other sessions")
		}
		if p, err := s.Session(ctx, session.Token); err != nil || p.Unfinished != Finished || !p.Has(RoleAdmin) {
			t.Errorf("with a second factor the principal is %+v, %v", p, err)
		}

		signIn := func() Session {
			t.Helper()
			half, err := s.SignIn(ctx, Admin, goodPassword, home)
			if err != nil || half.Token != "" || half.Half == "" {
				t.Fatalf("%+v, %v", half, err)
			}
			return half
		}
		half := signIn()
		if s.alive(half.Half) {
			t.Error("half a sign-in is a session")
		}
		if _, err := s.SecondFactor(ctx, half.Half, code(), home); !errors.Is(err, ErrCode) {
			t.Errorf("the code that enrolled was taken again: %v", err)
		}
		s.clock = s.clock.Add(30 * time.Second)
		in, err := s.SecondFactor(ctx, half.Half, code(), home)
		if err != nil || !s.alive(in.Token) {
			t.Fatal(err)
		}
		if _, err := s.SecondFactor(ctx, half.Half, code(), home); !errors.Is(err, ErrNoSession) {
			t.Errorf("a half sign-in was finished twice: %v", err)
		}
		if _, err := s.SecondFactor(ctx, signIn().Half, code(), home); !errors.Is(err, ErrCode) {
			t.Errorf("a code was used twice: %v", err)
		}
		if _, err := s.SecondFactor(ctx, signIn().Half, strings.ToUpper(codes[3]), home); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		if _, err := s.SecondFactor(ctx, signIn().Half, codes[3], home); !errors.Is(err, ErrCode) {
			t.Errorf("a recovery code was used twice: %v", err)
		}
		late := signIn()
		s.clock = s.clock.Add(HalfLife)
		if _, err := s.SecondFactor(ctx, late.Half, code(), home); !errors.Is(err, ErrNoSession) {
			t.Errorf("a half sign-in of five minutes ago: %v", err)
		}

		// Step-up.
		if err := s.Confirm(ctx, in.Token, goodPassword, "000000", home); !errors.Is(err, ErrCode) {
			t.Errorf("confirmed by a wrong code: %v", err)
		}
		if err := s.Confirm(ctx, in.Token, "wrong", code(), home); !errors.Is(err, ErrCredentials) {
			t.Errorf("confirmed by a wrong password: %v", err)
		}
		s.clock = s.clock.Add(15 * time.Minute)
		if _, err := s.RenewRecovery(ctx, in.Token, home); !errors.Is(err, ErrStale) {
			t.Errorf("new recovery codes without confirming: %v", err)
		}
		if err := s.Confirm(ctx, in.Token, goodPassword, code(), home); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Session(ctx, in.Token); err != nil || !p.Confirmed.Equal(s.clock) {
			t.Errorf("confirmed at %v, %v", p.Confirmed, err)
		}
		renewed, err := s.RenewRecovery(ctx, in.Token, home)
		if err != nil || len(renewed) != recoveryCodes || slices.Contains(renewed, codes[0]) {
			t.Errorf("%v, %v", renewed, err)
		}
		factors, err := s.Factors(ctx, Admin)
		if err != nil || len(factors) != 1+recoveryCodes {
			t.Fatalf("%v, %v", factors, err)
		}
		i := slices.IndexFunc(factors, func(f Factor) bool { return f.Kind == kindTOTP })
		last, err := s.RemoveFactor(ctx, in.Token, factors[i].ID, home)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Session(ctx, last.Token); err != nil || p.Unfinished != MustEnrol {
			t.Errorf("after the last factor went: %+v, %v", p, err)
		}
		if factors, err := s.Factors(ctx, Admin); err != nil || len(factors) != 0 {
			t.Errorf("left are %v, %v", factors, err)
		}
	}, WithSecondFactor(true))
}

func TestSecondFactorIsNotGuessed(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		_, _, code := s.enrol(s.enter())
		half, err := s.SignIn(t.Context(), Admin, goodPassword, other)
		if err != nil {
			t.Fatal(err)
		}
		heard := 0
		for i := range 100 {
			if _, err := s.SecondFactor(t.Context(), half.Half, fmt.Sprintf("%06d", i), other); errors.Is(err, ErrCode) {
				heard++
			}
		}
		if heard != accountLimit {
			t.Errorf("%d guesses were heard", heard)
		}
		if _, err := s.SecondFactor(t.Context(), half.Half, code(), other); waits(err) == 0 {
			t.Errorf("and the right one after them: %v", err)
		}
	})
}

func TestPasskeyStorage(t *testing.T) {
	with(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		key := Passkey{Name: "Yellow key", Credential: []byte{1, 2, 3}, Data: []byte(`{"n":1}`)}
		session, codes, err := s.AddPasskey(ctx, s.enter().Token, key, home)
		if err != nil || len(codes) != recoveryCodes {
			t.Fatal(codes, err)
		}
		if _, _, err := s.AddPasskey(ctx, session.Token, key, home); !errors.Is(err, ErrTaken) {
			t.Errorf("the same again: %v", err)
		}
		got, err := s.PasskeyByCredential(ctx, key.Credential)
		if err != nil || got.Account != Admin || got.Name != key.Name || string(got.Data) != `{"n":1}` || !slices.Equal(got.Credential, key.Credential) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.PasskeyByCredential(ctx, []byte{9}); !errors.Is(err, ErrUnknown) {
			t.Errorf("another: %v", err)
		}
		half, err := s.SignIn(ctx, Admin, goodPassword, home)
		if err != nil || half.Half == "" {
			t.Fatal(half, err)
		}
		if h, err := s.HalfOf(ctx, half.Half); err != nil || !h.Passkey || h.TOTP || !h.Recovery || h.Account != Admin {
			t.Errorf("%+v, %v", h, err)
		}
		if _, err := s.UsePasskey(ctx, half.Half, []byte{9}, []byte("{}"), home); !errors.Is(err, ErrCode) {
			t.Errorf("somebody else's: %v", err)
		}
		in, err := s.UsePasskey(ctx, half.Half, key.Credential, []byte(`{"n":2}`), home)
		if err != nil || !s.alive(in.Token) {
			t.Error(err)
		}
		direct, err := s.UsePasskey(ctx, "", key.Credential, []byte(`{"n":3}`), home)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Session(ctx, direct.Token); err != nil || p.Via != "passkey" || !p.Ready() {
			t.Errorf("%+v, %v", p, err)
		}
		s.clock = s.clock.Add(11 * time.Minute)
		if _, err := s.RemoveFactor(ctx, direct.Token, got.ID, home); !errors.Is(err, ErrStale) {
			t.Errorf("removed after a while: %v", err)
		}
		if err := s.ConfirmPasskey(ctx, direct.Token, key.Credential, []byte(`{"n":4}`), home); err != nil {
			t.Error(err)
		}
		if list, err := s.Passkeys(ctx, Admin); err != nil || len(list) != 1 || string(list[0].Data) != `{"n":4}` {
			t.Errorf("%+v, %v", list, err)
		}
		if _, err := s.RemoveFactor(ctx, direct.Token, got.ID, home); err != nil {
			t.Error(err)
		}
	})
}

// A thousand guesses from fifty addresses: few are heard, and whoever signed in before
// gets in all the while, from where they were and from anywhere with their browser.
func TestBruteForce(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		s.enter()
		in, err := s.SignIn(ctx, Admin, goodPassword, From{Address: netip.MustParseAddr("198.51.100.7")})
		if err != nil || in.Device == "" {
			t.Fatal(in, err)
		}
		s.told()
		heard, refused := 0, 0
		for i := range 1000 {
			s.clock = s.clock.Add(100 * time.Millisecond)
			from := From{Address: netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 50)})}
			switch _, err := s.SignIn(ctx, Admin, fmt.Sprint("guess number ", i), from); {
			case errors.Is(err, ErrCredentials):
				heard++
			case waits(err) > 0:
				refused++
			default:
				t.Fatal(err)
			}
			if i%100 == 99 {
				far := From{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Device: in.Device}
				if _, err := s.SignIn(ctx, Admin, goodPassword, far); err != nil {
					t.Errorf("the real operator, with the browser, after %d guesses: %v", i+1, err)
				}
				if _, err := s.SignIn(ctx, Admin, goodPassword, From{Address: netip.MustParseAddr("198.51.100.7")}); i < 500 && err != nil {
					t.Errorf("the real operator, from the same network, after %d guesses: %v", i+1, err)
				}
			}
		}
		t.Logf("%d guesses heard, %d refused", heard, refused)
		if heard > 25 || heard < 5 || heard+refused != 1000 {
			t.Errorf("%d guesses were heard", heard)
		}
		failed, unheard := 0, 0
		for _, e := range s.events {
			if e.Action == ActionSignInFailed {
				if e.Detail["heard"] != "no" { // else it tells of many that were not
					failed++
				}
				var n int
				_, _ = fmt.Sscan(e.Detail["unheard"], &n)
				unheard += n
			}
		}
		if failed != heard {
			t.Errorf("%d of %d failures stand in the audit log", failed, heard)
		}
		// Nor can the browser itself be used to guess.
		n := 0
		for range 20 {
			if _, err := s.SignIn(ctx, Admin, "wrong", From{Address: home.Address, Device: in.Device}); errors.Is(err, ErrCredentials) {
				n++
			}
		}
		if n != accountLimit {
			t.Errorf("%d guesses with a known browser were heard", n)
		}
	})
}

func TestCommonPasswords(t *testing.T) {
	bad := []string{
		"password1234", "P@ssw0rd2026!", "qwertyuiop123", "123456789012", "iloveyou12345", "Summer2026!!", "admin1234567", "letmein!letmein",
		"welcome_welcome", "abcdefghijkl", "1q2w3e4r5t6y", "mulesoft-2026", "Football12345", "passwordpassword", "qazwsxedcrfv", "annannann123",
	}
	for _, password := range bad {
		if err := checkPassword(password, "ann"); !errors.Is(err, ErrPassword) {
			t.Errorf("%q: %v", password, err)
		}
	}
	good := []string{goodPassword, otherPassword, "vexed otter hums quietly", "Zt7#qLp9!mXw2", "7f3c9e1ab0d24", "zwölf Häkchn am Zaun", "correct battery"}
	for _, password := range good {
		if err := checkPassword(password, "ann"); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
	t.Logf("%d passwords played", len(bad)+len(good))
}

func FuzzCommon(f *testing.F) {
	f.Add("password1234", "ann")
	f.Add("", "")
	f.Add("ﬁ\xff@@@1", "a@b")
	f.Fuzz(func(_ *testing.T, password, operator string) {
		if len(password) <= maxPasswordBytes {
			common(password, operator)
		}
	})
}

// What was of before is there still: an operator with a password signs in.
func TestOperatorsOfBefore(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "control.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Migrate(t.Context(), "access", onlyFirst{migrations}); err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO access_operators (name, roles, password_hash, created_at) VALUES ('admin', 'admin', ?, 5)", hashText("quick "+goodPassword))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, clock: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	if s.Service, err = Open(t.Context(), db, &quickHasher{}, s, func() time.Time { return s.clock }); err != nil {
		t.Fatal(err)
	}
	in, err := s.SignIn(t.Context(), Admin, goodPassword, home)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Session(t.Context(), in.Token); err != nil || !p.Has(RoleAdmin) || p.Account != Admin {
		t.Errorf("%+v, %v", p, err)
	}
}
