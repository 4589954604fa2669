package operator

import (
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	libinjection "github.com/corazawaf/libinjection-go"
)

var long = flag.Bool("long", false, "play ten times as many random texts")

func rounds(n int) int {
	if *long {
		return 12 * n
	}
	return n
}

// libraryTable reads the words and fingerprints from the source of the
// library.
func libraryTable(t *testing.T) (words map[string]byte, fingerprints []string) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/corazawaf/libinjection-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "sqli_data.go"))
	if err != nil {
		t.Fatal(err)
	}
	words = map[string]byte{}
	for _, m := range regexp.MustCompile(`(?m)^\s*"([^"]+)":\s*'(.)',`).FindAllStringSubmatch(string(source), -1) {
		if m[2] == "F" {
			fingerprints = append(fingerprints, strings.ReplaceAll(m[1][1:], `\\`, `\`))
		} else {
			words[m[1]] = m[2][0]
		}
	}
	if len(words) < 900 || len(fingerprints) < 8000 {
		t.Fatalf("%d words and %d fingerprints: the source is not as expected", len(words), len(fingerprints))
	}
	return words, fingerprints
}

func kindOf(category byte) uint32 {
	switch category {
	case 'n', 'N':
		return sqlBare
	case '1':
		return sqlNumber
	case ',':
		return sqlComma
	case '.':
		return sqlDot
	case 'o', 'O':
		return sqlOp
	case ':':
		return sqlColon
	case '?':
		return sqlUnknown
	case ';':
		return sqlSemi
	case 's', 'S':
		return sqlString
	case 'v', 'V':
		return sqlVar
	case 'k', 'K':
		return sqlKeyword
	case '&':
		return sqlLogic
	case 'f', 'F':
		return sqlFunc
	case '(':
		return sqlOpen
	case ')':
		return sqlClose
	case 'E':
		return sqlExpr
	case 'U':
		return sqlUnion
	case '{', '}', '\\', '[', ']':
		return sqlOdd
	}
	return sqlUnsafe
}

// TestSQLWords holds that our table of words is the library's.
func TestSQLWords(t *testing.T) {
	words, _ := libraryTable(t)
	want := map[string]uint32{}
	for w, category := range words {
		parts := strings.Split(w, " ")
		if len(parts) == 1 && !strings.ContainsAny(w, "!<>=&|:*%+-/^~@") {
			want[w] |= kindOf(category)
		}
		if len(parts) > 1 {
			want[parts[0]] |= sqlFirst
			for _, p := range parts[1:] {
				want[p] |= sqlLater
			}
		}
		if len(w) > longestToken && len(parts) == 1 {
			t.Errorf("%s is longer than %d bytes", w, longestToken)
		}
	}
	for w, kind := range want {
		if kind&(sqlKinds|sqlUnsafe) == 0 {
			kind |= sqlBare
		}
		got := sqlWords.find([]byte(w))
		if got&^(sqlCalled|sqlIf) != kind {
			t.Errorf("%s: kind %b, the library has %b", w, got, kind)
		}
	}
	for w := range sqlWords.kinds {
		if _, known := want[w]; !known {
			t.Errorf("the library does not know %s", w)
		}
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if u := unicode.ToUpper(r); u < 0x80 && string(r) != upperDotless && string(r) != upperLongS {
			t.Errorf("%U becomes %c in upper case", r, u)
		}
	}
	t.Logf("%d words", len(want))
}

// TestHarmlessSets holds that no attack of the library's table consists of
// the kinds of a harmless set.
func TestHarmlessSets(t *testing.T) {
	_, fingerprints := libraryTable(t)
	for _, f := range fingerprints {
		kinds := uint32(0)
		for i := range len(f) {
			kinds |= kindOf(f[i])
		}
		if kinds&sqlOdd != 0 {
			t.Errorf("%s has a brace or a backslash", f)
		}
		if len(f) == 3 && f[1] == 'K' {
			continue
		}
		for _, set := range harmlessSets() {
			if kinds&^set == 0 {
				t.Errorf("%s lies in the set %b", f, set)
			}
		}
	}
	t.Logf("%d fingerprints, %d sets", len(fingerprints), len(harmlessSets()))
}

// sample is a token of each kind and of each that folds or merges.
var sample = []string{
	"foo", "7", ",", ".", "+", "*", "=", "-", ":", "?", ";", "'", `"`, "@v", "from", "in", "and", "count", "(", ")",
	"select", "union", "if", "user", "like", "is", "not", "group", "by", "into", "outfile", "||", "::", "int", "x'", "$5", "1e",
	`\`, `\N`, `\'`, "{", "}", "[", "]", "@b]",
}

// TestSQLiSequences plays every sequence of sample tokens.
func TestSQLiSequences(t *testing.T) {
	depth := 3
	if *long {
		depth = 4
	}
	played, skipped := 0, 0
	var walk func(text string, left int)
	walk = func(text string, left int) {
		played++
		if harmlessSQL(text) {
			skipped++
			if found, fingerprint := libinjection.IsSQLi(text); found {
				t.Fatalf("hidden: %q is %s", text, fingerprint)
			}
		}
		if left == 0 {
			return
		}
		for _, next := range sample {
			walk(text+next, left-1)
			walk(text+" "+next, left-1)
		}
	}
	walk("", depth)
	t.Logf("%d sequences, %d answered without the library, 0 hidden", played, skipped)
	if played < 400_000 || skipped < played/10 {
		t.Error("too few")
	}
}

// TestSQLiRun holds that behind seven words or numbers nothing counts,
// whatever stands before them.
func TestSQLiRun(t *testing.T) {
	runs := []string{" a b c d e f g", " a 1 b 2 c 3 d", " 1 2 3 4 5 6 7", " 1a 2b 3c 4"}
	tails := []string{" union select 1", " or 1=1 --", "; drop table x", " and 1=1", "/*", "--", "#", " (select 1)"}
	played, skipped := 0, 0
	var walk func(text string, left int)
	walk = func(text string, left int) {
		for _, run := range runs {
			for _, tail := range tails {
				whole := text + run + tail
				played++
				if !harmlessSQL(whole) {
					continue
				}
				skipped++
				if found, fingerprint := libinjection.IsSQLi(whole); found {
					t.Fatalf("hidden: %q is %s", whole, fingerprint)
				}
			}
		}
		if left == 0 {
			return
		}
		for _, next := range sample {
			walk(text+" "+next, left-1)
		}
	}
	depth := 2
	if *long {
		depth = 3
	}
	walk("", depth)
	t.Logf("%d texts, %d answered without the library, 0 hidden", played, skipped)
	if played < 40_000 || skipped < played/10 {
		t.Error("too few")
	}
}

var provoking = [][]string{
	sample,
	strings.Split(` ;';";`+"`"+`;,;.;(;);-;--;/;/*;*/;#;@;@@;=;<;>;!;&;|;+;%;^;~;:;\;{;};[;];$;$$;?;0;1;9;a;e;x;b;n;q;u;N;0x;0b;1e;1.;.5;`+"\x00;\xa0;\n;\x7f;ı;ſ;é;à", ";"),
	{"1", "2", " or ", " and ", "=", "'", "a", "x", " ", "like", "is", "null", "true", ";", "(", ")", ",", "-", "user"},
	{"a", "b", "1", "0", "e", "d", "f", "x", ".", "-", "+", "$", ",", " ", "u", "n", "'", "&", "q", "(", ")"},
	{"group", " ", "by", "in", "not", "like", "select", "all", "union", "distinct", "left", "join", "for", "update", "lock", "share", "mode", "a", "1", "'", "into", "outfile", "is", "next", "value"},
	strings.Split(`{ } [ ] \ \' \" ' " a 1 or and = , : ; - union select N @x in ( ) x' q' ''`, " "),
	{"ſelect", "unıon", "SELECT", " ", ".", "1", "a", "or", "dbms_lock.sleep", "'", "(", "union.", "in.x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
}

// TestSQLiRandom compares with the library on random texts that provoke it.
func TestSQLiRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	played, skipped, found := 0, 0, 0
	for range rounds(100_000) {
		text := randomText(random, provoking)
		played++
		want, _ := libinjection.IsSQLi(text)
		if want {
			found++
		}
		if harmlessSQL(text) {
			skipped++
			if want {
				t.Fatalf("hidden: %q", text)
			}
		}
	}
	t.Logf("%d texts, %d are attacks, %d answered without the library, 0 hidden", played, found, skipped)
	if found < played/100 || skipped < played/20 {
		t.Error("the texts provoke too little")
	}
}

func randomText(random *rand.Rand, alphabets [][]string) string {
	alphabet := alphabets[random.IntN(len(alphabets))]
	var b strings.Builder
	for range 1 + random.IntN(12) {
		b.WriteString(alphabet[random.IntN(len(alphabet))])
		if random.IntN(4) == 0 {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// TestSQLiCost holds that nothing is free that the library is asked for, and
// that quotes that do not end a string cost in proportion to the length.
func TestSQLiCost(t *testing.T) {
	if cost := SQLiCost("Ann Smith"); cost != 0 {
		t.Errorf("an ordinary value costs %d", cost)
	}
	few, many := "-'"+strings.Repeat("abc", 1000), "-'"+strings.Repeat(`a\'`, 1000)
	if a, b := SQLiCost(few), SQLiCost(many); a < int64(len(few)) || b < 1000*int64(len(many)) {
		t.Errorf("costs %d and %d", a, b)
	}
}

// FuzzSQLi holds that the test hides nothing.
func FuzzSQLi(f *testing.F) {
	for _, s := range []string{"1' or '1'='1", "a b c d e f g union", "x'41' or 1", "ann@example.com", "12.50 EUR", "IF;(1e.)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if harmlessSQL(text) {
			if found, fingerprint := libinjection.IsSQLi(text); found {
				t.Fatalf("hidden: %s", fingerprint)
			}
		}
	})
}

// ordinary are values as APIs carry them.
var ordinary = []string{
	"Ann", "Ann Smith", "O'Neill", "Jean-Luc Picard", "Müller", "Zażółć gęślą", "山田太郎", "", "true", "false", "null",
	"0", "42", "-7", "3.14", "1e9", "12,50", "EUR 12.50", "$1,299.00", "100%", "+49 170 1234567", "(555) 123-4567",
	"2026-11-22", "2026-11-22T06:19:13Z", "06:19:13", "22/11/2026", "550e8400-e29b-41d4-a716-446655440000",
	"ann@example.com", "ann.smith+orders@mail.example.co.uk", "https://example.com/a/b?c=1&d=2", "https://shop.example.com/orders/12345",
	"/var/lib/x.json", "application/json", "application/json; charset=utf-8", "en-US,en;q=0.9", "*/*", "gzip, deflate, br",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "curl/8.5.0", "192.168.1.17", "2001:db8::1", "example.com",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	"SGVsbG8gd29ybGQhIEhvdyBhcmUgeW91PyBJIGFtIGZpbmU=", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
	"Please deliver before noon and ring twice", "The parcel arrived late and the box was damaged.",
	"We would like to change the order: two chairs, one table.", "Thanks!", "Really? Yes - of course.",
	"I don't know what happened to my order", "Status: shipped", "size=L;color=red", "12 Main Street, Springfield, IL 62704",
	"PENDING", "order_id", "created_at", "-created_at", "name,price,stock", "abc123", "A-1001", "SKU-99-XL", "v1.2.3", "4111 1111 1111 1111",
	"Ich möchte meine Bestellung stornieren.", "Je voudrais annuler ma commande, merci.", "ord_9fK2x", "5 kg", "Tom & Jerry", "AT&T", "C++", "50.1109,8.6821",
	"Bearer abcdef0123456789", "us-east-1", "arn:aws:s3:::bucket/key", "#ff8800", "[1,2,3]", "{\"a\":1}", "a\nb\nc", "N/A", "select", "Group by", "int",
}

// TestOrdinaryValues counts how many ordinary values need the library.
func TestOrdinaryValues(t *testing.T) {
	var sql, markup []string
	for _, v := range ordinary {
		if !harmlessSQL(v) {
			sql = append(sql, v)
		}
		if !harmlessMarkup(v) {
			markup = append(markup, v)
		}
	}
	t.Logf("%d values; the library is asked for SQL in %d: %q", len(ordinary), len(sql), sql)
	t.Logf("for markup in %d: %q", len(markup), markup)
	if len(sql)*4 > len(ordinary) || len(markup)*10 > len(ordinary) {
		t.Error("the tests answer too little")
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range ordinary {
			harmlessSQL(v)
			harmlessMarkup(v)
		}
	}); n != 0 {
		t.Errorf("the tests allocate %v times", n)
	}
}
