package languages_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/spec/languages"
)

func packed(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// TestSource holds what settings describe, and what is refused of them.
func TestSource(t *testing.T) {
	both := packed(t, map[string]string{"a.yaml": oas, "b.raml": ramlAPI})
	for name, c := range map[string]struct {
		source languages.Source
		want   string // of the error
	}{
		"text":              {languages.Source{Text: oas}, ""},
		"RAML":              {languages.Source{Text: ramlAPI}, ""},
		"archive":           {languages.Source{Archive: packed(t, map[string]string{"a.yaml": oas})}, ""},
		"main of archive":   {languages.Source{Archive: both, Main: "b.raml"}, ""},
		"several":           {languages.Source{Archive: both}, "2 descriptions are in its uppermost folder"},
		"nothing":           {languages.Source{Text: " \n"}, "spec: empty"},
		"two":               {languages.Source{Text: oas, Archive: both}, "keep one of them"},
		"no archive":        {languages.Source{Text: oas, Main: "a.yaml"}, "there is no archive"},
		"no base64":         {languages.Source{Archive: "!"}, "specArchive: is not base64 text"},
		"no zip":            {languages.Source{Archive: "AAAA"}, "specArchive: opening the archive"},
		"long":              {languages.Source{Archive: strings.Repeat("AAAA", languages.MaxArchive/3+1)}, "longer than 8 MiB"},
		"other language":    {languages.Source{Text: graph + "\nschema {query: Query}"}, "is graphql"},
		"AsyncAPI":          {languages.Source{Text: async}, "is asyncapi-2"},
		"invalid":           {languages.Source{Text: "#%RAML 1.0\n/a:\n  get:\n"}, "spec:"},
		"other files":       {languages.Source{Text: "#%RAML 1.0\ntitle: !include a.raml\n/a:\n  get:\n"}, "other files are not read"},
		"path declared not": {languages.Source{Text: strings.Replace(oas, "/a:", "'/a/{b}':", 1)}, "is not declared"},
	} {
		d, err := c.source.Description()
		switch {
		case c.want == "" && (err != nil || len(d.Operations) != 1):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestBundle holds that an archive on disk stays as it is, and that what is packed
// describes the same.
func TestBundle(t *testing.T) {
	dir := t.TempDir()
	zipped, err := base64.StdEncoding.DecodeString(packed(t, map[string]string{"a.yaml": oas}))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.yaml": oas, "api.ZIP": string(zipped)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		archive, main, err := languages.Bundle(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "api.ZIP" && !bytes.Equal(archive, zipped) {
			t.Error("the archive is changed")
		}
		d, err := languages.Source{Archive: base64.StdEncoding.EncodeToString(archive), Main: main}.Description()
		if err != nil || len(d.Operations) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := languages.Bundle(filepath.Join(dir, "none.zip")); err == nil || !strings.Contains(err.Error(), "there is no file none.zip") {
		t.Errorf("%v", err)
	}
}
