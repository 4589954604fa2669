package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const before = "# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- Stale.\n\n## [0.1.0] - 2026-01-02\n\n- Old.\n"

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRun(t *testing.T) {
	root := t.TempDir()
	write(t, root, "CHANGELOG.md", before)
	write(t, root, "changes/fixed/leak.md", "It leaked\nno more.\n")
	write(t, root, "changes/added/b.md", "B.\n")
	write(t, root, "changes/added/a.md", "A.\n")
	const notes = "\n### Added\n\n- A.\n- B.\n\n### Fixed\n\n- It leaked\n  no more.\n"
	const old = "\n## [0.1.0] - 2026-01-02\n\n- Old.\n"
	steps := []struct{ release, date, want string }{
		{"", "", "# Changelog\n\n## [Unreleased]\n" + notes + old},
		{"", "", "# Changelog\n\n## [Unreleased]\n" + notes + old},
		{"0.2.0", "2026-02-03", "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n" + notes + old},
	}
	for _, s := range steps {
		if err := run(root, s.release, s.date); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
		if err != nil || string(got) != s.want {
			t.Errorf("release %q: %v\n%s\nwant\n%s", s.release, err, got, s.want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(root, "changes/*/*.md")); err != nil || len(left) > 0 {
		t.Errorf("after the release: %v, %v", left, err)
	}
	if err := run(root, "0.2.0", "2026-02-04"); err == nil || !strings.Contains(err.Error(), "released already") {
		t.Errorf("released twice: %v", err)
	}
	if err := run(root, "0.3.0", ""); err == nil || !strings.Contains(err.Error(), "go together") {
		t.Errorf("released on no day: %v", err)
	}
}

func TestCollectRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"changes/improved/a.md": "changes/improved: the kinds are added,",
		"changes/added/a.md":    "changes/added/a.md: a change is a paragraph",
	} {
		_, _, err := collect(fstest.MapFS{name: {Data: []byte("- A list.\n")}})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestCollectReadsOurChanges(t *testing.T) {
	if _, _, err := collect(os.DirFS("../..")); err != nil {
		t.Error(err)
	}
}
