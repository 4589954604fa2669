package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
)

var update = flag.Bool("update", false, "write what the writers give to testdata")

var (
	styleOf  = regexp.MustCompile(`(?s)<style>.*</style>`)
	hashOf   = regexp.MustCompile(`sha256-[^ ]*=`)
	standsIn = regexp.MustCompile(`KNOWN:([a-z-]+) ([^ "]+) ([A-Z]+ [^ "]+) ([^ "]+)`)
)

// load reads the report of a file of testdata. KNOWN in a baseline stands for
// the fingerprint of a rule, file, operation and place.
func load(t *testing.T, a *txtar.Archive) *report.Report {
	t.Helper()
	r := new(report.Report)
	for _, f := range a.Files {
		switch f.Name {
		case "report.json":
			d := json.NewDecoder(bytes.NewReader(f.Data))
			d.DisallowUnknownFields()
			if err := d.Decode(r); err != nil {
				t.Fatal(err)
			}
		case "baseline.json":
			text := standsIn.ReplaceAllStringFunc(string(f.Data), func(s string) string {
				m := standsIn.FindStringSubmatch(s)
				return finding.Fingerprint(m[1], finding.Location{File: m[2], Operation: m[3], Place: m[4]})
			})
			b, err := report.Parse("baseline.json", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			r.Baseline = b
		}
	}
	return r
}

func write(t *testing.T, f report.Format, r *report.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.Write(&b, f, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r := load(t, a)
		want := map[string]string{}
		var kept []txtar.File
		for _, f := range a.Files {
			if strings.HasPrefix(f.Name, "want.") {
				want[f.Name] = string(f.Data)
			} else {
				kept = append(kept, f)
			}
		}
		for _, format := range report.Formats() {
			got := write(t, format, r)
			if format == report.HTML {
				got = hashOf.ReplaceAllString(styleOf.ReplaceAllString(got, "<style></style>"), "sha256-")
			}
			part := "want." + string(format)
			if played++; got != want[part] && !*update {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", name, format, got, want[part])
			}
			kept = append(kept, txtar.File{Name: part, Data: []byte(got)})
		}
		if *update {
			a.Files = kept
			if err := os.WriteFile(name, txtar.Format(a), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if t.Logf("%d files of %d formats", len(files), len(report.Formats())); played < 20 {
		t.Fatalf("only %d were compared", played)
	}
}
