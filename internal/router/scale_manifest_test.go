package router_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/router"
)

// writeManifests writes what scaleRevision holds, a file for each API.
func writeManifests(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	for _, a := range scaleRevision(n).APIs {
		text := fmt.Sprintf("apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: %s}\nspec:\n  address: http://0.0.0.0:8081%s\n  services:\n    service: {address: \"http://%s:8080\"}\n  policies:\n", a.Name.Name, a.BasePath, a.Name.Name)
		for _, p := range a.Policies {
			text += fmt.Sprintf("  - policyRef: {name: %s}\n    config: %s\n", p.Policy, p.Settings)
		}
		for _, c := range a.Clients {
			text += fmt.Sprintf("---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: Contract\nmetadata: {name: %s}\nspec:\n  apiId: %s\n  client: {id: %s, secret: %s}\n", c.ID, a.Name.Name, c.ID, c.Secret)
		}
		if err := os.WriteFile(filepath.Join(dir, a.Name.Name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestScaleOfManifests reads, builds and compiles many manifests and then again
// with one changed.
func TestScaleOfManifests(t *testing.T) {
	n := max(*scaleAPIs, 20)
	o := scaleOptions(t)
	dir := writeManifests(t, n)
	known := catalogue.Manifests{Catalogue: o.Catalogue}
	for round := range 3 {
		began := time.Now()
		set := manifest.Load([]string{dir})
		read := time.Since(began)
		rev, problems := manifest.Build(set, known, manifest.Options{Expand: o.Expand})
		built := time.Since(began)
		if rev == nil {
			t.Fatal(problems[0])
		}
		table, err := router.Compile(rev, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Revision.APIs) != n {
			t.Errorf("%d APIs", len(table.Revision.APIs))
		}
		o.Previous = table
		t.Logf("revision %d of %d files: read %v, built %v, compiled %v", round+1, n, read.Round(time.Millisecond), (built - read).Round(time.Millisecond), (time.Since(began) - built).Round(time.Millisecond))
		changed := filepath.Join(dir, "api-7.yaml")
		text, err := os.ReadFile(changed)
		if err == nil {
			err = os.WriteFile(changed, append(text, fmt.Sprintf("---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: Contract\nmetadata: {name: more-%d}\nspec:\n  apiId: api-7\n  client: {id: more-%d, secret: x}\n", round, round)...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
