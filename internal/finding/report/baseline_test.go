package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/finding/report"
)

func at(file, place string) finding.Location {
	return finding.Location{File: file, Line: 1, Place: place}
}

func TestBaseline(t *testing.T) {
	old := finding.Finding{Rule: "r", Severity: finding.High, Message: "m", Location: at("a.yaml", "#/x")}
	elsewhere := old
	elsewhere.Location.Place = "#/y"
	var b, again bytes.Buffer
	if err := report.WriteBaseline(&b, []finding.Finding{old, elsewhere, old}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteBaseline(&again, []finding.Finding{elsewhere, old}); err != nil || again.String() != b.String() {
		t.Errorf("another order gave another file: %v\n%s", err, again.String())
	}
	file := filepath.Join(t.TempDir(), "baseline.json")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	base, err := report.Load(file)
	if err != nil || base.Len() != 2 {
		t.Fatalf("%d entries, %v", base.Len(), err)
	}
	moved := old
	moved.Location.Line, moved.Location.Column, moved.Message = 40, 3, "said otherwise"
	fresh := old
	fresh.Location.Place = "#/z"
	r := &report.Report{Baseline: base, Files: []report.File{{File: "a.yaml", Findings: []finding.Finding{moved}}}}
	if r.Failed(0) || len(r.All()) != 1 || len(r.New()) != 0 {
		t.Error("a finding that moved is not known")
	}
	if stale := r.Stale(); len(stale) != 1 || stale[0].Where != "#/y" || stale[0].File != "a.yaml" {
		t.Errorf("stale: %v", stale)
	}
	r.Findings = []finding.Finding{fresh}
	if high, _ := report.ParseThreshold("high"); !r.Failed(high) || len(r.New()) != 1 {
		t.Error("a new place of a known rule is taken for known")
	}
	r = &report.Report{Baseline: base, Files: []report.File{{File: "b.yaml"}}}
	if stale := r.Stale(); stale != nil {
		t.Errorf("stale though nobody looked: %v", stale)
	}
	r = &report.Report{Baseline: base}
	if stale := r.Stale(); len(stale) != 2 {
		t.Errorf("stale where no file is named: %v", stale)
	}
}

// good is a baseline that Parse takes; each refused one differs in one way.
const good = `{"version":1,"findings":[{"fingerprint":"0123456789abcdef0123456789abcdef","rule":"r","file":"f","where":"w"}]}`

func TestBaselineRefused(t *testing.T) {
	if _, err := report.Parse("b", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, put, want string }{
		"no JSON":            {good, "rule,file\n", "line 1: invalid character"},
		"cut off":            {`"w"}]}`, `"w"}]`, "line 1: unexpected end"},
		"something behind":   {`"w"}]}`, `"w"}]} {}`, "after top-level value"},
		"a list":             {good, "[]", "cannot unmarshal array"},
		"empty":              {good, "", "unexpected end of JSON"},
		"another version":    {`"version":1`, `"version":2`, "its version is 2; write it anew"},
		"no version":         {`"version":1,`, ``, "its version is none"},
		"SARIF":              {`"version":1`, `"version":"2.1.0"`, `its version is "2.1.0"`},
		"a report":           {`"where":"w"`, `"severity":"high"`, "is it a report?"},
		"no findings":        {`,"findings"`, `,"findings":null,"findings"`, ""},
		"no list":            {`"findings":[`, `"other":[`, "unknown field"},
		"null findings":      {good, `{"version":1,"findings":null}`, "no list of findings"},
		"short fingerprint":  {`abcdef"`, `abcde"`, "entry 1: the fingerprint"},
		"no hexadecimal":     {`abcdef"`, `abcdeg"`, "entry 1: the fingerprint"},
		"capitals":           {`abcdef"`, `ABCDEF"`, "entry 1: the fingerprint"},
		"fingerprint number": {`"0123456789abcdef0123456789abcdef"`, `1`, "cannot unmarshal number"},
	} {
		text := strings.Replace(good, c.old, c.put, 1)
		if text == good {
			t.Fatalf("%s: nothing was replaced", name)
		}
		_, err := report.Parse("known.json", []byte(text))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "baseline known.json: ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := report.Load(filepath.Join(t.TempDir(), "none.json")); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := report.Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "reading the baseline") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := report.Parse("b", bytes.Repeat([]byte(" "), 33<<20)); err == nil || !strings.Contains(err.Error(), "more than 32 MiB") {
		t.Errorf("a huge file: %v", err)
	}
	var none *report.Baseline
	if none.Len() != 0 || none.Knows(finding.Finding{}) {
		t.Error("no baseline knows something")
	}
}

// FuzzBaseline holds that whatever is read is written and read as the same.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"version":1,"findings":[]}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte("\xff{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := report.Parse("f", text)
		if err != nil {
			if b != nil || !strings.HasPrefix(err.Error(), "baseline f: ") {
				t.Fatalf("%v with %v", b, err)
			}
			return
		}
		r := &report.Report{Baseline: b}
		if stale := r.Stale(); len(stale) != b.Len() {
			t.Fatalf("%d of %d entries are stale where nothing was found", len(stale), b.Len())
		}
		for _, format := range report.Formats() {
			if err := report.Write(new(bytes.Buffer), format, r); err != nil {
				t.Fatal(err)
			}
		}
	})
}
