package transform

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/html"
)

// registered are the names that Coraza 3.8.1 registers, but for "none".
var registered = strings.Fields(`base64Decode base64DecodeExt base64Encode cmdLine compressWhitespace cssDecode
	escapeSeqDecode hexDecode hexEncode htmlEntityDecode jsDecode length lowercase md5 normalisePath normalisePathWin
	normalizePath normalizePathWin removeComments removeCommentsChar removeNulls removeWhitespace replaceComments
	replaceNulls sha1 uppercase urlDecode urlDecodeUni urlEncode utf8toUnicode trim trimLeft trimRight`)

// tricky has, for each function, texts that touch its corners.
var tricky = []string{
	``, ` `, `a`, `A`, `0`, `+`, `%`, `%4`, `%41`, `%4g`, `%zz`, `%%41`, `%2541`, `a+b`, `%u`, `%u00`, `%u0041`, `%U0041`, `%u004g`, `%uff1c`, `%uff5f`, `%uFF00`,
	`%u2018x`, `%u00e9`, `%%u0041`, `%u%41`, `%u+`, `%+1`, `\`, `\\`, `\\\`, `\a`, `\A`, `\x4`, `\x41`, `\X41`, `\xzz`, `\0`, `\00`, `\000`, `\377`, `\400`, `\777`, `\8`, `\18`, `\1a`,
	`\u0041`, `\U0041`, `\u004`, `\uff21`, `\uFF00`, `\uff5e`, `\uff5f`, `\uff60`, `\u{41}`, `\u{}`, `\u{0ff01}`, `\u{1234567}`, `\u{41`, `\u{ff5f}`, `\u{zz}`, `\?`, `\'`, `\"`, `\n`, `\<nl>`, `a\<nl>b`,
	`\41`, `\41 b`, `\41  b`, `\000041g`, `\0000411`, `\d800`, `\110000`, `\ff21`, `\ff5e x`, `\ff5f`, `\gh`, `\0x`, `\\41`, `\5c41`,
	`&`, `&&`, `&;`, `&#`, `&#;`, `&#1`, `&#12`, `&#x`, `&#x;`, `&#xg`, `&#x41`, `&#x41;`, `&#X41;`, `&#65`, `&#65;`, `&#65a`, `&#0;`, `&#128;`, `&#159;`, `&#xd800;`, `&#x10ffff;`, `&#x110000;`,
	`&#99999999999999999999;`, `&#x100000041;`, `&lt`, `&lt;`, `&ltx`, `&LT`, `&Lt`, `&amp;lt;`, `&ampamp;`, `&notit;`, `&notin;`, `&nGt;`, `&nLt;`, `&nvle;`, `&fjlig;`, `&CounterClockwiseContourIntegral;`,
	`&CounterClockwiseContourIntegralx;`, `&a=1&lt=2`, `&nbsp`, `&nbsp;`, `&copy`, `&copyx;`, `&g`, `&gt`, `&&gt;`, `&Tab;`, `&lt;&`,
	`/`, `//`, `///`, `.`, `..`, `...`, `./`, `../`, `/.`, `/..`, `/./`, `/../`, `a/`, `a//`, `a/b`, `a/./b`, `a/../b`, `a/..`, `a/../`, `a/../..`, `../a`, `../../a/..`, `/a/../..`, `a/b/../../..`, `/a//b/`,
	`.a`, `a.`, `a..`, `..a/`, `\a\b`, `C:\a`, `C:/`, `C:`, `c:a:b`, `a:b`, `a:b/`, `a:b/c`, `a/b:c:d/`, `a. /b . `, ` `, ` /a`, `a/ /b`, ` /`, `/ `, `/ /`, `. `, `.. `, ` .`, `a/. /b`, `..\.. \x`, `1:b`, `C:.`, `:`, `/:`, `:/`, `a/ .`,
	`/*`, `*/`, `/**/`, `/*/`, `a/**/`, `a/**/b`, `/**//*x*/`, `/*x`, `x/*y*/z/*`, `<!--`, `<!-->`, `<!---->`, `<!--a-->b`, `<!--a*/b`, `/*a-->b`, `<!-`, `-->`, `--`, `-`, `->`, `#`, `a#b`, `a--b`, `a-b`, `/#`, `*#/`, `--->`, `<!--#`, `/*-->#`,
	`cmd.exe /c  "dir"`, `c^m^d`, `a ,;b`, `a "/`, `a /(b`, `A;B`, ` (`, ` /`, `, /`, `a  b`, `a<tab>b`, `<tab>`, `<vt>x`, ` <nl><cr> `, `<ff>a<vt>`, `<nul>`, `a<nul>b`, `<nul><nul>a`, `a<nbsp>b`, `<rawa0>`, `a<rawa0><rawa0>b`, `<nel>`, `a<nel><nbsp>b`, `<raw85>`,
	`YQ==`, `YQ`, `YWI=`, `YWJj`, `YWJjZ`, `YWJj ZA`, `YW=Jj`, `YW.Jj`, `YW-_`, `YW!Jj`, `Y`, `=`, `YW<nl>Jj`, `YW<raw85>Jj`, `YW<rawff>Jj`, `++//`, `--__`,
	`41`, `4`, `4g`, `4142`, `4A4b`, `ÀÉ`, `ß`, `İ`, `ıſ`, `K`, `ⱥȺ`, `ɐ`, `ǅ`, `𐐀𐐨`, `Ωω`, `ПРИВЕТ`, `日本語 テキスト`, `<emsp>x`, `a<idsp>b`, `<rawff>`, `a<rawc3>`, `<rawc3>A`, `<rawed><rawa0><raw80>`, `<rawf4><raw90><raw80><raw80>`, `�`, `😀`,
}

// spelled has the bytes for which tricky texts have names.
var spelled = strings.NewReplacer("<nul>", "\x00", "<tab>", "\t", "<nl>", "\n", "<cr>", "\r", "<vt>", "\v", "<ff>", "\f",
	"<nel>", "\u0085", "<nbsp>", "\u00a0", "<emsp>", "\u2003", "<idsp>", "\u3000", "<raw80>", "\x80", "<raw85>", "\x85", "<raw90>", "\x90",
	"<rawa0>", "\xa0", "<rawc3>", "\xc3", "<rawed>", "\xed", "<rawf4>", "\xf4", "<rawff>", "\xff")

// alphabets provoke the functions; each piece is drawn as a whole.
var alphabets = [][]string{
	{"%", "%", "u", "U", "0", "2", "4", "f", "F", "1", "+", "g", "%u00", "%uff", "%25", "\xff"},
	{`\`, `\`, "u", "x", "X", "{", "}", "0", "1", "3", "7", "8", "f", "F", "a", "n", "\n", " ", `"`, `\u{`, `\uff`, `\x`, "é"},
	{"&", "&", "#", "x", "X", ";", "l", "t", "g", "amp", "lt", "not", "in", "nGt", "nvle", "copy", "0", "9", "1", "65", "128", "a", "="},
	{"&amp", "&lt;", "&#65", "&#x3c;", "&not", "&nvle;", "in;", "&", ";", "x"},
	{"/", "/", ".", ".", `\`, "a", " ", ":", "..", "C", "b"},
	{"/", "*", "-", "!", "<", ">", "#", "a", "/*", "*/", "<!--", "-->", " "},
	{" ", " ", "\t", "\n", "\r", "\v", "\f", "a", "B", "\u00a0", "\u0085", "\xa0", "\x85", "\u2003", "\u3000", "\xc2", "é", "\x00"},
	{`"`, "'", `\`, "^", " ", ",", ";", "\t", "\r", "\n", "/", "(", "A", "z", "c", "\v", ")", "é"},
	{"Y", "W", "J", "j", "=", " ", "\r", "\n", ".", "-", "_", "+", "/", "0", "!", "\x85", "\xa0", "\xff", "é"},
	{"a", "Z", "À", "é", "ß", "İ", "ı", "K", "Ⱥ", "ɐ", "ǅ", "𐐀", "日", "\xc3", "\xe2", "\x80", "\xa0", "\xed\xa0\x80", "😀", "@", "[", "`", "{"},
	{"0a", "1B", "9f", "aA", "f0", "2", "0g"},
	{"41", "4a", "c3", "FF"},
}

func randomText(r *rand.Rand) string {
	var b strings.Builder
	switch r.IntN(12) {
	case 0: // any bytes
		for range r.IntN(20) {
			b.WriteByte(byte(r.IntN(256)))
		}
	case 1: // any characters
		for range r.IntN(12) {
			b.WriteRune(rune(r.IntN(0x3100)))
		}
	default:
		a := alphabets[r.IntN(len(alphabets))]
		if r.IntN(4) == 0 {
			a = slices.Concat(a, alphabets[r.IntN(len(alphabets))])
		}
		for range r.IntN(18) {
			b.WriteString(a[r.IntN(len(a))])
		}
		if r.IntN(8) == 0 { // long enough for what reads eight at a time
			b.WriteString(" some ordinary words, then ")
			b.WriteString(a[r.IntN(len(a))])
		}
	}
	return b.String()
}

// crsInputs returns what the tests of the Core Rule Set send.
func crsInputs(tb testing.TB) []string {
	tb.Helper()
	var file struct {
		Tests []struct {
			Stages []struct {
				Input struct {
					Headers map[string]string
					URI     string
					Data    string
					Encoded string `yaml:"encoded_request"`
				}
			}
		}
	}
	var out []string
	err := fs.WalkDir(crstests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".yaml") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, name)
		if err != nil {
			return err
		}
		file.Tests = nil
		if err := yaml.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, t := range file.Tests {
			for _, s := range t.Stages {
				out = append(out, s.Input.URI, s.Input.Data)
				if raw, err := base64.StdEncoding.DecodeString(s.Input.Encoded); err == nil {
					out = append(out, string(raw))
				}
				for _, v := range s.Input.Headers {
					out = append(out, v)
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return len(s) > 2000 })
}

func trickyTexts() []string {
	var out []string
	for _, s := range tricky {
		s = spelled.Replace(s)
		out = append(out, s, "x"+s, s+"x", s+s, "longer than eight "+s+" bytes and more")
	}
	return out
}

// TestAgainstCoraza compares every function, and what it reports, with
// Coraza's over tricky texts, the Core Rule Set's tests and random texts.
func TestAgainstCoraza(t *testing.T) {
	if got := len(Names()); got != len(registered) {
		t.Fatalf("%d names, want %d", got, len(registered))
	}
	o := newOracle(t, registered)
	texts := slices.Concat(trickyTexts(), crsInputs(t))
	fixed := len(texts)
	r := rand.New(rand.NewPCG(1, 2))
	for len(texts) < fixed+randomTexts() {
		texts = append(texts, randomText(r))
	}
	different, affected := map[string]int{}, map[string]int{}
	for _, text := range texts {
		want, changed := o.ask(t, text)
		for i, name := range registered {
			f, ok := Lookup(name)
			if !ok {
				t.Fatalf("no function %s", name)
			}
			got := string(f.Append(nil, text))
			if got != text {
				affected[name]++
			}
			if got != want[i] || f.Changed(text, got) != changed[i] {
				if different[name]++; different[name] <= 5 {
					t.Errorf("t:%s on %q = %q (reports %v), Coraza %q (%v)", name, text, got, f.Changed(text, got), want[i], changed[i])
				}
			}
		}
	}
	for _, name := range registered {
		t.Logf("%-20s %d texts, %d changed, %d different", name, len(texts), affected[name], different[name])
		if affected[name] < 100 {
			t.Errorf("t:%s changed only %d texts", name, affected[name])
		}
	}
	t.Logf("%d texts (%d fixed), %d pairs", len(texts), fixed, len(texts)*len(registered))
	if len(texts)*len(registered) < 200_000 {
		t.Error("too few pairs")
	}
}

func randomTexts() int {
	if testing.Short() {
		return 3000
	}
	return 10_000
}

// TestEntities asks for every name with and without its semicolon.
func TestEntities(t *testing.T) {
	asked := 0
	for line := range strings.Lines(entityList) {
		name, _, _ := strings.Cut(line, " ")
		for _, s := range []string{"&" + name, "&" + strings.TrimSuffix(name, ";"), "&" + strings.TrimSuffix(name, ";") + "x;", "&" + name[:len(name)-1]} {
			asked++
			if got, want := string(appendEntities(nil, s)), html.UnescapeString(s); got != want {
				t.Errorf("%q = %q, want %q", s, got, want)
			}
		}
	}
	if t.Logf("%d asked", asked); asked < 8000 {
		t.Error("too few")
	}
}

// TestNearest asks Coraza for every code point of %uXXXX.
func TestNearest(t *testing.T) {
	o := newOracle(t, []string{"urlDecodeUni"})
	var text strings.Builder
	for block := 0; block < 1<<16; block += 1 << 10 {
		text.Reset()
		for code := block; code < block+1<<10; code++ {
			fmt.Fprintf(&text, "%%u%04x", code)
		}
		want, _ := o.ask(t, text.String())
		if got := appendPercentUni(nil, text.String()); string(got) != want[0] {
			t.Errorf("block %#x differs", block)
		}
	}
}

// TestCharacters compares case and white space of every character with the
// standard library, which Coraza uses.
func TestCharacters(t *testing.T) {
	t.Logf("%d blocks of %d", wide.used+1, maxBlocks)
	var dst []byte
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		if dst = appendLower(dst[:0], s); string(dst) != strings.ToLower(s) {
			t.Errorf("lower case of %U", r)
		}
		if dst = appendUpper(dst[:0], s); string(dst) != strings.ToUpper(s) {
			t.Errorf("upper case of %U", r)
		}
		if dst = appendNoSpace(dst[:0], s); (len(dst) == 0) != unicode.IsSpace(r) {
			t.Errorf("white space %U", r)
		}
	}
}

// check holds what must be true of every function and text.
func check(t *testing.T, text string) {
	t.Helper()
	mask := MaskOf(text)
	for _, name := range registered {
		f, _ := Lookup(name)
		out := f.Append([]byte("before"), text)
		got, ok := bytes.CutPrefix(out, []byte("before"))
		same := string(got) == text
		switch {
		case !ok:
			t.Errorf("t:%s on %q overwrites what stood in dst", name, text)
		case !f.Always && mask&f.Trigger == 0 && !same:
			t.Errorf("t:%s on %q = %q without a trigger", name, text, got)
		case f.Changes != nil && f.Changes(text) == same:
			t.Errorf("t:%s on %q = %q, but Changes says %v", name, text, got, same)
		case len(got) > bound(f.Name, len(text)):
			t.Errorf("t:%s on %q: %d bytes, more than %d", name, text, len(got), bound(f.Name, len(text)))
		}
	}
}

// bound is how long the result for n bytes may be.
func bound(name string, n int) int {
	switch name {
	case "utf8toUnicode":
		return 6 * n
	case "lowercase", "uppercase", "removeWhitespace", "urlEncode":
		return 3 * n
	case "hexEncode":
		return 2 * n
	case "cssDecode":
		return n + n/2
	case "htmlEntityDecode":
		return n + n/5
	case "base64Encode":
		return (n + 2) / 3 * 4
	case "normalisePath", "normalisePathWin":
		return n + 1
	case "length", "md5", "sha1":
		return 20
	}
	return n
}

func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, text := range slices.Concat(trickyTexts(), crsInputs(t)) {
		check(t, text)
	}
	for range 10 * randomTexts() {
		check(t, randomText(r))
	}
	for b := range 256 {
		check(t, string([]byte{byte(b)}))
		for c := range 256 {
			check(t, string([]byte{byte(b), byte(c)}))
		}
	}
}

// TestMask compares MaskOf with a slow one.
func TestMask(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range randomTexts() {
		s := randomText(r)
		var want Mask
		for i := range len(s) {
			want |= classes[s[i]]
		}
		if !utf8.ValidString(s) {
			want |= Broken
		}
		for i, c := range s {
			switch {
			case s[i] < utf8.RuneSelf:
				continue
			case c == 0x85 || c == 0xa0 || s[i] == 0xa0:
				want |= LatinSpace
			case unicode.IsSpace(c):
				want |= WideSpace
			}
			if unicode.ToLower(c) != c {
				want |= WideUpper
			}
			if unicode.ToUpper(c) != c {
				want |= WideLower
			}
		}
		if got := MaskOf(s); got != want {
			t.Fatalf("%q: %b, want %b", s, got, want)
		}
	}
}

func FuzzFunctions(f *testing.F) {
	for _, s := range tricky {
		f.Add(spelled.Replace(s))
	}
	f.Fuzz(check)
}

func TestLookup(t *testing.T) {
	for _, name := range []string{"LOWERCASE", "lowercase", "LowerCase"} {
		if f, ok := Lookup(name); !ok || f.Name != "lowercase" {
			t.Errorf("Lookup(%q) = %q, %v", name, f.Name, ok)
		}
	}
	for _, name := range []string{"none", "", "sqlHexDecode"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("Lookup(%q) found", name)
		}
	}
	british, _ := Lookup("normalisePath")
	american, _ := Lookup("normalizePath")
	if british.Name != american.Name {
		t.Error("two names of one function")
	}
}
