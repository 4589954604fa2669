package opinion

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
)

// lines are the texts of a file: one a line, Go-quoted where it begins with a
// quote mark of Go; '#' at the start of a line is a comment.
func lines(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var all []string
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if unquoted, err := strconv.Unquote(line); err == nil && strings.HasPrefix(line, `"\`) {
			line = unquoted
		}
		all = append(all, line)
	}
	return all
}

func TestOpinions(t *testing.T) {
	played := 0
	for _, c := range []struct {
		file  string
		judge func(string) bool
		want  bool
	}{
		{"sql.txt", SQL, true},
		{"not-sql.txt", SQL, false},
		{"shell.txt", Shell, true},
		{"not-shell.txt", Shell, false},
		{"java.txt", Java, true},
		{"not-java.txt", Java, false},
		{"path.txt", Path, true},
		{"not-path.txt", Path, false},
		{"filename.txt", FileName, true},
		{"not-filename.txt", FileName, false},
		{"script.txt", Script, true},
		{"not-script.txt", Script, false},
		{"php.txt", PHP, true},
		{"not-php.txt", PHP, false},
		{"call.txt", PHPCall, true},
		{"not-call.txt", PHPCall, false},
		{"node.txt", Node, true},
		{"not-node.txt", Node, false},
		{"operator.txt", MongoOperator, true},
		{"not-operator.txt", MongoOperator, false},
		{"markup.txt", Markup, true},
		{"not-markup.txt", Markup, false},
		{"attribute.txt", Attribute, true},
		{"not-attribute.txt", Attribute, false},
		{"scripturl.txt", ScriptURL, true},
		{"not-scripturl.txt", ScriptURL, false},
		{"url.txt", URL, true},
		{"not-url.txt", URL, false},
		{"address.txt", Address, true},
		{"not-address.txt", Address, false},
		{"splitting.txt", Splitting, true},
		{"not-splitting.txt", Splitting, false},
	} {
		for _, text := range lines(t, c.file) {
			played++
			if got := c.judge(text); got != c.want {
				t.Errorf("%s: %q: %v, want %v", c.file, text, got, c.want)
			}
		}
	}
	t.Logf("played %d texts", played)
	if played < 200 {
		t.Errorf("only %d texts were played", played)
	}
}

func TestLongTexts(t *testing.T) {
	prose := strings.Repeat("Select your union rep, or update the group table by noon; it's a \"must\". ", 1500)
	if SQL(prose) || Shell(prose) {
		t.Error("long prose is no statement and no command")
	}
	if !SQL(prose+"' or 1=1 --") || !SQL("' or 1=1 -- "+prose) || !SQL("x' union select 1 /*"+prose) {
		t.Error("an attack hides in long prose")
	}
	if !SQL(strings.Repeat("'+1", 100_000)) {
		t.Error("a text that is not parsed to its end may not be waved through")
	}
}

func FuzzOpinions(f *testing.F) {
	for _, seed := range []string{"1' OR 1=1--", "((((", "1 UNION SELECT", "case when", "/*!50000", "; ls -la", "$(id)", "0x", "q'[", "@", ":", "[a"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, opinion := range []func(string) bool{
			SQL, Shell, Java, Path, FileName, Script, PHP, PHPCall, Node, MongoOperator, Markup, Attribute, ScriptURL, URL, Address, Splitting,
		} {
			opinion(text)
		}
	})
}
