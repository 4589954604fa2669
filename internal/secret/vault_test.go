package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeVault speaks the protocol of Vault: transit, key-value version 2, tokens.
type fakeVault struct {
	mu        sync.Mutex
	token     string
	ttl       int
	renewable bool
	sealed    bool
	renewals  int
	reads     int
	keys      map[string]cipher.AEAD
	values    map[string]map[string]any
	*httptest.Server
}

func newFakeVault(t *testing.T) *fakeVault {
	t.Helper()
	v := &fakeVault{token: "s.good", keys: map[string]cipher.AEAD{}, values: map[string]map[string]any{}}
	for _, name := range []string{"farrier", "other"} {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if v.keys[name], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			t.Fatal(err)
		}
	}
	v.Server = httptest.NewServer(http.HandlerFunc(v.serve))
	t.Cleanup(v.Close)
	return v
}

func refuse(w http.ResponseWriter, status int, errs ...string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": errs})
}

func (v *fakeVault) serve(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.sealed:
		refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		return
	case r.Header.Get("X-Vault-Token") != v.token:
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	var in map[string]string
	_ = json.NewDecoder(r.Body).Decode(&in)
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	give := func(data any) { _ = json.NewEncoder(w).Encode(map[string]any{"data": data}) }
	switch {
	case path == "auth/token/lookup-self":
		give(map[string]any{"ttl": v.ttl, "renewable": v.renewable})
	case path == "auth/token/renew-self" && r.Method == http.MethodPost:
		v.renewals++
		give(nil)
	case strings.HasPrefix(path, "transit/encrypt/"):
		key := v.keys[strings.TrimPrefix(path, "transit/encrypt/")]
		if key == nil {
			refuse(w, http.StatusBadRequest, "encryption key not found")
			return
		}
		give(map[string]string{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(key.Seal(nil, nil, []byte(in["plaintext"]), nil))})
	case strings.HasPrefix(path, "transit/decrypt/"):
		key := v.keys[strings.TrimPrefix(path, "transit/decrypt/")]
		if key == nil {
			refuse(w, http.StatusBadRequest, "encryption key not found")
			return
		}
		box, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(in["ciphertext"], "vault:v1:"))
		plain, err := key.Open(nil, nil, box, nil)
		if err != nil {
			refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		give(map[string]string{"plaintext": string(plain)})
	case strings.HasPrefix(path, "kv/data/") && v.values[strings.TrimPrefix(path, "kv/data/")] != nil:
		v.reads++
		give(map[string]any{"data": v.values[strings.TrimPrefix(path, "kv/data/")], "metadata": map[string]any{"version": 3}})
	default:
		refuse(w, http.StatusNotFound)
	}
}

func (v *fakeVault) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

func TestMasterKeyOfVault(t *testing.T) {
	fake := newFakeVault(t)
	dir, token := t.TempDir(), "s.good"
	open := func(key string) (*Keyring, error) {
		return OpenMaster(t.Context(), MasterOptions{
			Dir: dir, SealedExist: noneSealed, Source: "vault-transit:" + fake.URL + "/" + key,
			Vault: func(address string) (*Vault, error) {
				return NewVault(address, func() (string, error) { return token, nil }, nil, time.Now)
			},
		})
	}
	ring, err := open("farrier")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ring.Seal("p", []byte("hidden"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil || strings.Count(string(text), "vault:v1:") != 2 || strings.Contains(string(text), base64.StdEncoding.EncodeToString((*ring.all.Load())[0].bytes)) {
		t.Errorf("the file holds the key, or not two that are encrypted: %v", err)
	}
	again, err := open("farrier")
	if err != nil || again.ID() != ring.ID() {
		t.Fatalf("%v %v", again, err)
	}
	if plain, err := again.Open("p", sealed); err != nil || string(plain) != "hidden" {
		t.Errorf("%q %v", plain, err)
	}
	cases := []struct {
		name   string
		change func()
		key    string
		want   string
		is     error
	}{
		{"sealed", func() { fake.sealed = true }, "farrier", "vault is sealed", ErrVaultSealed},
		{"token revoked", func() { fake.sealed, fake.token = false, "s.other" }, "farrier", "vault refuses the token", ErrVaultDenied},
		{"another key", func() { fake.token = "s.good" }, "other", "another one has encrypted it", nil},
		{"no key of that name", func() {}, "missing", "no transit key of this name", nil},
		{"no key named", func() {}, "", "must be vault-transit:", nil},
	}
	for _, c := range cases {
		fake.set(c.change)
		_, err := open(c.key)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	t.Logf("%d refusals", len(cases))
	// Without Vault the file is refused, not replaced.
	if _, err := OpenKeyring(dir, noneSealed); !errors.Is(err, ErrKeyFile) {
		t.Errorf("without Vault: %v", err)
	}
	if _, err := NewVault("http://vault.example.com", func() (string, error) { return "", nil }, nil, time.Now); err == nil {
		t.Error("cleartext over the network was accepted")
	}
}

func TestVaultToken(t *testing.T) {
	fake := newFakeVault(t)
	client, err := NewVault(fake.URL, func() (string, error) { return "s.good", nil }, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func()
		want   string
	}{
		{"without an end", func() {}, ""},
		{"renewable", func() { fake.ttl, fake.renewable = 60, true }, ""},
		{"not renewable", func() { fake.renewable = false }, "can't be renewed"},
		{"revoked", func() { fake.token = "s.other" }, "vault refuses the token"},
	} {
		fake.set(c.change)
		err := client.Renew(t.Context())
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if fake.renewals != 1 {
		t.Errorf("%d renewals", fake.renewals)
	}
}

func TestVaultReferences(t *testing.T) {
	fake := newFakeVault(t)
	fake.values["orders/db"] = map[string]any{"password": "from-vault", "port": 5432}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	client, err := NewVault(fake.URL, func() (string, error) { return "s.good", nil }, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	e := Expander{Vault: func(ref string) (string, error) { return client.Read(t.Context(), ref) }}
	read := func(want string) {
		t.Helper()
		if got, err := e.Resolve("vault:kv/orders/db#password"); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	read("from-vault")
	fake.set(func() { fake.values["orders/db"]["password"] = "changed" })
	read("from-vault") // still fresh
	if fake.reads != 1 {
		t.Errorf("%d reads", fake.reads)
	}
	now = now.Add(client.Fresh)
	read("changed")
	fake.set(func() { fake.sealed = true })
	now = now.Add(client.Stale - time.Second)
	read("changed") // Vault is away
	now = now.Add(2 * time.Second)
	if _, err := e.Resolve("vault:kv/orders/db#password"); !errors.Is(err, ErrVaultSealed) {
		t.Errorf("too old: %v", err)
	}
	fake.set(func() { fake.sealed = false })
	for ref, want := range map[string]string{
		"vault:kv/orders/db#missing": "no text field", "vault:kv/orders/db#port": "no text field", "vault:kv/none#x": "nothing at this path",
		"vault:kv": "must be vault:MOUNT/PATH#FIELD", "vault:kv/../sys/x#a": "must be vault:MOUNT/PATH#FIELD",
	} {
		if _, err := e.Resolve(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

func TestMasterKeyOfEnvironment(t *testing.T) {
	encode := func(fill byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, masterBytes))
	}
	dir := t.TempDir()
	before := openKeyring(t, dir)
	old, err := before.Seal("p", []byte("from the file"))
	if err != nil {
		t.Fatal(err)
	}
	open := func(value string) (*Keyring, error) {
		return OpenMaster(t.Context(), MasterOptions{Dir: dir, SealedExist: noneSealed, Source: "env:MASTER", References: Expander{
			Lookup: func(string) (string, bool) { return value, value != "" },
		}})
	}
	first, err := open(encode(1))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := first.Open("p", old); err != nil || string(plain) != "from the file" || !first.Stale(old) {
		t.Errorf("the key of the file does not open any more: %v", err)
	}
	sealed, changed, err := first.Rewrap("p", old)
	if err != nil || !changed || first.Stale(sealed) {
		t.Fatalf("not rewrapped: %v", err)
	}
	second, err := open(encode(2) + "," + encode(1))
	if err != nil || second.ID() == first.ID() {
		t.Fatalf("%v %v", second, err)
	}
	if plain, err := second.Open("p", sealed); err != nil || string(plain) != "from the file" {
		t.Errorf("%q %v", plain, err)
	}
	if _, err := second.Rotate(t.Context()); !errors.Is(err, ErrOutside) {
		t.Errorf("rotated: %v", err)
	}
	for _, c := range []struct{ value, want string }{{"", "not set"}, {"short", "is not 32 bytes"}, {encode(1) + " " + encode(2)[:20], "key 2 of env:MASTER"}, {" , ", "must hold 1 to"}} {
		if _, err := open(c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.value, err, c.want)
		}
	}
	if _, err := OpenMaster(t.Context(), MasterOptions{Dir: dir, Source: "https://example.com"}); err == nil {
		t.Error("an unknown source was accepted")
	}
}

// TestRotateWhileUsed seals and opens all the time while the key is rotated.
func TestRotateWhileUsed(t *testing.T) {
	dir := t.TempDir()
	ring := openKeyring(t, dir)
	first := ring.ID()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var all []string
			for {
				select {
				case <-stop:
					for _, sealed := range all {
						if _, err := ring.Open("p", sealed); err != nil {
							t.Error(err)
							return
						}
					}
					return
				default:
				}
				sealed, err := ring.Seal("p", []byte("x"))
				if err != nil {
					t.Error(err)
					return
				}
				all = append(all, sealed)
			}
		})
	}
	for range 10 {
		if _, err := ring.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	again := openKeyring(t, dir)
	if again.ID() != ring.ID() || len(again.Retired()) != 10 {
		t.Errorf("%s with %d retired, want %s with 10", again.ID(), len(again.Retired()), ring.ID())
	}
	if err := again.Forget(t.Context(), again.ID()); err == nil {
		t.Error("the key that seals was forgotten")
	}
	if err := again.Forget(t.Context(), first); err != nil || len(openKeyring(t, dir).Retired()) != 9 {
		t.Errorf("forgetting: %v", err)
	}
}

func FuzzParseStored(f *testing.F) {
	for _, seed := range []string{"${secret:backend/db}", "${secret:backend/db.password@7-3-2}", "${secret:", "${secret:a/b}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ref, err := ParseStored(text); err == nil {
			again, err := ParseStored(ref.String())
			if err != nil || again.String() != ref.String() || !IsStored(text) {
				t.Fatalf("%q is read as %+v and written as %q", text, ref, ref.String())
			}
		}
	})
}

func TestDataKey(t *testing.T) {
	ring := openKeyring(t, t.TempDir())
	key := NewDataKey()
	wrapped, err := key.Wrap(ring, "group")
	if err != nil {
		t.Fatal(err)
	}
	again, err := UnwrapDataKey(ring, "group", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	box, err := key.Seal("here", []byte("hidden"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := again.Open("here", box); err != nil || string(plain) != "hidden" {
		t.Errorf("%q %v", plain, err)
	}
	for _, wrong := range []func() error{
		func() error { _, err := again.Open("there", box); return err },
		func() error { _, err := NewDataKey().Open("here", box); return err },
		func() error { _, err := again.Open("here", box[:len(box)-2]+"AA"); return err },
		func() error { _, err := UnwrapDataKey(ring, "other", wrapped); return err },
	} {
		if err := wrong(); !errors.Is(err, ErrSealed) {
			t.Errorf("opened: %v", err)
		}
	}
	if key.Mark([]byte("a")) == key.Mark([]byte("b")) || key.Mark([]byte("a")) != again.Mark([]byte("a")) {
		t.Error("marks do not tell values apart")
	}
}
