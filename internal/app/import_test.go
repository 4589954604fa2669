package app

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/api"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestImportApplies holds that an import reaches the draft and the clients, and that
// applied again it changes nothing.
func TestImportApplies(t *testing.T) {
	resources, to := managed(t)
	db := storetest.Open(t)
	log, err := audit.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	clients, err := client.Open(t.Context(), client.Options{DB: db, Tree: oneTree{}, Audit: log, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := api.New(api.Options{
		Sessions: tokens{}, Tree: oneTree{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Services: api.Services{Resources: resources, Clients: clients},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	to.Server = server.URL

	dir := t.TempDir()
	for name, text := range map[string]string{
		"applications.json": `[{"id": 4, "name": "Shop", "clientId": "shop-app", "clientSecret": "a-long-secret-of-the-shop"}]`,
		"production/7/api.json": `{"id": 7, "assetId": "orders", "technology": "flexGateway", "endpoint": {"proxyUri": "http://0.0.0.0:8081/orders", "uri": "http://orders:8080"},
			"tiers": [{"id": 1, "name": "Gold", "limits": [{"maximumRequests": 10, "timePeriodInMilliseconds": 1000}]}]}`,
		"production/7/contracts.json": `[{"applicationId": 4, "tierId": 1, "status": "APPROVED"}]`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]string{
		{"production: the draft has 3 changed resources, 0 unchanged", "1 applications, 0 tiers and 0 contracts were made, 0 were there", "0 applications, 1 tiers and 1 contracts were made, 0 were there"},
		{"production: the draft has 0 changed resources, 3 unchanged", "0 applications, 0 tiers and 0 contracts were made, 1 were there", "0 applications, 0 tiers and 0 contracts were made, 2 were there"},
	} {
		var out bytes.Buffer
		code, err := ImportAnypoint(t.Context(), dir, ImportOptions{Format: "text", Apply: true, Group: "root", To: to}, &out)
		if err != nil || code != ExitGood {
			t.Fatalf("exit code %d, %v: %s", code, err, &out)
		}
		for _, line := range want {
			if !strings.Contains(out.String(), line) {
				t.Errorf("no %q in %s", line, &out)
			}
		}
	}
}

// TestImportLeavesLinks holds that nothing outside of the folder is read.
func TestImportLeavesLinks(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(outside, []byte(`[{"id": 1}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	files, found, err := importFiles(dir, ".json")
	if err != nil || len(files) != 0 || len(found) != 1 || !strings.Contains(found[0].Why, "links are not followed") {
		t.Errorf("read %v, found %v, %v", files, found, err)
	}
}
