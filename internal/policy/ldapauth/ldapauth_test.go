package ldapauth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 2) }

// asker sends one request with a name and a password.
type asker func(name, password string) (*traffic.Exchange, policy.Verdict)

// bind makes a step with the settings of the test directory and these besides.
func bind(t *testing.T, url string, more map[string]any) (asker, *directory) {
	t.Helper()
	settings := map[string]any{
		"ldapServerURL": url, "ldapServerUserDn": "cn=gateway,dc=example,dc=com",
		"ldapServerUserPassword": "gateway-secret", "ldapSearchBase": "ou=people,dc=example,dc=com",
	}
	maps.Copy(settings, more)
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	var kept *directory
	bound, err := compiled.Bind(policy.Env{Now: time.Now, HTTP: &http.Client{}, State: func(_ string, make func() any) any {
		state := make()
		kept = state.(*directory)
		t.Cleanup(func() { _ = state.(io.Closer).Close() })
		return state
	}})
	if err != nil {
		t.Fatal(err)
	}
	return func(name, password string) (*traffic.Exchange, policy.Verdict) {
		x := &traffic.Exchange{}
		x.Request.Header.Set("authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
		return x, bound.Request(t.Context(), x)
	}, kept
}

// wantOf is what must come of a name and a password.
type wantOf struct {
	name, password string
	status         int // 0 for pass
	reason         string
	principal      string
}

func (a asker) play(t *testing.T, cases []wantOf) {
	t.Helper()
	for _, c := range cases {
		x, v := a(c.name, c.password)
		if v.Answer.Status != c.status || !strings.Contains(v.Reason, c.reason) || x.Auth.Principal != c.principal {
			t.Errorf("%q with %q: status %d, principal %q (%s); want %d, %q, %q",
				c.name, c.password, v.Answer.Status, x.Auth.Principal, v.Reason, c.status, c.principal, c.reason)
		}
		if c.password != "" && len(c.password) > 3 && strings.Contains(v.Reason, c.password) {
			t.Errorf("%q: the reason shows the password", c.name)
		}
	}
	t.Logf("played %d pairs of name and password", len(cases))
}

// TestDirectory plays names and passwords against OpenLDAP, attacks among them.
func TestDirectory(t *testing.T) {
	s := startSlapd(t)
	const no, none, wrong = http.StatusUnauthorized, "no entry has this user name", "Invalid Credentials (LDAP result 49)"
	t.Run("below the base", func(t *testing.T) {
		ask, _ := bind(t, "ldap://"+s.plain, nil)
		ask.play(t, []wantOf{
			{"ada", "ada-secret", 0, "", "ada"},
			{"ADA", "ada-secret", 0, "", "ada"}, // one user, however it is written
			{"ada", "ada-secre", no, wrong, ""},
			{"ada", "bob-secret", no, wrong, ""},
			{"ada", "", no, "the password is empty", ""},
			{"", "ada-secret", no, "the user name is empty", ""},
			{"nobody", "ada-secret", no, none, ""},
			{"*", "ada-secret", no, none, ""},
			{"a*", "ada-secret", no, none, ""},
			{"*)(uid=*", "ada-secret", no, none, ""},
			{"ada)(|(uid=*", "ada-secret", no, none, ""},
			{"ada\x00", "ada-secret", no, none, ""},
			{`ada\2a`, "ada-secret", no, none, ""},
			{"eve (x*)", "eve-secret", 0, "", "eve (x*)"},
			{"nopass", "nopass-secret", no, "the directory refuses the password", ""},
			{"carl", "carl-secret", no, none, ""},
			{strings.Repeat("a", maxCredential+1), "ada-secret", no, "longer than 1024 bytes", ""},
			{"bob", "bob-secret", 0, "", "bob"},
		})
		x, _ := ask("ada", "ada-secret")
		if dn := x.Auth.Properties["dn"]; dn != "uid=ada,ou=people,dc=example,dc=com" {
			t.Errorf("dn %v", dn)
		}
	})
	t.Run("sub-tree", func(t *testing.T) {
		ask, _ := bind(t, "ldap://"+s.plain, map[string]any{"ldapSearchInSubtree": true})
		ask.play(t, []wantOf{{"carl", "carl-secret", 0, "", "carl"}, {"ada", "ada-secret", 0, "", "ada"}})
	})
	t.Run("another filter", func(t *testing.T) {
		ask, _ := bind(t, "ldap://"+s.plain, map[string]any{"ldapSearchFilter": "(|(uid={0})(mail={0})(sn={0}))"})
		ask.play(t, []wantOf{
			{"ada@example.com", "ada-secret", 0, "", "ada"},
			{"twin", "bob-secret", no, "more than one entry", ""},
		})
	})
	t.Run("wrong service user", func(t *testing.T) {
		ask, _ := bind(t, "ldap://"+s.plain, map[string]any{"ldapServerUserPassword": "wrong"})
		ask.play(t, []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, "does not accept the service user", ""}})
	})
	t.Run("wrong base", func(t *testing.T) {
		ask, _ := bind(t, "ldap://"+s.plain, map[string]any{"ldapSearchBase": "ou=nowhere,dc=example,dc=com"})
		ask.play(t, []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, "No Such Object (LDAP result 32)", ""}})
	})
}

// TestEncrypted: over ldaps and StartTLS the directory must prove who it is.
func TestEncrypted(t *testing.T) {
	s := startSlapd(t)
	_, tlsPort, _ := net.SplitHostPort(s.tls)
	_, plainPort, _ := net.SplitHostPort(s.plain)
	pass := []wantOf{{"ada", "ada-secret", 0, "", "ada"}, {"ada", "wrong", http.StatusUnauthorized, "Invalid Credentials", ""}}
	fail := func(reason string) []wantOf {
		return []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, reason, ""}}
	}
	for _, c := range []struct {
		name, url string
		more      map[string]any
		want      []wantOf
	}{
		{"ldaps", "ldaps://localhost:" + tlsPort, map[string]any{"trustedCA": s.certificate}, pass},
		{"ldaps unknown authority", "ldaps://localhost:" + tlsPort, nil, fail("unknown authority")},
		{"ldaps another name", "ldaps://127.0.0.1:" + tlsPort, map[string]any{"trustedCA": s.certificate}, fail("127.0.0.1")},
		{"ldaps unverified", "ldaps://127.0.0.1:" + tlsPort, map[string]any{"skipValidation": true}, pass},
		{"startTLS", "ldap://localhost:" + plainPort, map[string]any{"startTLS": true, "trustedCA": s.certificate}, pass},
		{"startTLS unknown authority", "ldap://localhost:" + plainPort, map[string]any{"startTLS": true}, fail("unknown authority")},
		{"plain on the TLS port", "ldap://localhost:" + tlsPort, nil, fail("")},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask, _ := bind(t, c.url, c.more)
			ask.play(t, c.want)
		})
	}
}

// TestRestart: connections that died with the server are replaced, and while it
// is away nobody comes in.
func TestRestart(t *testing.T) {
	s := startSlapd(t)
	ask, directory := bind(t, "ldap://"+s.plain, nil)
	pass := []wantOf{{"ada", "ada-secret", 0, "", "ada"}}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { ask.play(t, pass) })
	}
	wg.Wait()
	for _, p := range []*pool{directory.searching, directory.binding} {
		if n := len(p.idle); n == 0 || n > maxIdle {
			t.Errorf("%d connections rest", n)
		}
	}
	s.end()
	ask.play(t, []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, "could not be reached", ""}})
	s.start()
	ask.play(t, pass)
}

// TestRetry: an operation on a kept connection that broke runs once more, on a
// new one, and not a third time.
func TestRetry(t *testing.T) {
	s := startSlapd(t)
	_, directory := bind(t, "ldap://"+s.plain, nil)
	p := directory.searching
	if err := p.use(t.Context(), func(*ldap.Conn) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var used []*ldap.Conn
	// A connection that ends while the answer is awaited gives an error without a code.
	for _, broken := range []error{ldap.NewError(ldap.ErrorNetwork, io.ErrUnexpectedEOF), io.ErrUnexpectedEOF} {
		used = nil
		err := p.use(t.Context(), func(c *ldap.Conn) error {
			used = append(used, c)
			return broken
		})
		if !errors.Is(err, broken) || len(used) != 2 || used[0] == used[1] {
			t.Errorf("%v: %d connections, %v", broken, len(used), err)
		}
		if err := p.use(t.Context(), func(*ldap.Conn) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	used = nil
	err := p.use(t.Context(), func(c *ldap.Conn) error {
		used = append(used, c)
		return ldap.NewError(ldap.LDAPResultInvalidCredentials, io.ErrUnexpectedEOF)
	})
	if err == nil || len(used) != 1 || len(p.idle) != 1 {
		t.Errorf("%d connections, %d rest, %v", len(used), len(p.idle), err)
	}
}

// TestSilence: a server that accepts and says nothing is given up in time, at
// any stage.
func TestSilence(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, c := range []struct {
		url  string
		more map[string]any
	}{
		{"ldap://", map[string]any{"timeout": 100}},
		{"ldap://", map[string]any{"timeout": 100, "startTLS": true}},
		{"ldaps://", map[string]any{"timeout": 100}},
	} {
		ask, _ := bind(t, c.url+l.Addr().String(), c.more)
		began := time.Now()
		ask.play(t, []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, "", ""}})
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s %v: gave up after %v", c.url, c.more, took)
		}
	}
}

// TestSilentHandshake: a server that agrees to StartTLS and then says nothing is
// given up in time, too.
func TestSilentHandshake(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Read(make([]byte, 100))
		// The extended response to message 1: success (RFC 4511 §4.12).
		_, _ = c.Write([]byte("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"))
		_, _ = io.Copy(io.Discard, c)
	}()
	ask, _ := bind(t, "ldap://"+l.Addr().String(), map[string]any{"timeout": 500, "startTLS": true})
	began := time.Now()
	ask.play(t, []wantOf{{"ada", "ada-secret", http.StatusServiceUnavailable, "encrypting the connection", ""}})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

// TestIdle: connections that rest too long are ended, and closing ends all.
func TestIdle(t *testing.T) {
	s := startSlapd(t)
	_, directory := bind(t, "ldap://"+s.plain, nil)
	offset := time.Duration(0)
	p := directory.searching
	p.now = func() time.Time { return time.Now().Add(offset) }
	var first *ldap.Conn
	keep := func(c *ldap.Conn) error { first = c; return nil }
	if err := p.use(t.Context(), keep); err != nil {
		t.Fatal(err)
	}
	had := first
	if err := p.use(t.Context(), keep); err != nil || first != had {
		t.Errorf("the connection was not kept: %v", err)
	}
	offset = idleLimit
	if err := p.use(t.Context(), keep); err != nil || first == had {
		t.Errorf("the connection rested too long and was used: %v", err)
	}
	offset = 2 * idleLimit
	p.tidy()
	if len(p.idle) != 0 {
		t.Errorf("%d connections rest", len(p.idle))
	}
	if err := p.use(t.Context(), keep); err != nil {
		t.Fatal(err)
	}
	_ = directory.Close()
	if len(p.idle) != 0 || p.use(t.Context(), keep) != nil || len(p.idle) != 0 {
		t.Errorf("%d connections rest after the end", len(p.idle))
	}
}

// TestFilter: whatever the name, the filter compares one value with it.
func TestFilter(t *testing.T) {
	a := &authenticator{filter: "(&(objectClass=person)(uid={0}))"}
	played := 0
	for _, name := range []string{"ada", "*", ")(", `\`, "\x00", "ü", "*)(uid=*", "{0}", "(|(uid=*))", " a ", "\xff"} {
		played++
		packet, err := ldap.CompileFilter(a.search(name).Filter)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		equal := packet.Children[1]
		if packet.Tag != ldap.FilterAnd || len(packet.Children) != 2 || equal.Tag != ldap.FilterEqualityMatch ||
			equal.Children[1].Data.String() != name {
			t.Errorf("%q becomes %s", name, a.search(name).Filter)
		}
	}
	t.Logf("played %d names", played)
}
