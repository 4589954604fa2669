package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"
)

// TestHashedSecrets holds which secrets are right, and until when.
func TestHashedSecrets(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hash := func(secret string) string {
		sum := sha256.Sum256([]byte(secret))
		return HashPrefix + hex.EncodeToString(sum[:])
	}
	now := noon
	clock := func() time.Time { return now }
	client := NewClient("app", "App", "", "", nil)
	for _, s := range []struct {
		secret string
		until  time.Time
	}{{"new", time.Time{}}, {"old", noon.Add(time.Hour)}} {
		if err := client.Accept(hash(s.secret), s.until, clock); err != nil {
			t.Fatal(err)
		}
	}
	both := NewClient("app", "App", "plain", "", nil)
	if err := both.Accept(hash("new"), time.Time{}, clock); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		client *Client
		secret string
		at     time.Time
		right  bool
	}{
		{client, "new", noon, true},
		{client, "old", noon, true},
		{client, "old", noon.Add(time.Hour - 1), true},
		{client, "old", noon.Add(time.Hour), false},
		{client, "new", noon.Add(100000 * time.Hour), true},
		{client, "", noon, false},
		{client, hash("new"), noon, false}, // the hash itself is no secret
		{both, "plain", noon, true},
		{both, "new", noon, true},
		{both, "old", noon, false},
	}
	for _, c := range cases {
		if now = c.at; c.client.SecretIs(c.secret) != c.right {
			t.Errorf("%q at %s: want %t", c.secret, c.at, c.right)
		}
	}
	if t.Logf("%d secrets shown", len(cases)); len(cases) < 10 {
		t.Error("too few")
	}
	for _, bad := range []string{"", "new", "sha256:", "sha256:zz", "sha1:" + hash("x")[7:], hash("x")[:60]} {
		if client.Accept(bad, time.Time{}, clock) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
