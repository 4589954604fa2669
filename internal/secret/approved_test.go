package secret

import (
	"errors"
	"strings"
	"testing"
)

func TestApprovedHasher(t *testing.T) {
	ctx, h := t.Context(), NewApprovedHasher()
	encoded, err := h.Hash(ctx, "correct horse battery")
	if err != nil || !strings.HasPrefix(encoded, "$pbkdf2-sha256$i=600000$") {
		t.Fatalf("%q, %v", encoded, err)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "wrong horse battery": false, "": false} {
		for name, by := range map[string]*Hasher{"approved": h, "ordinary": NewHasher()} {
			if got, err := by.Verify(ctx, password, encoded); err != nil || got != want {
				t.Errorf("%s, %q: %v, %v", name, password, got, err)
			}
		}
	}
	argon, err := NewHasher().Hash(ctx, "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if good, err := h.Verify(ctx, "correct horse battery", argon); good || !errors.Is(err, ErrNotApproved) {
		t.Errorf("argon2id in approved mode: %v, %v", good, err)
	}
	bad := []string{
		strings.Replace(encoded, "i=600000", "i=1", 1), strings.Replace(encoded, "i=600000", "i=99999999999", 1), strings.Replace(encoded, "i=600000", "i=0600000", 1),
		strings.Replace(encoded, "$pbkdf2-sha256$", "$pbkdf2-sha256$$", 1), encoded + "$", encoded[:len(encoded)-30], strings.Replace(encoded, "=600000$", "=600000$!", 1),
	}
	for _, text := range bad {
		if good, err := h.Verify(ctx, "correct horse battery", text); good || !errors.Is(err, errPasswordHash) {
			t.Errorf("%q: %v, %v", text, good, err)
		}
	}
	t.Logf("%d damaged hashes played", len(bad))
}
