package passkey

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

const console = "console.example.com"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// world is the service with a clock and a memory.
type world struct {
	*Service
	mu   sync.Mutex
	now  time.Time
	seen map[string]bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), seen: map[string]bool{}}
	s, err := New(Options{Key: bytes.Repeat([]byte{7}, 32), Now: func() time.Time { return w.now }, Once: func(_ context.Context, id string, _ time.Time) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		had := w.seen[id]
		w.seen[id] = true
		return !had, nil
	}})
	must(t, err)
	w.Service = s
	return w
}

// authenticator is a security key made by hand; a test makes it lie in one way.
type authenticator struct {
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	flags  byte // of present (1) and verified (4), backup eligible (8) and state (16)
	rpid   string
	origin string
	kind   string // of the client data; empty: the right one
	// challenge replaces that of the question.
	challenge string
	cross     bool
}

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{key: key, id: id, flags: 5, rpid: console, origin: "https://" + console}
}

// options are what of a question the browser looks at.
type options struct {
	Challenge        string
	RPID             string
	UserVerification string
	User             struct{ ID string }
	RP               struct{ ID string }
	AllowCredentials []struct{ ID string }

	AuthenticatorSelection struct{ ResidentKey, UserVerification string }
}

func read(t testing.TB, q Question) (o options) {
	t.Helper()
	must(t, json.Unmarshal(q.Options, &o))
	return o
}

func (a *authenticator) clientData(kind, challenge string) []byte {
	if a.kind != "" {
		kind = a.kind
	}
	if a.challenge != "" {
		challenge = a.challenge
	}
	text, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": a.cross})
	return text
}

func (a *authenticator) data(more byte) []byte {
	hash := sha256.Sum256([]byte(a.rpid))
	return binary.BigEndian.AppendUint32(append(hash[:], a.flags|more), a.count)
}

// create answers a registration, without attestation.
func (a *authenticator) create(t testing.TB, o options) []byte {
	t.Helper()
	point, err := a.key.PublicKey.Bytes()
	must(t, err)
	a.handle, err = base64.RawURLEncoding.DecodeString(o.User.ID)
	must(t, err)
	data := append(a.data(0x40), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(data, a.id...)
	data = append(data, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20) // COSE: EC2, ES256, P-256, x
	data = append(data, point[1:33]...)
	data = append(data, 0x22, 0x58, 0x20)
	data = append(data, point[33:]...)
	object := []byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59")
	object = append(binary.BigEndian.AppendUint16(object, uint16(len(data))), data...)
	return a.answer(t, map[string]any{"clientDataJSON": text64(a.clientData("webauthn.create", o.Challenge)), "attestationObject": text64(object), "transports": []string{"internal"}})
}

// get answers a question for a signature.
func (a *authenticator) get(t testing.TB, o options) []byte {
	t.Helper()
	client, data := a.clientData("webauthn.get", o.Challenge), a.data(0)
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	must(t, err)
	return a.answer(t, map[string]any{
		"clientDataJSON": text64(client), "authenticatorData": text64(data), "signature": text64(signature), "userHandle": text64(a.handle),
	})
}

func (a *authenticator) answer(t testing.TB, response map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"id": text64(a.id), "rawId": text64(a.id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform",
	})
	must(t, err)
	return text
}

// enrolled is an account with one key.
func enrolled(t testing.TB, w *world, name string) (Account, *authenticator) {
	t.Helper()
	a, it := newAuthenticator(t), Account{Handle: []byte("handle of " + name), Name: name}
	q, err := w.Register(console, it, "session")
	must(t, err)
	k, err := w.Registered(t.Context(), console, it, "session", q.Ceremony, a.create(t, read(t, q)))
	must(t, err)
	it.Keys = append(it.Keys, k)
	return it, a
}

func among(all ...Account) func([]byte) (Account, error) {
	return func(handle []byte) (Account, error) {
		for _, a := range all {
			if bytes.Equal(a.Handle, handle) {
				return a, nil
			}
		}
		return Account{}, ErrUnknown
	}
}

func TestRegisterAndSignIn(t *testing.T) {
	w := newWorld(t)
	alice, key := enrolled(t, w, "alice")
	if k := alice.Keys[0]; !bytes.Equal(k.ID, key.id) || k.Host != console || k.Synced || len(k.Transports) != 1 {
		t.Errorf("kept %+v", k)
	}
	q, err := w.Register(console, alice, "session")
	must(t, err)
	if o := read(t, q); o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "required" || o.RP.ID != console {
		t.Errorf("asked for %+v", o)
	}
	q, err = w.Ask(console, SigningIn, nil, "")
	must(t, err)
	if o := read(t, q); o.UserVerification != "required" || len(o.AllowCredentials) != 0 || o.RPID != console {
		t.Errorf("asked %+v", o)
	}
	key.count = 5
	s, err := w.Answered(t.Context(), console, SigningIn, "", q.Ceremony, key.get(t, read(t, q)), among(alice))
	must(t, err)
	if s.Name != "alice" || s.Key.Count != 5 || s.Cloned {
		t.Errorf("got %+v", s)
	}
	// The second factor asks for the keys of the account alone.
	alice.Keys[0] = s.Key
	q, err = w.Ask(console, SecondFactor, &alice, "half")
	must(t, err)
	if o := read(t, q); len(o.AllowCredentials) != 1 || o.AllowCredentials[0].ID != text64(key.id) {
		t.Errorf("asked %+v", o)
	}
	key.count = 4 // a copy that was used less
	s, err = w.Answered(t.Context(), console, SecondFactor, "half", q.Ceremony, key.get(t, read(t, q)), among(alice))
	if err != nil || !s.Cloned || s.Key.Count != 5 {
		t.Errorf("a copy: %+v %v", s, err)
	}
}

// TestRefusedAnswers plays answers that are wrong in one way.
func TestRefusedAnswers(t *testing.T) {
	cases := []struct {
		name string
		kind error
		says string
		// What is wrong.
		key  func(w *world, a *authenticator)
		host string
		use  Use
		bind string
		text func(string) string
		body func([]byte) []byte
		who  func(alice, bob Account) Account
	}{
		{name: "wrong origin", kind: ErrAnswer, says: "origin", key: func(_ *world, a *authenticator) { a.origin = "https://evil.example" }},
		{name: "plain http", kind: ErrAnswer, says: "origin", key: func(_ *world, a *authenticator) { a.origin = "http://" + console }},
		{name: "another port", kind: ErrAnswer, says: "origin", key: func(_ *world, a *authenticator) { a.origin += ":8443" }},
		{name: "in a frame of another", kind: ErrAnswer, says: "cross", key: func(_ *world, a *authenticator) { a.cross = true }},
		{name: "wrong rpid", kind: ErrAnswer, says: "rp", key: func(_ *world, a *authenticator) { a.rpid = "evil.example" }},
		{name: "another challenge", kind: ErrAnswer, says: "challenge", key: func(_ *world, a *authenticator) { a.challenge = text64(make([]byte, 32)) }},
		{name: "a registration as signature", kind: ErrAnswer, says: "ceremony", key: func(_ *world, a *authenticator) { a.kind = "webauthn.create" }},
		{name: "nobody verified", kind: ErrAnswer, says: "verif", key: func(_ *world, a *authenticator) { a.flags = 1 }},
		{name: "nobody present", kind: ErrAnswer, says: "presence", key: func(_ *world, a *authenticator) { a.flags = 4 }},
		{name: "suddenly synced", kind: ErrAnswer, says: "backup eligible", key: func(_ *world, a *authenticator) { a.flags = 5 | 8 }},
		{name: "another private key", kind: ErrAnswer, says: "signature", key: func(_ *world, a *authenticator) { a.key = newAuthenticator(t).key }},
		{name: "a key of nobody", kind: ErrAnswer, says: "credential", key: func(_ *world, a *authenticator) { a.id = []byte("0123456789abcdef") }},
		{name: "a handle of nobody", kind: ErrUnknown, says: "not known", key: func(_ *world, a *authenticator) { a.handle = []byte("nobody") }},
		{name: "no handle", kind: ErrAnswer, says: "names no account", key: func(_ *world, a *authenticator) { a.handle = nil }},
		{name: "the handle of another", kind: ErrAnswer, says: "credential", key: func(_ *world, a *authenticator) { a.handle = []byte("handle of bob") }},
		{name: "too late", kind: ErrCeremony, says: "more than 5 minutes ago", key: func(w *world, _ *authenticator) { w.now = w.now.Add(CeremonyLife) }},
		{name: "for something else", kind: ErrCeremony, says: "something else", use: Confirming},
		{name: "for somebody else", kind: ErrCeremony, says: "somebody else", bind: "another"},
		{name: "not ours", kind: ErrCeremony, says: "not asked here", text: func(s string) string { return "A" + s }},
		{name: "without signature", kind: ErrCeremony, says: "not asked here", text: func(s string) string { return s[:strings.IndexByte(s, '.')] }},
		{name: "at another host", kind: ErrAnswer, says: "origin", host: "other.example.com"},
		{name: "not JSON", kind: ErrAnswer, says: "", body: func([]byte) []byte { return []byte("{") }},
		{name: "too long", kind: ErrAnswer, says: "longer than", body: func(b []byte) []byte { return append(b, bytes.Repeat([]byte{' '}, MaxAnswer)...) }},
		{name: "more behind it", kind: ErrAnswer, says: "", body: func(b []byte) []byte { return append(b, '{') }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			alice, key := enrolled(t, w, "alice")
			bob, _ := enrolled(t, w, "bob")
			q, err := w.Ask(console, SigningIn, nil, "")
			must(t, err)
			if c.key != nil {
				c.key(w, key)
			}
			body, ceremony, host, use := key.get(t, read(t, q)), q.Ceremony, console, SigningIn
			if c.body != nil {
				body = c.body(body)
			}
			if c.text != nil {
				ceremony = c.text(ceremony)
			}
			if c.host != "" {
				host = c.host
			}
			if c.use != "" {
				use = c.use
			}
			s, err := w.Answered(t.Context(), host, use, c.bind, ceremony, body, among(alice, bob))
			if !errors.Is(err, c.kind) || !strings.Contains(strings.ToLower(err.Error()), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			if s.Name != "" {
				t.Error("it names somebody all the same")
			}
		})
	}
	if t.Logf("%d answers", len(cases)); len(cases) < 24 {
		t.Error("too few answers played")
	}
}

func TestOnlyOnce(t *testing.T) {
	w := newWorld(t)
	alice, key := enrolled(t, w, "alice")
	q, err := w.Ask(console, SigningIn, nil, "")
	must(t, err)
	answer := key.get(t, read(t, q))
	_, err = w.Answered(t.Context(), console, SigningIn, "", q.Ceremony, answer, among(alice))
	must(t, err)
	if _, err := w.Answered(t.Context(), console, SigningIn, "", q.Ceremony, answer, among(alice)); !errors.Is(err, ErrCeremony) || !strings.Contains(err.Error(), "answered before") {
		t.Errorf("it counts twice: %v", err)
	}
}

// TestOtherAccountsKey holds that a second factor is one of the account's own.
func TestOtherAccountsKey(t *testing.T) {
	w := newWorld(t)
	alice, _ := enrolled(t, w, "alice")
	bob, bobs := enrolled(t, w, "bob")
	q, err := w.Ask(console, SecondFactor, &alice, "half")
	must(t, err)
	if _, err := w.Answered(t.Context(), console, SecondFactor, "half", q.Ceremony, bobs.get(t, read(t, q)), among(alice, bob)); !errors.Is(err, ErrAnswer) {
		t.Errorf("bob's key for alice: %v", err)
	}
	bobs.handle = alice.Handle
	q, err = w.Ask(console, SecondFactor, &alice, "half")
	must(t, err)
	if _, err := w.Answered(t.Context(), console, SecondFactor, "half", q.Ceremony, bobs.get(t, read(t, q)), among(alice, bob)); !errors.Is(err, ErrAnswer) {
		t.Errorf("bob's key under alice's handle: %v", err)
	}
}

func TestRegistrationRefused(t *testing.T) {
	cases := []struct {
		name, says string
		key        func(a *authenticator)
		bind       string
	}{
		{"wrong origin", "origin", func(a *authenticator) { a.origin = "https://evil.example" }, "session"},
		{"wrong rpid", "rp", func(a *authenticator) { a.rpid = "evil.example" }, "session"},
		{"nobody verified", "verif", func(a *authenticator) { a.flags = 1 }, "session"},
		{"another challenge", "challenge", func(a *authenticator) { a.challenge = text64(make([]byte, 32)) }, "session"},
		{"a signature as registration", "ceremony", func(a *authenticator) { a.kind = "webauthn.get" }, "session"},
		{"of another session", "somebody else", func(*authenticator) {}, "other"},
	}
	for _, c := range cases {
		w := newWorld(t)
		alice, a := Account{Handle: []byte("h"), Name: "alice"}, newAuthenticator(t)
		q, err := w.Register(console, alice, "session")
		must(t, err)
		c.key(a)
		if _, err := w.Registered(t.Context(), console, alice, c.bind, q.Ceremony, a.create(t, read(t, q))); err == nil || !strings.Contains(strings.ToLower(err.Error()), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if t.Logf("%d registrations", len(cases)); len(cases) < 6 {
		t.Error("too few")
	}
}

func TestHosts(t *testing.T) {
	w := newWorld(t)
	for host, good := range map[string]bool{
		"localhost": true, "localhost:9080": true, "console.example.com": true, "console.example.com:8443": true, "LOCALHOST": true,
		"127.0.0.1:9080": false, "[::1]:9080": false, "": false, "192.0.2.1": false,
	} {
		if _, err := w.Ask(host, SigningIn, nil, ""); (err == nil) != good || err != nil && !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func FuzzAnswered(f *testing.F) {
	w := newWorld(f)
	alice, key := enrolled(f, w, "alice")
	q, err := w.Ask(console, SigningIn, nil, "")
	must(f, err)
	f.Add(key.get(f, read(f, q)))
	f.Add([]byte(`{"id":"","response":{}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		q, err := w.Ask(console, SigningIn, nil, "")
		must(t, err)
		if s, err := w.Answered(t.Context(), console, SigningIn, "", q.Ceremony, answer, among(alice)); err == nil {
			t.Errorf("signed in %s", s.Name)
		}
	})
}
