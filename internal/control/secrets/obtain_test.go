package secrets

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/programtest/pebble"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

// shop is a service that obtains certificates from an authority.
type shop struct {
	*world
	authority *pebble.Authority
	// silent answers no challenge.
	silent atomic.Bool
}

func newShop(t *testing.T, db *store.DB, o pebble.Options) *shop {
	t.Helper()
	s := &shop{world: newWorld(t, db)}
	s.now = time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known, err := s.Challenge(r.Context(), strings.TrimPrefix(r.URL.Path, ChallengePath))
		if err != nil || !known || s.silent.Load() {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	o.Port = server.Listener.Addr().(*net.TCPAddr).Port
	s.authority = pebble.Start(t, o)
	s.o.Authority = through
	return s
}

func through(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func (s *shop) asked(domains ...string) ACMEInput {
	return ACMEInput{ACME: ACME{Directory: s.authority.Directory, Roots: s.authority.Roots, Domains: domains, Contact: "ops@example.com", Agreed: true}}
}

func (s *shop) set(name string, in ACMEInput, seen int64) ACMECertificate {
	s.t.Helper()
	c, err := s.SetACME(s.ctx, s.admin, "production", "backend", name, in, seen)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *shop) state(name string) ACMECertificate {
	s.t.Helper()
	c, err := s.ACMECertificate(s.ctx, s.admin, "production", "backend", name)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// serves is the number of the version that serves; 0 for none.
func (s *shop) serves(name string) int {
	e, err := s.entry(s.ctx, s.db.Read(), "production", "backend", name)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		s.t.Fatal(err)
	}
	return e.Current
}

func (s *shop) pair(name string) *x509.Certificate {
	s.t.Helper()
	var text [2]string
	for i, field := range []string{"certificate", "key"} {
		var err error
		if text[i], err = s.Resolve(s.ctx, "production", "${secret:backend/"+name+"."+field+"}"); err != nil {
			s.t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair([]byte(text[0]), []byte(text[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return pair.Leaf
}

func (s *shop) recorded(action audit.Action) (n int) {
	s.t.Helper()
	if err := s.db.Read().QueryRow(s.ctx, "SELECT COUNT(*) FROM audit_entries WHERE action = ?", string(action)).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// TestACME holds that a keystore is obtained in the background, renewed when a third of
// its lifetime is left, and becomes a version like any other.
func TestACME(t *testing.T) {
	s := newShop(t, storetest.Open(t), pebble.Options{})
	if c := s.set("front", s.asked("shop.example.test", "www.example.test"), 0); c.State != ACMEPending || c.Version != 1 {
		t.Errorf("%+v", c)
	}
	if s.serves("front") != 0 {
		t.Error("there is a secret before there is a certificate")
	}
	if err := s.RemoveGroup(s.ctx, s.admin, "production", "backend", 1); err == nil || !strings.Contains(err.Error(), "being obtained") {
		t.Errorf("the group is removed: %v", err)
	}
	counted := s.changed
	if err := s.TickACME(s.ctx); err != nil {
		t.Fatal(err)
	}
	c, first := s.state("front"), s.pair("front")
	if c.State != ACMEValid || !c.Until.Equal(first.NotAfter) || s.serves("front") != 1 || len(first.DNSNames) != 2 || s.changed < counted+3 {
		t.Errorf("%+v serves %d, told %d times", c, s.serves("front"), s.changed-counted)
	}
	if want := first.NotAfter.Add(-first.NotAfter.Sub(first.NotBefore) / 3); !c.NextTry.Equal(want.Truncate(time.Millisecond)) {
		t.Errorf("renewed at %s, want %s", c.NextTry, want)
	}
	if held, err := s.Challenges(s.ctx, "production"); err != nil || len(held) != 0 {
		t.Errorf("answers are still given: %v %v", held, err)
	}
	e, versions, err := s.Get(s.ctx, s.admin, "production", "backend", "front")
	if err != nil || e.Kind != Keystore || e.Owner != "admin" || versions[0].How != "acme" || versions[0].MadeBy != system {
		t.Errorf("%+v %+v %v", e, versions, err)
	}
	// Nothing is due until a third is left; a calm certificate is no reason to alarm.
	s.later(59 * 24 * time.Hour)
	if err := s.TickACME(s.ctx); err != nil || s.serves("front") != 1 || s.authority.Orders() != 1 {
		t.Errorf("renewed too early: %v", err)
	}
	if ends, err := s.Expiring(s.ctx, 60*24*time.Hour); err != nil || len(ends) != 0 {
		t.Errorf("alarms: %+v %v", ends, err)
	}
	s.later(2 * 24 * time.Hour)
	if ends, err := s.Expiring(s.ctx, 60*24*time.Hour); err != nil || len(ends) != 1 {
		t.Errorf("a renewal that is late by a day is no alarm: %+v %v", ends, err)
	}
	if err := s.TickACME(s.ctx); err != nil {
		t.Fatal(err)
	}
	if second := s.pair("front"); s.serves("front") != 2 || second.SerialNumber.Cmp(first.SerialNumber) == 0 || s.authority.Orders() != 2 || s.authority.Accounts() != 1 {
		t.Errorf("version %d, %d orders, %d accounts", s.serves("front"), s.authority.Orders(), s.authority.Accounts())
	}
	// A second of the same group has the same account.
	s.set("other", s.asked("other.example.test"), 0)
	if err := s.TickACME(s.ctx); err != nil || s.serves("other") != 1 || s.authority.Accounts() != 1 {
		t.Errorf("%v, %d accounts", err, s.authority.Accounts())
	}
	e, _, _ = s.Get(s.ctx, s.admin, "production", "backend", "other")
	if err := s.Remove(s.ctx, s.admin, "production", "backend", "other", e.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ACMECertificate(s.ctx, s.admin, "production", "backend", "other"); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("what was removed is still obtained: %v", err)
	}
	if err := s.EndACME(s.ctx, s.admin, "production", "backend", "front", 1); err != nil || s.serves("front") != 2 {
		t.Errorf("ended: %v", err)
	}
	if s.recorded(audit.ACMESet) != 2 || s.recorded(audit.ACMEEnded) != 1 || s.recorded(audit.SecretRotated) != 3 {
		t.Error("not all of it is in the audit log")
	}
}

// TestACMERefused holds that a refused order leaves what serves, shows why, is repeated
// later and later, and is an alarm.
func TestACMERefused(t *testing.T) {
	db := storetest.Open(t)
	s := newShop(t, db, pebble.Options{})
	s.set("front", s.asked("shop.example.test"), 0)
	if err := s.TickACME(s.ctx); err != nil {
		t.Fatal(err)
	}
	s.later(61 * 24 * time.Hour)
	s.silent.Store(true)
	left := s.state("front").Until
	for i, pause := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 6 * time.Hour} {
		if err := s.TickACME(s.ctx); err == nil {
			t.Fatal("no error")
		}
		c := s.state("front")
		if c.State != ACMEFailing || c.Failures != i+1 || !strings.Contains(c.Error, "could not verify shop.example.test") || c.NextTry.Sub(c.LastTry) != pause || !c.Until.Equal(left) {
			t.Fatalf("after %d failures: %+v", i+1, c)
		}
		if err := s.TickACME(s.ctx); err != nil || s.authority.Orders() != int64(i+2) {
			t.Fatalf("tried again too early: %v, %d orders", err, s.authority.Orders())
		}
		s.later(pause)
	}
	if s.serves("front") != 1 || s.recorded(audit.ACMEFailed) != 7 {
		t.Errorf("version %d serves, %d failures in the audit log", s.serves("front"), s.recorded(audit.ACMEFailed))
	}
	if ends, err := s.Expiring(s.ctx, 30*24*time.Hour); err != nil || len(ends) != 1 || ends[0].Name != "front" {
		t.Errorf("no alarm: %+v %v", ends, err)
	}
	// Somebody mends it and does not want to wait.
	s.silent.Store(false)
	s.later(-time.Hour)
	if _, err := s.TryACME(s.ctx, s.admin, "production", "backend", "front", 7); !errors.Is(err, control.ErrConflict) {
		t.Errorf("a version that nobody saw: %v", err)
	}
	if _, err := s.TryACME(s.ctx, s.admin, "production", "backend", "front", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.TickACME(s.ctx); err != nil || s.serves("front") != 2 || s.state("front").Error != "" || s.recorded(audit.ACMETried) != 1 {
		t.Errorf("%v %+v", err, s.state("front"))
	}
}

// TestACMEAgain holds that there are always several attempts before what serves ends,
// and that an authority may want to be left alone, but not for ever.
func TestACMEAgain(t *testing.T) {
	now := time.Now()
	for _, one := range []struct {
		failures         int
		left, rest, want time.Duration
	}{
		{0, 0, 0, 15 * time.Minute},
		{4, 30 * 24 * time.Hour, 0, 4 * time.Hour},
		{5, 30 * 24 * time.Hour, 0, 6 * time.Hour},
		{1 << 30, 0, 0, 6 * time.Hour},
		{5, 8 * time.Hour, 0, 2 * time.Hour},
		{5, 10 * time.Minute, 0, 15 * time.Minute},
		{5, -time.Hour, 0, 6 * time.Hour},
		{0, 0, 3 * time.Hour, 3 * time.Hour},
		{0, 0, 1000 * time.Hour, 24 * time.Hour},
	} {
		if got := again(ACMECertificate{Failures: one.failures, Until: now.Add(one.left)}, one.rest, now).Sub(now); got != one.want {
			t.Errorf("%+v: %s", one, got)
		}
	}
}

// TestACMEInterrupted kills the process in the middle of an order: the next goes on with
// it.
func TestACMEInterrupted(t *testing.T) {
	db := storetest.Open(t)
	s := newShop(t, db, pebble.Options{})
	s.set("front", s.asked("shop.example.test"), 0)
	ctx, kill := context.WithCancel(s.ctx)
	s.authority.Before(func(r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/chalZ/") {
			kill()
		}
	})
	if err := s.TickACME(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if c := s.state("front"); c.State != ACMEPending || c.Failures != 0 {
		t.Errorf("that it was killed counts as a failure: %+v", c)
	}
	next, err := Open(s.ctx, s.o)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.TickACME(s.ctx); err != nil {
		t.Fatal(err)
	}
	if s.serves("front") != 1 || s.authority.Orders() != 1 || s.authority.Accounts() != 1 {
		t.Errorf("version %d, %d orders, %d accounts", s.serves("front"), s.authority.Orders(), s.authority.Accounts())
	}
	// What an operator changes while it is under way holds.
	e, err := s.TryACME(s.ctx, s.admin, "production", "backend", "front", 1)
	if err != nil {
		t.Fatal(err)
	}
	var once atomic.Bool
	s.authority.Before(func(r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") && once.CompareAndSwap(false, true) {
			s.set("front", s.asked("new.example.test"), e.Version)
		}
	})
	if err := s.TickACME(s.ctx); err != nil || s.serves("front") != 1 {
		t.Errorf("%v, version %d", err, s.serves("front"))
	}
	if err := s.TickACME(s.ctx); err != nil || s.pair("front").DNSNames[0] != "new.example.test" {
		t.Errorf("%v, %v", err, s.pair("front").DNSNames)
	}
}

// TestACMELeader holds that of two processes on one database one obtains.
func TestACMELeader(t *testing.T) {
	db := storetest.OpenPostgres(t)
	s := newShop(t, db, pebble.Options{})
	s.set("front", s.asked("shop.example.test"), 0)
	obtained := make(chan struct{})
	s.o.Changed = func(string) {
		if s.serves("front") == 1 {
			close(obtained)
		}
	}
	ctx, stop := context.WithCancel(s.ctx)
	var leaders atomic.Int64
	ended := make(chan error, 2)
	for range 2 {
		other, err := Open(s.ctx, s.o)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			ended <- db.Lead(ctx, "certificates", func(ctx context.Context) error {
				leaders.Add(1)
				other.RunACME(ctx)
				return nil
			})
		}()
	}
	<-obtained
	n := leaders.Load()
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if s.authority.Orders() != 1 || n != 1 {
		t.Errorf("%d orders, %d leaders", s.authority.Orders(), n)
	}
}

func TestACMEInput(t *testing.T) {
	s := newWorld(t, storetest.Open(t))
	good := ACMEInput{ACME: ACME{Domains: []string{"shop.example.com"}, Agreed: true}}
	s.put("database", shared("first-password-1"))
	cases := map[string]struct {
		name, field string
		spoil       func(in *ACMEInput)
	}{
		"must have 1 to 64":         {name: "a b", field: "name"},
		"a username-password":       {name: "database", field: "name"},
		"https address":             {spoil: func(in *ACMEInput) { in.Directory = "http://127.0.0.1/dir" }, field: "directory"},
		"dns-01":                    {spoil: func(in *ACMEInput) { in.Domains = []string{"*.example.com"} }, field: "domains"},
		"one e-mail address":        {spoil: func(in *ACMEInput) { in.Contact = "a@example.com, b@example.com" }, field: "contact"},
		"in base64url":              {spoil: func(in *ACMEInput) { in.KeyID, in.HMAC = "k", "!!" }, field: "hmac"},
		"belongs to the id":         {spoil: func(in *ACMEInput) { in.KeyID = "k" }, field: "hmac"},
		"an account that has an id": {spoil: func(in *ACMEInput) { in.HMAC = "MDEyMzQ1Njc4OWFiY2RlZg" }, field: "keyId"},
		"terms":                     {spoil: func(in *ACMEInput) { in.Agreed = false }, field: "agreed"},
		"in PEM":                    {spoil: func(in *ACMEInput) { in.Roots = "root.pem" }, field: "roots"},
	}
	for want, one := range cases {
		in, name := good, one.name
		if name == "" {
			name = "front"
		}
		if one.spoil != nil {
			one.spoil(&in)
		}
		_, err := s.SetACME(s.ctx, s.admin, "production", "backend", name, in, 0)
		var input *InputError
		if !errors.As(err, &input) || input.Field != one.field || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	t.Logf("%d inputs", len(cases))
	for _, one := range []struct {
		p    control.Principal
		want error
	}{
		{control.Principal{Operator: "dev", Roles: []access.Role{access.RoleDeveloper}}, control.ErrForbidden},
		{control.Principal{Operator: "auditor", Roles: []access.Role{access.RoleAuditor}}, control.ErrForbidden},
	} {
		if _, err := s.SetACME(s.ctx, one.p, "production", "backend", "front", good, 0); !errors.Is(err, one.want) {
			t.Errorf("%s: %v", one.p.Operator, err)
		}
	}
	c, err := s.SetACME(s.ctx, s.admin, "production", "backend", "front", good, 0)
	if err != nil || c.Directory != LetsEncrypt {
		t.Fatalf("%+v %v", c, err)
	}
	if _, err := s.SetACME(s.ctx, s.admin, "production", "backend", "front", good, 0); !errors.Is(err, control.ErrConflict) {
		t.Errorf("made twice: %v", err)
	}
	if err := s.EndACME(s.ctx, s.admin, "production", "backend", "front", 2); !errors.Is(err, control.ErrConflict) {
		t.Errorf("a version that nobody saw: %v", err)
	}
	// Without a way out nothing is asked.
	if err := s.TickACME(s.ctx); err != nil {
		t.Error(err)
	}
}
