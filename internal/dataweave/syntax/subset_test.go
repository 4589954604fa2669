package syntax_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/dataweave/syntax"
)

// TestSubset reads all scripts that the evaluator accepts, and all expressions of its
// tests that are DataWeave, without a problem.
func TestSubset(t *testing.T) {
	var scripts []string
	text, err := os.ReadFile("../testdata/scripts/expressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if script, _, ok := strings.Cut(line, " => "); ok && !strings.HasPrefix(line, "#") {
			scripts = append(scripts, script)
		}
	}
	files, err := filepath.Glob("../testdata/scripts/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name == "script" {
				scripts = append(scripts, string(f.Data))
			}
		}
	}
	played := 0
	for _, script := range scripts {
		if _, err := dataweave.CompileScript(script); err != nil {
			continue
		}
		played++
		script = strings.TrimSpace(script)
		if inner, ok := strings.CutPrefix(script, "#["); ok {
			script = strings.TrimSuffix(inner, "]")
		}
		checkFixpoint(t, script)
	}
	t.Logf("played %d scripts", played)
	if played < 180 {
		t.Errorf("only %d scripts", played)
	}
}

func TestSubsetExpressions(t *testing.T) {
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			inner, ok := strings.CutPrefix(line, "#[")
			if !ok {
				continue
			}
			if _, err := dataweave.Compile(line); err != nil {
				continue
			}
			played++
			s := syntax.ParseExpression(strings.TrimSuffix(inner, "]"))
			if len(s.Problems) > 0 {
				t.Errorf("%s: %+v", line, s.Problems)
			}
		}
	}
	t.Logf("played %d expressions", played)
	if played < 300 {
		t.Errorf("only %d expressions", played)
	}
}
