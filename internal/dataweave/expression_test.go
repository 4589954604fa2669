package dataweave

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// data is an Env over one JSON object.
type data struct{ root Object }

func (d data) Lookup(root string) (Value, bool) { return d.root.Get(root) }

func envOf(t testing.TB, text string) Env {
	t.Helper()
	v, err := FromJSON([]byte(text))
	if err != nil {
		t.Fatalf("env %s: %v", text, err)
	}
	o, ok := v.AsObject()
	if !ok {
		t.Fatalf("env %s: not an object", text)
	}
	return data{o}
}

// played is one case of testdata/*.txt.
type played struct {
	where, text, env string
	verb             byte
	want             string
}

func readCases(t testing.TB) []played {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	var cases []played
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		env, text, have := "{}", "", false
		for i, line := range strings.Split(string(raw), "\n") {
			where := fmt.Sprintf("%s:%d", file, i+1)
			switch {
			case have:
				verb := byte(0)
				if line != "" {
					verb = line[0]
				}
				if strings.IndexByte("=>!x", verb) < 0 {
					t.Fatalf("%s: no expectation below the expression", where)
				}
				cases = append(cases, played{where, text, env, verb, strings.TrimPrefix(line[1:], " ")})
				have = false
			case line == "" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "#  "):
			case strings.HasPrefix(line, "env "):
				env = line[4:]
			default:
				text, have = line, true
			}
		}
		if have {
			t.Fatalf("%s: the last expression has no expectation", file)
		}
	}
	return cases
}

func TestCases(t *testing.T) {
	cases := readCases(t)
	for _, c := range cases {
		if msg := c.play(t); msg != "" {
			t.Errorf("%s: %s: %s", c.where, c.text, msg)
		}
	}
	t.Logf("played %d cases", len(cases))
	if len(cases) < 350 {
		t.Errorf("only %d cases; the files are not read", len(cases))
	}
}

// play returns what is wrong, or "".
func (c played) play(t *testing.T) string {
	e, err := Compile(c.text)
	if c.verb == 'x' {
		var wrong *Error
		if !errors.As(err, &wrong) {
			return fmt.Sprintf("compiled, or no *Error: %v", err)
		}
		offset, want, _ := strings.Cut(c.want, ": ")
		if fmt.Sprint(wrong.Offset) != offset || !strings.Contains(wrong.Msg, want) {
			return fmt.Sprintf("got %v\nwant %s", wrong, c.want)
		}
		return ""
	}
	if err != nil {
		return err.Error()
	}
	env := envOf(t, c.env)
	if c.verb == '>' {
		got, err := e.EvalString(env)
		if err != nil || got != c.want {
			return fmt.Sprintf("got %q, %v; want %q", got, err, c.want)
		}
		return ""
	}
	got, err := e.Eval(env)
	if c.verb == '!' {
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(wrong.Msg, c.want) {
			return fmt.Sprintf("got %v, %v; want error %s", got, err, c.want)
		}
		if wrong.Offset < 0 || wrong.Offset > len(c.text) {
			return fmt.Sprintf("offset %d lies outside", wrong.Offset)
		}
		return ""
	}
	want, wantErr := FromJSON([]byte(c.want))
	if wantErr != nil {
		return wantErr.Error()
	}
	if err != nil || !Equal(got, want) {
		return fmt.Sprintf("got %+v, %v; want %s", got, err, c.want)
	}
	return ""
}

// TestDocumented holds doc.md to the implementation: every function and every
// refused construct it names is one.
func TestDocumented(t *testing.T) {
	raw, err := os.ReadFile("doc.md")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(strings.ReplaceAll(functionList, " and ", ", "), ", ")
	for _, name := range names {
		if _, ok := functionNamed(name); !ok {
			t.Errorf("%s is announced but not there", name)
		}
		if !strings.Contains(string(raw), "`"+name+"`") {
			t.Errorf("doc.md does not name %s", name)
		}
	}
	count := 0
	for _, list := range [][]function{coreFunctions(), stringFunctions(), binaryFunctions(), numberFunctions(), coercionFunctions()} {
		for _, f := range list {
			count++
			if !slices.Contains(names, f.name) {
				t.Errorf("%s is there but not announced", f.name)
			}
		}
	}
	t.Logf("checked %d functions", count)
	if count < 15 {
		t.Errorf("only %d functions", count)
	}
}

func TestRoots(t *testing.T) {
	for text, want := range map[string]string{
		"text":             "",
		"#['payload']":     "",
		"#[vars.payload]":  "vars",
		"#[payload.a.b]":   "payload",
		"#[vars[payload]]": "payload vars",
		"#[if (authentication.clientId == attributes.method) lower(payload) else vars.x]": "attributes authentication payload vars",
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(e.Roots(), " "); got != want {
			t.Errorf("%s: roots %q, want %q", text, got, want)
		}
		if e.UsesPayload() != strings.Contains(want, "payload") {
			t.Errorf("%s: UsesPayload %v", text, e.UsesPayload())
		}
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{"": "", " as it is ": " as it is ", "payload": "payload", "a ] b": "a ] b"} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := e.Literal()
		value, err := e.EvalString(nil)
		if !ok || got != want || value != want || err != nil {
			t.Errorf("%q: literal %q %v, value %q %v", text, got, ok, value, err)
		}
	}
	e, err := Compile("#['a']")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := e.Literal(); ok {
		t.Error("an expression is no literal")
	}
}

func TestEvalBool(t *testing.T) {
	env := envOf(t, `{"vars": {"t": true, "s": "True", "n": 1}}`)
	for text, want := range map[string]bool{"#[vars.t]": true, "#[not vars.t]": false, "#[vars.s]": true, "false": false} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.EvalBool(env); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"#[vars.n]": "a Number can't be cast", "#[vars.absent]": "null can't be cast", "yes": `neither "true" nor "false"`,
		"#[vars.n.x]": "has no keys",
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.EvalBool(env); got || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	nest := func(open, inner, closing string, n int) string {
		return "#[" + strings.Repeat(open, n) + inner + strings.Repeat(closing, n) + "]"
	}
	long := strings.Repeat("#", maxText)
	for name, c := range map[string]struct{ text, want string }{
		"longest text":      {long, ""},
		"longer text":       {long + "x", "longer than 65536 bytes"},
		"deepest":           {nest("(", "1", ")", maxNesting-1), ""},
		"deeper":            {nest("(", "1", ")", maxNesting), "nested deeper than 100"},
		"open only":         {"#[" + strings.Repeat("(", 60000) + "]", "nested deeper than 100"},
		"arrays":            {nest("[", "1", "]", 30000), "nested deeper than 100"},
		"selectors":         {nest("payload[", "1", "]", 7000), "nested deeper than 100"},
		"bangs":             {nest("!", "true", "", 60000), "nested deeper than 100"},
		"nots":              {nest("not ", "true", "", 15000), "nested deeper than 100"},
		"calls":             {nest("lower(", "'a'", ")", 8000), "nested deeper than 100"},
		"ifs":               {nest("if (true) 1 else ", "1", "", 3800), "nested deeper than 100"},
		"comparisons":       {nest("vars == ", "1", "", 8000), "nested deeper than 100"},
		"subtractions":      {nest("vars -- ", "[]", "", 8000), "nested deeper than 100"},
		"infix calls":       {nest("vars contains ", "1", "", 4000), "nested deeper than 100"},
		"casts":             {nest("", "1", " as String", 5000), "nested deeper than 100"},
		"a chain of joins":  {nest("vars.a ++ ", "'x'", "", 6000), ""},
		"a chain of ors":    {nest("vars.a == 1 or ", "true", "", 4000), ""},
		"a chain of keys":   {nest("", "vars", ".a", 30000), ""},
		"a chain of values": {"#[[" + strings.Repeat("1,", 30000) + "1]]", ""},
	} {
		e, err := Compile(c.text)
		if c.want == "" && err == nil {
			_, _ = e.Eval(envOf(t, `{"vars": {}}`)) // an error is fine, a crash is not
			continue
		}
		if c.want == "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

func TestResultLimits(t *testing.T) {
	big := strings.Repeat("x", maxString)
	env := data{mapObject{
		"payload": String(big), "vars": String("y"), "attributes": String(big + "y"),
		"authentication": NewArray(make([]Value, maxArray)...),
	}}
	for text, want := range map[string]string{
		"#[payload]":                          "",
		"#[attributes]":                       "the result is longer",
		"#[payload ++ vars]":                  "++ makes a result beyond",
		"#[payload ++ '']":                    "",
		"#[payload ++ 1]":                     "++ makes a result beyond",
		"#[toBase64(payload)]":                "toBase64: the result is longer",
		"#[lower(attributes)]":                "lower: the text is longer",
		"#[splitBy(payload, '')]":             "splitBy: the result has more than",
		"#[authentication ++ [1]]":            "++ makes a result beyond",
		"#[authentication ++ []]":             "",
		"#[toString([payload, vars])]":        "toString: the result is longer",
		"#[sizeOf(authentication -- [null])]": "",
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Eval(env)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// TestErrorsKeepSecrets evaluates every case with a marked environment: no
// message may quote it.
func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "s3cr3t"
	m := map[string]Value{}
	for _, root := range roots {
		m[root] = NewObject(map[string]Value{"s": String(secret), "list": NewArray(String(secret)), "z": String(secret)})
	}
	failures := 0
	for _, c := range readCases(t) {
		e, err := Compile(c.text)
		if err != nil {
			continue
		}
		if _, err = e.EvalBool(data{mapObject(m)}); err != nil {
			failures++
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", c.text, err)
			}
		}
	}
	t.Logf("saw %d errors", failures)
	if failures < 100 {
		t.Errorf("only %d errors", failures)
	}
}

// TestQuotedStringsReturn compiles any text as a string literal and gets it back.
func TestQuotedStringsReturn(t *testing.T) {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `$`, `\$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		e, err := Compile("#['" + quote.Replace(s) + "']")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.EvalString(nil); got != s || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, c := range readCases(f) {
		f.Add(c.text)
	}
	env := envOf(f, `{"attributes": {"headers": {"a": "b"}, "list": [1, "a", null, {"k": [true]}]}, "payload": {"a": "b"}, "vars": {"n": 1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Compile(text)
		b, again := Compile(text)
		if fmt.Sprint(err) != fmt.Sprint(again) {
			t.Fatalf("compiled twice: %v, then %v", err, again)
		}
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Offset < 0 || wrong.Offset > len(text) {
				t.Fatalf("not an error with an offset: %#v", err)
			}
			return
		}
		v, err := a.Eval(env)
		w, again := b.Eval(env)
		if fmt.Sprint(err) != fmt.Sprint(again) || !slices.Equal(a.Roots(), b.Roots()) {
			t.Fatalf("evaluated twice: %v, then %v", err, again)
		}
		if !strings.Contains(text, "uuid") && !Equal(v, w) {
			t.Fatalf("evaluated twice: %v, then %v", v, w)
		}
		if s, ok := v.AsString(); ok && len(s) > maxString {
			t.Fatalf("a string of %d bytes", len(s))
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,-0,1e3,true,null,"x"]}`, `{"a":1,"a":2}`, `[[[]]]`, `1 2`, `{`, `"\ud800"`, `12345678901234567890`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := FromJSON(raw)
		if err != nil {
			return
		}
		if !json.Valid(raw) {
			t.Fatal("read what is not JSON")
		}
		if w, err := FromJSON(raw); err != nil || !Equal(v, w) || string(appendIdentity(nil, v)) != string(appendIdentity(nil, w)) {
			t.Fatal("read twice, not the same")
		}
	})
}
