package manifest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/manifest"
)

// TestModuleFile holds that an implementation may be a path from the folder of
// the manifest, and what is refused of it.
func TestModuleFile(t *testing.T) {
	text := `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Extension
metadata: {name: seal-v1-0-impl}
spec:
  extends: [{name: envoy-filter}, {name: proxy-wasm-filter}]
  properties:
    implementation: {type: string, default: modules/seal.wasm}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://0.0.0.0:8081/shop
  services:
    up: {address: "http://up:8080"}
  policies:
    - policyRef: {name: seal-v1-0-impl}
`
	module := []byte("\x00asm\x01\x00\x00\x00")
	cases := []struct {
		name   string
		module []byte
		want   string // of the problem
	}{
		{"good", module, ""},
		{"absent", nil, "there is no file"},
		{"too long", append(bytes.Clone(module), make([]byte, 16<<20)...), "is longer than 16 MiB"},
		{"no module", []byte("seal"), "not a WebAssembly module"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "seal.yaml"), text)
			if c.module != nil {
				write(t, filepath.Join(dir, "modules", "seal.wasm"), string(c.module))
			}
			rev, problems := manifest.Build(manifest.Load([]string{dir}), newCatalogue(), options())
			if c.want != "" {
				if rev != nil || !strings.Contains(problems[len(problems)-1].Message, c.want) {
					t.Errorf("problems %v, want %q", problems, c.want)
				}
				return
			}
			sum := sha256.Sum256(module)
			if rev == nil || !bytes.Equal(rev.Modules[hex.EncodeToString(sum[:])], module) {
				t.Fatalf("problems %v", problems)
			}
		})
	}
	t.Logf("%d cases", len(cases))
}
