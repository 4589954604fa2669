package manifest_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/manifest"
)

const describedShop = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://0.0.0.0:8081/shop
  services:
    up: {address: "http://up:8080"}
  policies:
    - policyRef: {name: schema-validation}
      config: CONFIG
`

// TestSpecFile holds that the files of a description go into the settings, those
// that it refers to and no others, and what is refused.
func TestSpecFile(t *testing.T) {
	files := map[string]string{
		"api/orders.raml":  "#%RAML 1.0\ntitle: Orders\ntypes:\n  Order: !include types/order.raml\n/orders:\n  post:\n    body:\n      application/json: Order\n",
		"api/other.raml":   "#%RAML 1.0\ntitle: Other\n/a:\n  get:\n",
		"api/outside.raml": "#%RAML 1.0\ntitle: Orders\ntypes:\n  Order: !include ../secret.raml\n/orders:\n  post:\n    body:\n      application/json: Order\n",
		"secret.raml":      "#%RAML 1.0 DataType\ntype: string\n",

		"api/types/order.raml": "#%RAML 1.0 DataType\nproperties: {item: string}\n",
	}
	cases := []struct{ name, config, want string }{
		{"good", "{specFile: api/orders.raml}", ""},
		{"again", "{specFile: ./api/orders.raml}", ""},
		{"absent", "{specFile: api/order.raml}", "there is no such file"},
		{"another folder", "{specFile: ../orders.raml}", "must name a file below the folder of the manifest"},
		{"refers outside", "{specFile: api/outside.raml}", "leads out of the project"},
		{"both", "{specFile: api/orders.raml, specMain: x}", "stands beside specArchive or specMain"},
		{"no text", "{specFile: 7}", "must be string"},
	}
	var first string
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "shop.yaml"), strings.ReplaceAll(describedShop, "CONFIG", c.config))
			for name, text := range files {
				write(t, filepath.Join(dir, name), text)
			}
			rev, problems := manifest.Build(manifest.Load([]string{dir}), newCatalogue(), options())
			if c.want != "" {
				if rev != nil || len(problems) == 0 || !strings.Contains(problems[len(problems)-1].Message, c.want) {
					t.Errorf("problems %v, want %q", problems, c.want)
				}
				return
			}
			if rev == nil {
				t.Fatalf("problems %v", problems)
			}
			var settings map[string]string
			if err := json.Unmarshal(rev.APIs[0].Policies[0].Settings, &settings); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(packedNames(t, settings["specArchive"]), " "); got != "orders.raml types/order.raml" || settings["specMain"] != "orders.raml" {
				t.Errorf("archive of %s, main %s", got, settings["specMain"])
			}
			if first == "" {
				first = settings["specArchive"]
			}
			if first != settings["specArchive"] {
				t.Error("equal files make archives that differ")
			}
		})
	}
	t.Logf("%d cases", len(cases))
	_, problems := manifest.Build(manifest.Read([]manifest.File{{Name: "shop.yaml", Text: []byte(strings.ReplaceAll(describedShop, "CONFIG", "{specFile: api/orders.raml}"))}}), newCatalogue(), options())
	if len(problems) == 0 || !strings.Contains(problems[len(problems)-1].Message, "there are no files here") {
		t.Errorf("without files: %v", problems)
	}
}

func packedNames(t *testing.T, coded string) []string {
	t.Helper()
	archive, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range r.File {
		all = append(all, f.Name)
	}
	return all
}
