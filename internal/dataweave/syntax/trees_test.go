package syntax_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/dataweave/syntax/mel"
)

// treeCase is a script and what is wanted of it: its tree, and its problems as
// "start-end message".
type treeCase struct {
	script, tree string
	problems     []string
}

// treeCases reads a file of scripts, each followed by a line "=> tree" and lines
// "! start-end message". Lines that begin with "## " are headings.
func treeCases(t testing.TB, file string) []treeCase {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []treeCase
	var script []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "## "):
		case line == "" && len(script) == 0:
		case strings.HasPrefix(line, "=> "):
			cases = append(cases, treeCase{script: strings.Join(script, "\n"), tree: line[3:]})
			script = nil
		case strings.HasPrefix(line, "! "):
			c := &cases[len(cases)-1]
			c.problems = append(c.problems, line[2:])
		default:
			script = append(script, line)
		}
	}
	return cases
}

func problems(s *syntax.Script) []string {
	var list []string
	for _, p := range s.Problems {
		list = append(list, fmt.Sprintf("%d-%d %s", p.Start, p.End, p.Message))
	}
	return list
}

func play(t *testing.T, file string, least int, parse func(string) *syntax.Script) {
	t.Helper()
	cases := treeCases(t, file)
	for _, c := range cases {
		s := parse(c.script)
		checkScript(t, c.script, s)
		if got := dump(s); got != c.tree {
			t.Errorf("%s\ngot  %s\nwant %s", c.script, got, c.tree)
		}
		got, want := strings.Join(problems(s), "\n"), strings.Join(c.problems, "\n")
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", c.script, got, want)
		}
	}
	t.Logf("played %d scripts of %s", len(cases), file)
	if len(cases) < least {
		t.Errorf("only %d cases", len(cases))
	}
}

func TestTrees(t *testing.T) {
	play(t, "testdata/trees.txt", 150, syntax.Parse)
	for _, c := range treeCases(t, "testdata/trees.txt") {
		checkFixpoint(t, c.script)
	}
}

func TestBroken(t *testing.T) { play(t, "testdata/broken.txt", 60, syntax.Parse) }

func TestMEL(t *testing.T) { play(t, "testdata/mel.txt", 50, mel.Parse) }
