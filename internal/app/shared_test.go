package app

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/sharedstate/sharedstatetest"
)

// TestStoresAreReused holds that equal settings share a connection, which is
// closed only when no revision has used it for a while.
func TestStoresAreReused(t *testing.T) {
	s := newStores(Config{Data: t.TempDir(), Environment: "test"}, func() *router.Table { return nil }, slog.New(slog.DiscardHandler))
	if s.durable == s.local || s.local.Remote() || s.durable.Remote() {
		t.Error("the stores of this process are not what they should be")
	}
	one := revision.SharedStorage{Address: sharedstatetest.FreeAddress(t), Source: revision.Source{File: "a.yaml", Line: 3}}
	first, err := s.shared(one)
	if err != nil {
		t.Fatal(err)
	}
	moved := one
	moved.Source.Line = 9
	if again, err := s.shared(moved); err != nil || again != first {
		t.Errorf("equal settings in another place open another store: %v", err)
	}
	other := one
	other.DB = 1
	second, err := s.shared(other)
	if err != nil || second == first {
		t.Errorf("other settings give the same store: %v", err)
	}
	used, err := storeKey(other)
	if err != nil {
		t.Fatal(err)
	}
	s.sweep(used, false)
	if again, _ := s.shared(one); again != first {
		t.Error("a store was closed at once")
	}
	s.sweep(used, false)
	s.sweep(used, false)
	if again, _ := s.shared(one); again == first {
		t.Error("an unused store was not closed")
	}
	if again, _ := s.shared(other); again != second {
		t.Error("the store in use was closed")
	}
	if s.sweep("", true); len(s.open) != 0 {
		t.Error("stores are open at the end")
	}
}

func TestStoreReferences(t *testing.T) {
	references := secret.Expander{Lookup: func(name string) (string, bool) {
		value, ok := map[string]string{"HOST": "store:6379", "PASSWORD": "s3cret", "WATCH": "w4tch"}[name]
		return value, ok
	}}
	o, err := storeOptions(revision.SharedStorage{
		Address: "$HOST", Username: "farrier", Password: "${PASSWORD}", DB: 2,
		SentinelAddresses: []string{"a:26379", "$HOST"}, SentinelMaster: "main", SentinelPassword: "$WATCH",
		TLS: json.RawMessage(`{"skipValidation": true}`),
	}, references)
	if err != nil {
		t.Fatal(err)
	}
	if o.Address != "store:6379" || o.Username != "farrier" || o.Password != "s3cret" || o.DB != 2 ||
		strings.Join(o.Sentinels, " ") != "a:26379 store:6379" || o.SentinelMaster != "main" || o.SentinelPassword != "w4tch" ||
		o.TLS == nil || !o.TLS.InsecureSkipVerify {
		t.Errorf("%+v", o)
	}
	for want, settings := range map[string]revision.SharedStorage{
		"password: environment variable NOBODY":           {Address: "a:1", Password: "$NOBODY"},
		"address: environment variable NOBODY":            {Address: "$NOBODY"},
		"sentinel.addresses: environment variable NOBODY": {Address: "a:1", SentinelAddresses: []string{"$NOBODY"}},
		"tls: ": {Address: "a:1", TLS: json.RawMessage(`{"trustedCA": "not PEM"}`)},
	} {
		if _, err := storeOptions(settings, references); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestNoFolderForCaches holds that a folder that can't be made stops nothing.
func TestNoFolderForCaches(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/cache", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStores(Config{Data: dir}, func() *router.Table { return nil }, slog.New(slog.DiscardHandler))
	if s.durable != s.local {
		t.Error("there is a durable store without a folder")
	}
}
