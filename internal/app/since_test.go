package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/finding"
)

// TestChangedSince: what differs from a revision is told by lines, whether it was
// changed, taken away, committed, or never added.
func TestChangedSince(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"}, args...)
		if _, err := git(t.Context(), dir, args...); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, lines ...string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q")
	write("a.xml", "1", "2", "3", "4", "5", "6")
	write("ä b.xml", "1", "2")
	write("same.xml", "1")
	run("add", ".")
	run("commit", "-qm", "first")
	write("a.xml", "1", "2", "three", "4", "6")
	write("ä b.xml", "1", "two")
	run("commit", "-qam", "second")
	write("new/c.xml", "1")
	c, err := changedSince(t.Context(), "HEAD~1", []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		file       string
		first, end int
		way        int
		want       bool
	}{
		{"a.xml", 3, 0, 0, true},
		{"a.xml", 2, 0, 0, false},
		{"a.xml", 2, 3, 0, true},
		{"a.xml", 4, 0, 0, true}, // the line behind it was taken away
		{"a.xml", 1, 0, 3, true}, // the data comes through a changed line
		{"a.xml", 1, 0, 2, false},
		{"ä b.xml", 2, 0, 0, true},
		{"ä b.xml", 1, 0, 0, false},
		{"new/c.xml", 1, 0, 0, true},
		{"same.xml", 1, 0, 0, false},
		{"", 1, 0, 0, false},
	}
	for _, one := range cases {
		f := finding.Finding{Location: finding.Location{Line: one.first, EndLine: one.end}}
		if one.file != "" {
			f.Location.File = filepath.Join(dir, one.file)
		}
		if one.way > 0 {
			f.Way = []finding.Step{{Location: finding.Location{File: f.Location.File, Line: one.way}}}
		}
		if got := c.touches(&f); got != one.want {
			t.Errorf("%+v: %v", one, got)
		}
	}
	for revision, want := range map[string]string{"nowhere": "git: fatal", "--output=x": "is no revision"} {
		if _, err := changedSince(t.Context(), revision, []string{dir}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", revision, err, want)
		}
	}
	if _, err := changedSince(t.Context(), "HEAD", []string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("outside a repository: %v", err)
	}
}
