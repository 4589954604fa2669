package dataweave

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/encoding/jsontext"
)

// scriptEnv offers a payload, two headers of one name and a clock that stands.
type scriptEnv struct{ payload Value }

func (e scriptEnv) Lookup(root string) (Value, bool) {
	switch root {
	case "payload":
		return e.payload, true
	case "attributes":
		return NewEntries([]Entry{{Key: "headers", Value: NewEntries([]Entry{
			{Key: "host", Value: String("api.test")}, {Key: "x-many", Value: String("1")}, {Key: "x-many", Value: String("2")},
		})}}), true
	}
	return Value{}, false
}

func (scriptEnv) Now() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// readPayload reads a payload by its media type.
func readPayload(media string, data []byte) (Value, error) {
	data = bytes.TrimSuffix(data, []byte("\n"))
	switch {
	case strings.HasSuffix(media, "json"):
		return FromJSONOrdered(data)
	case strings.HasSuffix(media, "xml"):
		return FromXML(data)
	case strings.HasSuffix(media, "urlencoded"):
		return FromForm(data)
	}
	return String(string(data)), nil
}

// expressions gives the lines of expressions.txt and their payload.
func expressions(t testing.TB) (payload Value, cases [][2]string) {
	text, err := os.ReadFile("testdata/scripts/expressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if given, ok := strings.CutPrefix(line, "# payload is "); ok {
			if payload, err = FromJSONOrdered([]byte(given)); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		expression, want, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("no => in %q", line)
		}
		cases = append(cases, [2]string{expression, want})
	}
	return payload, cases
}

func TestScriptExpressions(t *testing.T) {
	payload, cases := expressions(t)
	for _, c := range cases {
		header := "output application/json indent=false\n---\n"
		s, err := CompileScript(header + c[0])
		if part, ok := strings.CutPrefix(c[1], "refused: "); ok {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: compiles with %v; want a refusal with %q", c[0], err, part)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		got, _, err := s.Write(scriptEnv{payload})
		if part, ok := strings.CutPrefix(c[1], "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %s, %v; want an error with %q", c[0], got, err, part)
			}
			continue
		}
		if err != nil || string(got) != c[1] {
			t.Errorf("%s: got %s, %v; want %s", c[0], got, err, c[1])
		}
	}
	t.Logf("played %d expressions", len(cases))
	if len(cases) < 170 {
		t.Errorf("only %d expressions", len(cases))
	}
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var script, media string
		var data []byte
		for _, section := range archive.Files {
			name, argument, _ := strings.Cut(section.Name, " ")
			switch name {
			case "script":
				script, media, data = string(section.Data), "", nil
			case "payload":
				media, data = argument, section.Data
			default:
				played++
				playScript(t, name, script, media, data, strings.TrimSuffix(string(section.Data), "\n"))
			}
		}
	}
	t.Logf("played %d scripts", played)
	if played < 25 {
		t.Errorf("only %d scripts", played)
	}
}

func playScript(t *testing.T, kind, script, media string, data []byte, want string) {
	t.Helper()
	s, err := CompileScript(script)
	if kind == "refused" {
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot %v\nwant %s", script, err, want)
		}
		return
	}
	if err != nil {
		t.Errorf("%s\n%v", script, err)
		return
	}
	payload, err := readPayload(media, data)
	if kind == "unreadable" {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v\nwant %s", data, err, want)
		}
		return
	}
	if err != nil {
		t.Errorf("%s\n%v", data, err)
		return
	}
	got, _, err := s.Write(scriptEnv{payload})
	if kind == "error" {
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot %.200s %v\nwant %s", script, got, err, want)
		}
		return
	}
	if err != nil || string(got) != want {
		t.Errorf("%s\ngot %s, %v\nwant %s", script, got, err, want)
	}
}

// TestScriptLimits holds that whatever a script does, it stops in time.
func TestScriptLimits(t *testing.T) {
	nest := func(open, inner, closing string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(closing, n)
	}
	cases := []struct{ name, script, want string }{
		{"length", strings.Repeat(" ", maxText+1), "longer than"},
		{"parentheses", nest("(", "1", ")", 200), "nested deeper"},
		{"arrays", nest("[", "1", "]", 200), "nested deeper"},
		{"objects", nest("{a: ", "1", "}", 200), "nested deeper"},
		{"keys", nest("{(", "1", "): 1}", 200), "nested deeper"},
		{"lambdas", nest("[] map ((x) -> ", "1", ")", 200), "nested deeper"},
		{"interpolations", nest(`"$(`, "1", `)"`, 200), "nested deeper"},
		{"unclosed interpolations", strings.Repeat(`"$(`, 20000), "nested deeper"},
		{"unclosed parentheses", strings.Repeat("(a", 20000), "nested deeper"},
		{"minus", strings.Repeat("- ", 200) + "a", "nested deeper"},
		{"sums", "1" + strings.Repeat(" + 1", 200), "nested deeper"},
		{"casts", "1" + strings.Repeat(" as Number", 200), "nested deeper"},
		{"selectors", "payload" + strings.Repeat(".a", 200), "selectors in a row"},
		{"ifs", strings.Repeat("if (true) 1 else ", 200) + "1", "nested deeper"},
		{"matches", nest("1 match { else -> ", "1", "}", 200), "nested deeper"},
		{"steps", "(1 to 2000) map ((x) -> (1 to 2000) countBy ($ == x))", "more than 1048576 steps"},
		{"regexes", `var t = "a" repeat 1000000 --- (1 to 1000) map (t matches /(a|aa)+/)`, "more than 1048576 steps"},
		{"text", `(1 to 40) reduce ((n, acc = "a") -> acc ++ acc)`, "longer than"},
		{"long text", `"a" repeat 100000000`, "longer than"},
		{"padding", `leftPad("a", 100000000)`, "longer than"},
	}
	for _, c := range cases {
		began := time.Now()
		s, err := CompileScript(c.script)
		if err == nil {
			_, _, err = s.Write(scriptEnv{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %s", c.name, took)
		}
	}
	t.Logf("played %d limits", len(cases))
}

// TestScriptDocumented holds script.md to the implementation.
func TestScriptDocumented(t *testing.T) {
	raw, err := os.ReadFile("script.md")
	if err != nil {
		t.Fatal(err)
	}
	all := builtins()
	for name := range all {
		if !strings.Contains(string(raw), "`"+name+"`") {
			t.Errorf("script.md does not name the function %s", name)
		}
	}
	t.Logf("checked %d functions", len(all))
	if len(all) < 75 {
		t.Errorf("only %d functions", len(all))
	}
}

// TestScriptKeepsJSON holds that a body that is passed on stays what it was.
func TestScriptKeepsJSON(t *testing.T) {
	s, err := CompileScript("output application/json indent=false\n---\npayload")
	if err != nil {
		t.Fatal(err)
	}
	scalar := rapid.OneOf(
		rapid.SampledFrom([]string{"null", "true", "false", "[]", "{}", `""`}),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?(e[+-]?[0-9]{1,2})?`),
		rapid.Map(rapid.String(), func(s string) string { return string(jsontext.AppendQuote(nil, s)) }),
	)
	value := scalar
	for range 3 {
		inner := rapid.SliceOfN(value, 1, 4)
		value = rapid.OneOf(scalar,
			rapid.Map(inner, func(list []string) string { return "[" + strings.Join(list, ",") + "]" }),
			rapid.Map(inner, func(list []string) string { return `{"k":` + strings.Join(list, `,"k":`) + "}" }))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := value.Draw(t, "body")
		payload, err := FromJSONOrdered([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Write(scriptEnv{payload}); err != nil || string(got) != text {
			t.Fatalf("%s became %s, %v", text, got, err)
		}
	})
}

func FuzzScript(f *testing.F) {
	payload, cases := expressions(f)
	for _, c := range cases {
		f.Add(c[0])
	}
	files, _ := filepath.Glob("testdata/scripts/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range archive.Files {
			if section.Name == "script" {
				f.Add(string(section.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := CompileScript(text)
		if err == nil {
			var out []byte
			if out, _, err = s.Write(scriptEnv{payload}); len(out) > maxOutput {
				t.Fatalf("an output of %d bytes", len(out))
			}
		}
		var placed *ScriptError
		if err != nil && (!errors.As(err, &placed) || placed.Line < 1 || placed.Column < 1) {
			t.Fatalf("the error %v has no place", err)
		}
	})
}

func FuzzFromXML(f *testing.F) {
	f.Add([]byte(`<a x="1"><b>t</b>m<c xmlns="urn:c"/></a>`))
	s, err := CompileScript("output application/xml\n---\npayload mapObject {($$): $}")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := FromXML(data)
		if err != nil {
			return
		}
		out, _, err := s.Write(scriptEnv{v})
		if err != nil {
			return
		}
		if _, err := FromXML(out); err != nil {
			t.Fatalf("%s was written as %s, which is not read: %v", data, out, err)
		}
	})
}
