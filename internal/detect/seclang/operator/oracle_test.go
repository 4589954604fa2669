package operator

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
)

// oracle is a Coraza with one rule for each operator, over one argument of a
// request, so that a text meets all of them at once.
type oracle struct {
	waf coraza.WAF
	n   int
}

func newOracle(t testing.TB, files fs.FS, operators []string) *oracle {
	t.Helper()
	var b strings.Builder
	b.WriteString("SecRuleEngine DetectionOnly\n")
	for i, o := range operators {
		fmt.Fprintf(&b, "SecRule ARGS_GET:v \"@%s\" \"id:%d,phase:1,pass,nolog\"\n", strings.ReplaceAll(o, `"`, `\"`), i+1)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(files).WithDirectives(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return &oracle{waf, len(operators)}
}

// ask returns, for each operator, whether it matches.
func (o *oracle) ask(text string) []bool {
	tx := o.waf.NewTransaction()
	defer tx.Close()
	tx.AddGetRequestArgument("v", text)
	tx.ProcessRequestHeaders()
	out := make([]bool, o.n)
	for _, m := range tx.MatchedRules() {
		out[m.Rule().ID()-1] = true
	}
	return out
}

var constants = []string{
	"streq abc", "streq a b", "contains b", "contains a.b", "strmatch 12", "within abc,def 12 xyz", "beginsWith ab", "beginsWith 1", "endsWith c", "endsWith 2",
	"eq 0", "eq 12", "eq -3", "eq abc", "eq +7", "eq 9223372036854775807", "eq 99999999999999999999", "eq 012", "ge 5", "ge -1", "gt 0", "gt 12", "gt x", "le 12", "le -9223372036854775808", "lt 1", "lt 13", "lt -99999999999999999999",
	"ipMatch 192.0.2.0/24,10.1.2.3", "ipMatch 2001:db8::/32", "ipMatch ::ffff:10.0.0.0/104", "ipMatch ::1, 127.0.0.1", "ipMatch 0.0.0.0/0", "ipMatch ::/0", "ipMatchFromFile nets.data", "ipMatchF nets.data",
	"validateByteRange 32-126", "validateByteRange 1-255", "validateByteRange 9,10,13,32-126,128-255", "validateByteRange 0", "validateByteRange 38,44-46,48-58,61,65-90,95,97-122", "validateByteRange ", "validateByteRange 50-40",
	"validateUrlEncoding ", "validateUtf8Encoding ", "noMatch ", "unconditionalMatch ",
	`validateNid cl [0-9.\-k]{8,14}`, `validateNid us [0-9\-]{9,11}`, `validateNid us \d+`,
	"restpath /items/{id}", "restpath /a/{b}/c/{d}", "restpath /x{}/{y}", "restpath ^/{z}$",
}

const networks = "# private\n10.0.0.0/8\n\n 192.168.0.0/16 \nfd00::/8\n1.2.3.4\n"

// compileAll compiles the same operators of ours.
func compileAll(t testing.TB) []Match {
	t.Helper()
	var out []Match
	for _, c := range constants {
		name, argument, _ := strings.Cut(c, " ")
		o, known := Lookup(strings.ToLower(name))
		if !known {
			t.Fatalf("%s is not known", name)
		}
		if argument == "nets.data" {
			argument = networks
		}
		m, err := o.Compile(strings.TrimSpace(argument))
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		out = append(out, m)
	}
	return out
}

var pieces = [][]string{
	{"a", "b", "c", "abc", "ab", "a b", "a.b", "12", "1", "2", ",", " ", "xyz", "d", "f", "def"},
	{"0", "1", "2", "12", "13", "-", "+", "5", "99999999999999999", "9223372036854775807", "_", " ", "x", "012", "3"},
	{"192.0.2.", "10.", "0.", "1", "2.3", "127.0.0.1", "::", "2001:db8:", ":", "ffff:", "fd00:", "/", "24", "1.2.3.4", "%eth0", "192.168.1.1"},
	{"%", "%41", "%4", "%zz", "4", "1", "f", "\xff", "é", "\x00", "\n", "~", " ", "%%", "\xc3"},
	{"12.345.678-5", "11.111.111-1", "7.654.321-6", "k", "123-45-6789", "078051120", "666", "000", "111111111", "-", " ", "1", "9", "345678"},
	{"/", "items/", "a/", "b", "/c/", "?", "d", "{", "}", "x", "/x{}/", "/items/7", "/a/1/c/2"},
}

// TestAsCoraza compares the small operators on tables and random texts.
func TestAsCoraza(t *testing.T) {
	o := newOracle(t, fstest.MapFS{"nets.data": &fstest.MapFile{Data: []byte(networks)}}, constants)
	ours := compileAll(t)
	texts := []string{"", " ", "abc", "a", "12", "-3", "+7", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "012", "1_2", "0x10", "+", "-", "192.0.2.7", "::ffff:10.1.1.1", "10.1.2.3", "fe80::1%eth0"}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), "ab"+string([]byte{byte(c)}))
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range rounds(20_000) {
		texts = append(texts, randomText(random, pieces))
	}
	asked, matched := 0, 0
	for _, text := range texts {
		for i, want := range o.ask(text) {
			asked++
			if want {
				matched++
			}
			if got := ours[i](text); got != want {
				t.Fatalf("@%s on %q: %v, Coraza says %v", constants[i], text, got, want)
			}
			name, argument, _ := strings.Cut(constants[i], " ")
			if op, _ := Lookup(strings.ToLower(name)); op.Test != nil && op.Test(argument, text) != want {
				t.Fatalf("@%s on %q with a late argument: %v, Coraza says %v", constants[i], text, !want, want)
			}
		}
	}
	t.Logf("%d operators, %d texts, %d answers, %d of them matches, 0 differences", len(constants), len(texts), asked, matched)
	if asked < 1_000_000 || matched < asked/50 {
		t.Error("too few")
	}
}

func TestContainsWord(t *testing.T) {
	o, _ := Lookup("containsword")
	for text, want := range map[string]bool{"a cat": true, "cat": true, "cats": false, "concat": false, "cats cat": true, "_cat": false, "(cat)": true, "ca t": false, "": false} {
		if o.Test("cat", text) != want {
			t.Errorf("%q: not %v", text, want)
		}
	}
}

func TestRefusedArguments(t *testing.T) {
	refused := map[string]string{
		"streq": "", "ipmatch": "10.0.0.0/33", "validatebyterange": "1-256", "validatenid": "de x", "restpath": "/{a b}",
	}
	for name, argument := range refused {
		o, _ := Lookup(name)
		if _, err := o.Compile(argument); err == nil {
			t.Errorf("@%s %s compiles", name, argument)
		} else {
			t.Logf("@%s %s: %v", name, argument, err)
		}
	}
	for _, name := range []string{"rx", "pm", "geolookup", "rbl", "Streq", ""} {
		if _, known := Lookup(name); known {
			t.Errorf("%q is known", name)
		}
	}
}

// crsLists are the phrases of all pm and pmFromFile rules of the Core Rule
// Set, and the operators that hold them.
func crsLists(t testing.TB) (operators []string, lists [][]string) {
	t.Helper()
	names, err := fs.Glob(coreruleset.FS, "@owasp_crs/*.data")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := fs.ReadFile(coreruleset.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		operators = append(operators, "pmFromFile "+name)
		lists = append(lists, Lines(string(content)))
	}
	for _, argument := range []string{"AppleWebKit Android", "<%", "<? <?php", "document.cookie", "GET POST a bb ccc", "é É ß", "x", "%0a \\n", "aa aaa aaaa b"} {
		operators = append(operators, "pm "+argument)
		lists = append(lists, Words(argument))
	}
	return operators, lists
}

// TestPhrasesAsCoraza compares phrases with Coraza's on random texts made of
// them.
func TestPhrasesAsCoraza(t *testing.T) {
	operators, lists := crsLists(t)
	o := newOracle(t, coreruleset.FS, operators)
	p := CompilePhrases(lists)
	phrases := 0
	for _, l := range lists {
		phrases += len(l)
	}
	t.Logf("%d lists, %d phrases, %d states, %d of them written out, %d classes, %d bytes", len(lists), phrases, len(p.fail), p.dense, p.stride, p.Bytes())
	if phrases < 2_500 || p.Bytes() > 8<<20 {
		t.Error("too few phrases, or too much memory")
	}
	random := rand.New(rand.NewPCG(7, 8))
	hits := make([]uint64, (len(lists)+63)/64)
	answers, matched := 0, 0
	for round := range rounds(10_000) {
		text := phraseText(random, lists)
		clear(hits)
		p.Scan(text, hits)
		for i, want := range o.ask(text) {
			answers++
			if want {
				matched++
			}
			if got := hits[i/64]>>(i%64)&1 == 1; got != want {
				t.Fatalf("@%s on %q: %v, Coraza says %v", operators[i], text, got, want)
			}
			if round%16 != 0 {
				continue
			}
			if phrase, ok := p.Find(text, i); ok != want || ok != (naive(text, lists[i]) == phrase && phrase != "") {
				t.Fatalf("@%s on %q: found %q, %q is first", operators[i], text, phrase, naive(text, lists[i]))
			}
		}
	}
	t.Logf("%d answers, %d of them matches, 0 differences", answers, matched)
	if answers < 250_000 || matched < 10_000 {
		t.Error("too few")
	}
}

// naive finds the first of the longest phrases.
func naive(text string, phrases []string) string {
	for i := range len(text) {
		best := 0
		for _, phrase := range phrases {
			if len(phrase) > best && len(text)-i >= len(phrase) && equalFold(text[i:i+len(phrase)], phrase) {
				best = len(phrase)
			}
		}
		if best > 0 {
			return text[i : i+best]
		}
	}
	return ""
}

func equalFold(a, b string) bool {
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func phraseText(random *rand.Rand, lists [][]string) string {
	var b strings.Builder
	for range random.IntN(4) {
		list := lists[random.IntN(len(lists))]
		phrase := list[random.IntN(len(list))]
		switch random.IntN(4) {
		case 0:
			phrase = strings.ToUpper(phrase)
		case 1:
			phrase = phrase[:random.IntN(len(phrase)+1)]
		case 2:
			phrase = phrase[random.IntN(len(phrase)+1):]
		}
		b.WriteString(phrase)
		if random.IntN(3) == 0 {
			b.WriteString([]string{" ", "a", "/", "\xc3", "É", "-", "x"}[random.IntN(7)])
		}
	}
	return b.String()
}

func TestPhrasesEdges(t *testing.T) {
	tests := []struct {
		name  string
		lists [][]string
		text  string
		want  uint64
	}{
		{"no list", nil, "abc", 0},
		{"empty list", [][]string{{}}, "abc", 0},
		{"empty phrase", [][]string{{""}, {"b"}}, "", 1},
		{"empty phrase in text", [][]string{{"x"}, {"", "b"}}, "c", 2},
		{"suffix of another", [][]string{{"abcd"}, {"bc"}, {"c"}}, "xabcx", 6},
		{"same in two lists", [][]string{{"ab"}, {"AB"}}, "aB", 3},
		{"many bytes", [][]string{{allBytes()}, {"\x00"}}, allBytes(), 3},
	}
	for _, test := range tests {
		p := CompilePhrases(test.lists)
		hits := make([]uint64, 1)
		p.Scan(test.text, hits)
		if hits[0] != test.want {
			t.Errorf("%s: %b, want %b", test.name, hits[0], test.want)
		}
		if _, ok := p.Find(test.text, 99); ok {
			t.Errorf("%s: found in a list that is none", test.name)
		}
	}
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

// FuzzArguments holds that no argument and no text panics, and that phrases
// are found where a search finds them.
func FuzzArguments(f *testing.F) {
	for _, c := range constants {
		_, argument, _ := strings.Cut(c, " ")
		f.Add(argument, "abc 12")
	}
	names := map[string]bool{}
	for _, c := range constants {
		name, _, _ := strings.Cut(c, " ")
		names[strings.ToLower(name)] = true
	}
	f.Fuzz(func(t *testing.T, argument, text string) {
		for name := range names {
			o, _ := Lookup(name)
			if m, err := o.Compile(argument); err == nil {
				got := m(text)
				if o.Test != nil && o.Test(argument, text) != got {
					t.Fatalf("@%s %q on %q: a late argument answers otherwise", name, argument, text)
				}
			}
		}
		list := Words(argument)
		p := CompilePhrases([][]string{Lines(argument), list})
		hits := make([]uint64, 1)
		p.Scan(text, hits)
		want := false
		for _, phrase := range list {
			want = want || containsFold(text, phrase)
		}
		if _, found := p.Find(text, 1); found != want || hits[0]>>1 == 1 != want {
			t.Fatalf("%q in %q: %v and %b, want %v", list, text, found, hits[0], want)
		}
	})
}

func containsFold(text, phrase string) bool {
	for i := range len(text) - len(phrase) + 1 {
		if equalFold(text[i:i+len(phrase)], phrase) {
			return true
		}
	}
	return false
}
