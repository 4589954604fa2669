package governance

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/finding"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/revision"
)

type noFindings struct{}

func (noFindings) Renew(context.Context, string, string, []finding.Finding) error { return nil }

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRefuse holds that what a profile refuses is judged by the rulesets as they
// are now, whichever of their files has changed.
func TestRefuse(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "profile.yaml", "version: 1\nname: ours\nenforcement: refuse\nfilter: {kinds: [all]}\nrulesets:\n  - name: rules.yaml\n")
	write(t, dir, "rules.yaml", "extends: [./base.yaml]\n")
	const base = "rules:\n  titled:\n    severity: error\n    given: $.info\n    then: {field: title, function: pattern, functionOptions: {match: '^WANT$'}}\n"
	write(t, dir, "base.yaml", strings.ReplaceAll(base, "WANT", "orders"))
	write(t, dir, "api.yaml", "openapi: 3.0.3\ninfo: {title: orders, version: '1'}\npaths: {}\n")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := New(Options{
		Where:    access.Scope{Group: access.Root, Environment: "default"},
		Profiles: []string{filepath.Join(dir, "profile.yaml")}, Serving: func() *revision.Revision { return nil },
		Findings: noFindings{}, Environment: "test", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	rev := &revision.Revision{APIs: []revision.API{{Name: revision.Name{Namespace: "default", Name: "orders"}}}}
	rev.APIs[0].Specification = &revision.Specification{File: filepath.Join(dir, "api.yaml")}
	if problems := s.Refuse(t.Context(), rev); len(problems) > 0 {
		t.Fatalf("a conformant API is refused: %v", problems)
	}
	write(t, dir, "base.yaml", strings.ReplaceAll(base, "WANT", "invoices"))
	problems := s.Refuse(t.Context(), rev)
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "titled") {
		t.Fatalf("the rule that has changed in the file that is extended: %v", problems)
	}
	// One that makes rules, but is no ruleset any more: the last good one holds.
	write(t, dir, "base.yaml", "rules: 7\n")
	if problems := s.Refuse(t.Context(), rev); len(problems) != 1 {
		t.Errorf("while the profiles are wrong: %v", problems)
	}
}

// TestPanic holds that what panics while it is judged is refused, and that it is
// judged again later.
func TestPanic(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := &Service{o: Options{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}, judged: map[string]*judged{}}
	api := revision.API{Name: revision.Name{Namespace: "default", Name: "orders"}}
	rev := &revision.Revision{APIs: []revision.API{api}}
	broken := &profile{Profile: Standard(), rulesets: []*rules.Ruleset{nil}}
	first := s.judge(t.Context(), rev, &api, broken)
	if first.report.Status != rules.Failed || len(first.report.Errors) != 1 {
		t.Fatalf("%+v", first.report)
	}
	if s.judge(t.Context(), rev, &api, broken) != first {
		t.Error("it was judged again at once")
	}
	now = now.Add(retryAfter)
	if s.judge(t.Context(), rev, &api, broken) == first {
		t.Error("it was not judged again later")
	}
}

// TestShown holds the bounds of what is shown of the files of a description, and
// that nothing outside its folder is.
func TestShown(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "lines.yaml", strings.Repeat("\n", maxLines+5))
	write(t, dir, "long.yaml", strings.Repeat("x", maxShown+5))
	write(t, dir, "short.yaml", "a\nb\xff")
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "out.yaml")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]struct {
		lines   int
		cut     bool
		missing bool
	}{
		"lines.yaml": {maxLines, true, false}, "long.yaml": {1, true, false}, "short.yaml": {2, false, false},
		"out.yaml": {0, false, true}, "nothing.yaml": {0, false, true}, ".": {0, false, true},
	} {
		f := shown(root, name, name)
		if len(f.Lines) != want.lines || f.Cut != want.cut || (f.Missing != "") != want.missing {
			t.Errorf("%s: %d lines, cut %v, missing %q", name, len(f.Lines), f.Cut, f.Missing)
		}
	}
}
