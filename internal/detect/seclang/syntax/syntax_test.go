package syntax

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestParse plays testdata: each file is a list of texts and of what they are
// read as, or of the error they get.
func TestParse(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(archive.Files)%2 != 0 {
			t.Fatalf("%s: an odd number of parts", path)
		}
		for i := 0; i < len(archive.Files); i += 2 {
			in, want := archive.Files[i], archive.Files[i+1]
			if in.Name != "in" || want.Name != "want" && want.Name != "error" {
				t.Fatalf("%s: parts %q and %q, want in and want or error", path, in.Name, want.Name)
			}
			got, err := Parse("f.conf", string(in.Data))
			text := render(got)
			if (err != nil) != (want.Name == "error") {
				t.Errorf("%s: error %v on\n%s", path, err, in.Data)
			}
			if err != nil {
				text = err.Error() + "\n"
				var e *Error
				if !errors.As(err, &e) || e.Pos.File != "f.conf" {
					t.Errorf("%s: %v is no *Error with its place", path, err)
				}
			}
			if text != string(want.Data) {
				t.Errorf("%s:\n%sgot:\n%swant:\n%s", path, in.Data, text, want.Data)
			}
			played++
		}
	}
	t.Logf("%d texts", played)
	if played < 25 {
		t.Errorf("only %d texts were played", played)
	}
}

func render(directives []Directive) string {
	var b strings.Builder
	for _, d := range directives {
		fmt.Fprintf(&b, "%d %s", d.Pos.Line, d.Name)
		if d.Arguments != nil {
			fmt.Fprintf(&b, " %s", d.Arguments)
		}
		b.WriteByte('\n')
		if d.Rule != nil {
			renderRule(&b, d.Rule, "  ")
		}
	}
	return b.String()
}

func renderRule(b *strings.Builder, r *Rule, indent string) {
	for _, v := range r.Variables {
		mark, colon := "", ":"
		switch {
		case v.Exclude:
			mark = "!"
		case v.Count:
			mark = "&"
		}
		if v.Regex {
			colon = "~"
		}
		if v.Key == "" {
			colon = ""
		}
		fmt.Fprintf(b, "%s%s%s%s%s\n", indent, mark, v.Name, colon, v.Key)
	}
	if r.Operator.Name != "" {
		mark := ""
		if r.Operator.Negated {
			mark = "!"
		}
		fmt.Fprintf(b, "%s%s%s %q\n", indent, mark, r.Operator.Name, r.Operator.Argument)
	}
	for _, a := range r.Actions {
		b.WriteString(indent + a.Name)
		if a.Value != "" {
			b.WriteString(":" + a.Value)
		}
		b.WriteByte('\n')
	}
	if r.Chained != nil {
		fmt.Fprintf(b, "%schained %d\n", indent, r.Chained.Pos.Line)
		renderRule(b, r.Chained, indent+"  ")
	}
}

// FuzzParse holds that no text panics, that every error has its place, and
// that what was read has the names that the compiler relies on.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "in" {
				f.Add(string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		directives, err := Parse("f", text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos.Line < 1 || e.Pos.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("the place of %v is wrong", err)
			}
			return
		}
		for _, d := range directives {
			if !isWord(d.Name) {
				t.Fatalf("directive %q", d.Name)
			}
			for r := d.Rule; r != nil; r = r.Chained {
				checkNames(t, r)
			}
		}
	})
}

func checkNames(t *testing.T, r *Rule) {
	t.Helper()
	for _, v := range r.Variables {
		if !isWord(v.Name) || v.Name != strings.ToUpper(v.Name) {
			t.Fatalf("variable %q", v.Name)
		}
	}
	for _, a := range r.Actions {
		if !isWord(a.Name) || a.Name != strings.ToLower(a.Name) {
			t.Fatalf("action %q", a.Name)
		}
	}
	if len(r.Variables) > 0 && !isWord(r.Operator.Name) {
		t.Fatalf("operator %q", r.Operator.Name)
	}
}
