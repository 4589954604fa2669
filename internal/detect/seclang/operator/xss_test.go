package operator

import (
	"math/rand/v2"
	"strings"
	"testing"

	libinjection "github.com/corazawaf/libinjection-go"
)

var markup = [][]string{
	strings.Split(`<|>|/|!|?|%|=|'|"|`+"`"+`| |`+"\x00|\n|\x0b|\xa0"+`|a|on|onclick|style|href|src|xmlns|xlink:href|javascript:|script|svg|-|--|[if|doctype|import|1|&#x6a;`, "|"),
	{"onclick", "style", "=", " ", "'", `"`, "`", "/", "\x00", "x", "href", "javascript:alert(1)", "\t", "1", ":", "by", "to"},
	{"<", "a", " ", "<a", "</", "<!", "<?", "<%", "<\x00a", "1", "=", ">", "script", "b"},
	{"a=", "=a", "==", "on", "click", "x", "/", "+", "9", "&", "?", "page="},
}

// TestXSSRandom compares with the library on random texts that provoke it.
func TestXSSRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	played, skipped, found := 0, 0, 0
	for range rounds(100_000) {
		text := randomText(random, markup)
		played++
		want := libinjection.IsXSS(text)
		if want {
			found++
		}
		if harmlessMarkup(text) {
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

// TestXSSSequences plays every short sequence of pieces of markup.
func TestXSSSequences(t *testing.T) {
	pieces := []string{"<", ">", "=", "/", "'", `"`, "`", " ", "\x00", "!", "-", "onclick", "style", "a", "1", ":", "svg", "xmlns", "href", "x:href"}
	depth := 4
	if *long {
		depth = 5
	}
	played, skipped := 0, 0
	var walk func(text string, left int)
	walk = func(text string, left int) {
		played++
		if harmlessMarkup(text) {
			skipped++
			if libinjection.IsXSS(text) {
				t.Fatalf("hidden: %q", text)
			}
		}
		if left > 0 {
			for _, p := range pieces {
				walk(text+p, left-1)
			}
		}
	}
	walk("", depth)
	t.Logf("%d sequences, %d answered without the library, 0 hidden", played, skipped)
	if played < 160_000 {
		t.Error("too few")
	}
}

// TestBadAttributes holds that every name that the library takes for bad
// passes our test of names: the library's names have letters and colons only.
func TestBadAttributes(t *testing.T) {
	for c := range 256 {
		for _, name := range []string{"onclick", "style", "xmlns", "href", "xlink:href"} {
			for i := range len(name) + 1 {
				text := name[:i] + string([]byte{byte(c)}) + name[i:] + "=javascript:x"
				if libinjection.IsXSS(text) && harmlessMarkup(text) {
					t.Errorf("hidden: %q", text)
				}
			}
		}
	}
}

// FuzzXSS holds that the test hides nothing.
func FuzzXSS(f *testing.F) {
	for _, s := range []string{"<script>", "' onclick=x", "a=b", "<1", "x onclick\x00 =1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if harmlessMarkup(text) && libinjection.IsXSS(text) {
			t.Fatal("hidden")
		}
	})
}
