package logging

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// check holds what is true of every line.
func check(t *testing.T, f format, l line) {
	t.Helper()
	text := f.append(nil, &l)
	if len(text) > maxLine {
		t.Errorf("%d bytes", len(text))
	}
	if !utf8.Valid(text) {
		t.Errorf("no UTF-8: %q", text)
	}
	for _, r := range string(text) {
		if unicode.IsControl(r) || invisible(r) {
			t.Fatalf("the line has %U: %q", r, text)
		}
	}
	if f.template == nil {
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("message", "name", "value", "logger")
	f.Add("a\r\nb\x00\x7f\u2028\u202e\xff", `"\`, strings.Repeat("\x01", maxLine), "x")
	f.Add(strings.Repeat("é\"", maxLine), "cut", strings.Repeat("\\", maxLine), strings.Repeat("long", maxLine))
	parts, err := parseTemplate(defaultTemplate)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message, name, value, logger string) {
		l := line{message: message, logger: logger, fields: []field{{name, value}, {"second", value}}}
		check(t, format{}, l)
		check(t, format{template: parts}, l)
		l.access = access{exchange: "id", method: name, path: value, clientID: message, api: logger}
		check(t, format{}, l)
		check(t, format{template: parts}, l)
	})
}

func TestCutLineSaysSo(t *testing.T) {
	l := line{message: "m", fields: []field{{"a", "short"}, {"b", strings.Repeat("x", maxLine)}, {"c", "lost"}}}
	if got := string((&format{}).append(nil, &l)); !strings.HasSuffix(got, `"message":"m","a":"short","cut":true}`) {
		t.Errorf("got %s", got)
	}
}

func TestCutLeavesNoPartOfASecret(t *testing.T) {
	secret := "Bearer " + strings.Repeat("abcdefgh", 40)
	text := strings.Repeat("word ", (maxLine-100)/5) + secret
	if got := mask(text); strings.Contains(got, "abcdefgh") {
		t.Errorf("…%s", got[len(got)-200:])
	}
}
