package scan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/finding"
)

var updateApps = flag.Bool("update-apps", false, "write what is found in testdata/apps/*.txtar as what is expected; judge each change by hand")

// expectedName is the file of an archive that lists what must be found in it.
const expectedName = "findings"

// TestApps scans whole applications as people write them. Every finding that they
// hold was judged by hand: each line of the list is a true one, and there is no
// other. What a list loses is recall, what it gains is to be judged before it is
// added.
func TestApps(t *testing.T) {
	paths, err := filepath.Glob("testdata/apps/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all, found := map[finding.Severity]int{}, 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, files := "", map[string]string{}
			for _, f := range archive.Files {
				if f.Name == expectedName {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			report, err := Run(t.Context(), shops{files}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range report.Problems {
				t.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
			}
			got := listed(report)
			found += len(report.Findings)
			for _, f := range report.Findings {
				all[f.Severity]++
			}
			if *updateApps {
				writeExpected(t, path, archive, got)
			} else {
				compareLists(t, want, got)
			}
		})
	}
	t.Logf("%d applications with %d findings: %d critical, %d high, %d medium, %d low, %d info", len(paths), found,
		all[finding.Critical], all[finding.High], all[finding.Medium], all[finding.Low], all[finding.Info])
	if len(paths) < 10 || found < 60 {
		t.Errorf("there are %d applications with %d findings, expected at least 10 with 60", len(paths), found)
	}
}

// listed are the findings as a list has them: severity, rule and place.
func listed(report *Report) string {
	lines := make([]string, 0, len(report.Findings))
	for _, f := range report.Findings {
		_, file, _ := strings.Cut(f.Location.File, "/")
		lines = append(lines, fmt.Sprintf("%-8s %s %s:%d", f.Severity, f.Rule, file, f.Location.Line))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func compareLists(t *testing.T, want, got string) {
	t.Helper()
	expected, seen := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range seen {
		if !slices.Contains(expected, line) {
			t.Errorf("found, but not expected: %s", line)
		}
	}
	for _, line := range expected {
		if !slices.Contains(seen, line) {
			t.Errorf("expected, but not found: %s", line)
		}
	}
	if len(expected) != len(seen) {
		t.Errorf("%d findings, expected %d", len(seen)-1, len(expected)-1)
	}
}

func writeExpected(t *testing.T, path string, archive *txtar.Archive, got string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == expectedName })
	archive.Files = append(archive.Files, txtar.File{Name: expectedName, Data: []byte(got)})
	if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
