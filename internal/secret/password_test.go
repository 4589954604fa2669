package secret

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

func TestPassword(t *testing.T) {
	h := NewHasher()
	encoded, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("PHC string is %q", encoded)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		if got, err := h.Verify(t.Context(), password, encoded); err != nil || got != want {
			t.Errorf("Verify(%q) = %v, %v; want %v", password, got, err, want)
		}
	}
	again, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil || again == encoded {
		t.Errorf("the salt is not random (%v)", err)
	}
	if err := h.VerifyNobody(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// The value stands in the test suite of the reference implementation (libargon2,
// test.c): other programs agree on the form.
func TestPasswordOfAnotherProgram(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := NewHasher().Verify(t.Context(), "password", known); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestPasswordHashRefused(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	cases := map[string]string{
		"empty":          "",
		"another kind":   "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"old version":    "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"too much":       "$argon2id$v=19$m=4194304,t=2,p=1$" + salt + "$" + key,
		"too long":       "$argon2id$v=19$m=19456,t=1000,p=1$" + salt + "$" + key,
		"no time":        "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"threads":        "$argon2id$v=19$m=19456,t=2,p=300$" + salt + "$" + key,
		"more settings":  "$argon2id$v=19$m=19456,t=2,p=1,x=1$" + salt + "$" + key,
		"short salt":     "$argon2id$v=19$m=19456,t=2,p=1$YWJj$" + key,
		"short hash":     "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$YWJj",
		"no base64":      "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$!!!",
		"something more": "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "$x",
	}
	for name, encoded := range cases {
		if ok, err := NewHasher().Verify(t.Context(), "password", encoded); ok || !errors.Is(err, errPasswordHash) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	t.Logf("%d hashes refused", len(cases))
}

func TestHasherRunsFourAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher()
		for range hashesAtOnce {
			h.slots <- struct{}{}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		go func() { err = h.VerifyNobody(ctx, "x") }()
		synctest.Wait() // the fifth waits
		cancel()
		synctest.Wait()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the fifth hash ended with %v", err)
		}
	})
}

func TestTokenAndEqual(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token, hash := NewToken()
		if len(token) != 43 || seen[token] || !bytes.Equal(hash, HashToken(token)) {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}} {
		if Equal(c.a, c.b) != c.want {
			t.Errorf("Equal(%q, %q) is not %v", c.a, c.b, c.want)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, encoded string) {
		cost, salt, key, err := parsePHC(encoded)
		if err == nil && (cost.memory > 256<<10 || cost.time > 16 || cost.threads > 16 || len(salt) > 64 || len(key) > 64) {
			t.Fatalf("%q may cost too much", encoded)
		}
	})
}
