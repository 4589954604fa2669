package inventory

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/discovery/known"
	"farrier.dev/farrier/internal/revision"
)

// TestDescribedHoldsTheDescriptionAlone holds that a copy of a description in the settings
// of a policy has the files that it consists of, and nothing else that lies in the folder;
// and that several operators can ask for it at once.
func TestDescribedHoldsTheDescriptionAlone(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"api.yaml": `openapi: 3.0.3
info: {title: Orders, version: "1"}
paths:
  /orders:
    post:
      requestBody: {content: {application/json: {schema: {$ref: 'schemas.yaml#/Order'}}}}
      responses: {'200': {description: OK}}
`,
		"schemas.yaml": "Order: {type: object, properties: {id: {type: string}}}\n",
		"secret.yaml":  "password: hunter2\n",
		"other.raml":   "#%RAML 1.0\ntitle: Other\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	doc := known.Document(&revision.API{Specification: &revision.Specification{File: filepath.Join(folder, "api.yaml")}})
	if doc == nil || !doc.Valid() {
		t.Fatalf("%+v", doc)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			settings, err := described(doc)
			if err != nil {
				t.Error(err)
				return
			}
			_, text, found := strings.Cut(strings.TrimSpace(settings), "specArchive: ")
			archive, err := base64.StdEncoding.DecodeString(text)
			if err != nil || !found || !strings.Contains(settings, `specMain: "api.yaml"`) {
				t.Errorf("%q: %v", settings, err)
				return
			}
			r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
			if err != nil {
				t.Error(err)
				return
			}
			var names []string
			for _, f := range r.File {
				names = append(names, f.Name)
			}
			if want := []string{"api.yaml", "schemas.yaml"}; !slices.Equal(names, want) {
				t.Errorf("the copy has %q, not %q", names, want)
			}
		})
	}
	all.Wait()
}
