package layer_test

import (
	"reflect"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

// fuzz holds that a decoder keeps its limits, gives the same twice, and hands out
// nothing after it was told to end.
func fuzz(f *testing.F, d layer.Decoder) {
	f.Helper()
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s layer.Scratch // kept, because what one call leaves must not change the next
		for _, named := range []bool{false, true} {
			first, cut := limited(t, d, text, named, 1<<30, &s)
			again, cutAgain := limited(t, d, text, named, 1<<30, &s)
			if cut != cutAgain || !reflect.DeepEqual(first, again) {
				t.Fatalf("not the same twice: %+v and %+v", first, again)
			}
			if len(first) > 1 {
				if fewer, _ := limited(t, d, text, named, 1, &s); len(fewer) != 1 || fewer[0] != first[0] {
					t.Fatalf("%+v after the first of %+v", fewer, first)
				}
			}
		}
	})
}

// limited opens text under small limits and checks them.
func limited(t *testing.T, d layer.Decoder, text string, named bool, stop int, s *layer.Scratch) ([]opened, layer.Set) {
	const bytes, parts = 10000, 50
	s.Bytes, s.Parts = bytes, parts
	var out []opened
	size := 0
	visit := func(by layer.Decoder, p layer.Part) bool {
		if p.Form == layer.Plain || by == layer.JWT {
			size += len(p.Text)
		} else if !strings.Contains(text, p.Text) {
			t.Fatalf("a hint at %q, which is no part of the text", p.Text)
		}
		out = append(out, opened{by, p})
		return len(out) < stop
	}
	open := layer.Open
	if named {
		open = func(text string, _ layer.Set, s *layer.Scratch, visit layer.Visit) layer.Set {
			return layer.OpenAs(d, text, s, visit)
		}
	}
	cut := open(text, layer.SetOf(d), s, visit)
	if size > bytes || len(out) > parts || len(out) > stop {
		t.Fatalf("%d bytes in %d parts", size, len(out))
	}
	for _, o := range out {
		if o.by != d && (d != layer.Base64 && d != layer.Base64URL) {
			t.Fatalf("%s handed out what %s found", d, o.by)
		}
	}
	return out, cut
}

// seeds are one text a decoder and more.
func seeds() []string {
	class := "\xac\xed\x00\x05s" + utf('r', "java.util.HashMap") + "\x00" + utf('t', attack)
	return []string{
		"", "plain text", "%3Cb%3E%u003c%", "&lt;b&#x3c;&#60", `\x3c\u003c\u{3c}\74\n\`, "+ADw-b+AD4-+", as16("<b>", false, true), as16("<script>", true, false),
		"\xc0\xbc\xe0\x80\xaf\xf0\x80\x80\xaf", "＜ｂ＞𝐬ⓢ", token(`{"a":1}`, `{"b":2}`, "x"), b64(attack), "x=" + b64(attack) + ";", rawURL(attack), "data:a/b;base64," + b64(attack),
		"basic " + b64("a:b"), inHex(attack), `O:1:"A":1:{s:1:"a";S:1:"\3c";}`, `a|i:1;b|s:1:"x";`, class, varint(1, 2) + text(2, text(3, attack)), frame(text(1, attack)),
		zip("gzip", attack), zip("deflate", attack), zip("zstd", attack), bareBrotli(attack), bareDeflate(attack), `{"a":[1]}`, "<a b='c'/>", "/x?a=1&b=2",
		"a: 1\nb:\n  - |\n    x\n", "a,b\n\"c\"\"\",d\n",
	}
}

func FuzzAll(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		s := layer.Scratch{Bytes: 1 << 16, Parts: 100}
		layer.Open(text, layer.All, &s, func(layer.Decoder, layer.Part) bool { return true })
	})
}

func FuzzGzip(f *testing.F) { fuzz(f, layer.Gzip) }

func FuzzDeflate(f *testing.F) { fuzz(f, layer.Deflate) }

func FuzzBrotli(f *testing.F) { fuzz(f, layer.Brotli) }

func FuzzZstd(f *testing.F) { fuzz(f, layer.Zstd) }

func FuzzJava(f *testing.F) { fuzz(f, layer.Java) }

func FuzzObjects(f *testing.F) { fuzz(f, layer.Objects) }

func FuzzUTF16(f *testing.F) { fuzz(f, layer.UTF16) }

func FuzzPercent(f *testing.F) { fuzz(f, layer.Percent) }

func FuzzHTML(f *testing.F) { fuzz(f, layer.HTML) }

func FuzzJS(f *testing.F) { fuzz(f, layer.JS) }

func FuzzUTF7(f *testing.F) { fuzz(f, layer.UTF7) }

func FuzzOverlong(f *testing.F) { fuzz(f, layer.Overlong) }

func FuzzUnicode(f *testing.F) { fuzz(f, layer.Unicode) }

func FuzzJWT(f *testing.F) { fuzz(f, layer.JWT) }

func FuzzBase64(f *testing.F) { fuzz(f, layer.Base64) }

func FuzzBase64URL(f *testing.F) { fuzz(f, layer.Base64URL) }

func FuzzHex(f *testing.F) { fuzz(f, layer.Hex) }

func FuzzPHP(f *testing.F) { fuzz(f, layer.PHP) }

func FuzzProtobuf(f *testing.F) { fuzz(f, layer.Protobuf) }

func FuzzJSON(f *testing.F) { fuzz(f, layer.JSON) }

func FuzzXML(f *testing.F) { fuzz(f, layer.XML) }

func FuzzFormPairs(f *testing.F) { fuzz(f, layer.FormPairs) }

func FuzzYAML(f *testing.F) { fuzz(f, layer.YAML) }

func FuzzCSV(f *testing.F) { fuzz(f, layer.CSV) }
