package sso

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// TestMessageKey holds that the key in our metadata stays, and is made anew when it
// can't be opened any more.
func TestMessageKey(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "sso.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	about := func(dir string) []byte {
		t.Helper()
		ring, err := secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{
			DB: db, People: struct{ People }{}, Audit: struct{ control.Auditor }{}, Sealer: ring, URL: "https://console.example",
			Providers: []Provider{
				{Settings: oidc.Settings{Name: "corp"}, SAML: &saml.Settings{Metadata: "https://id.example/metadata"}},
				{Settings: oidc.Settings{Name: "open", Issuer: "https://id.example", ClientID: "farrier"}},
			},
			HTTP: &http.Client{Timeout: time.Second}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Metadata("open"); !errors.Is(err, control.ErrNotFound) || s.SAML("open") || !s.SAML("corp") {
			t.Errorf("a provider of OpenID Connect speaks SAML: %v", err)
		}
		if _, _, err := s.FinishPosted(t.Context(), "open", "", "", "", access.From{}); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("a provider of OpenID Connect finishes SAML: %v", err)
		}
		if _, _, err := s.Finish(t.Context(), "corp", "", "", access.From{}); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("a provider of SAML finishes OpenID Connect: %v", err)
		}
		text, err := s.Metadata("corp")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	dir := t.TempDir()
	first := about(dir)
	if !bytes.Equal(first, about(dir)) {
		t.Error("the key does not stay")
	}
	if bytes.Equal(first, about(t.TempDir())) {
		t.Error("a key that can't be opened stays")
	}
}
