package layer_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

// attacks are the seeds of generated texts: each has what rules look for.
var attacks = []string{
	"<script>alert(1)</script>", "' or 1=1 -- ", "../../etc/passwd", "${jndi:ldap://x/a}", "; cat /etc/passwd", "{{7*7}}",
	"<!ENTITY x SYSTEM 'file:///etc/passwd'>", "1 UNION SELECT a,b FROM c", "O'Neill & <b>", "`id;ls`",
}

// anyText draws an attack within printable text.
func anyText(t *rapid.T) string {
	around := rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019 .,:;-_/é中<>'\"&=+%")), 0, 12, -1)
	return around.Draw(t, "before") + rapid.SampledFrom(attacks).Draw(t, "attack") + around.Draw(t, "after")
}

// encoding is a way to write a text that its decoder must read.
type encoding struct {
	by     layer.Decoder
	encode func(t *rapid.T, s string) string
}

func everyRune(s string, write func(r rune) string) string {
	var out strings.Builder
	for _, r := range s {
		out.WriteString(write(r))
	}
	return out.String()
}

// encodings are those whose text is found whole in one part.
func encodings() map[string]encoding {
	bytesAs := func(format string) func(*rapid.T, string) string {
		return func(t *rapid.T, s string) string {
			var out strings.Builder
			for i := range len(s) {
				if i == 0 || !isPlain(s[i]) || rapid.Bool().Draw(t, "escape") {
					fmt.Fprintf(&out, format, s[i])
				} else {
					out.WriteByte(s[i])
				}
			}
			return out.String()
		}
	}
	runesAs := func(format string) func(*rapid.T, string) string {
		return func(_ *rapid.T, s string) string {
			return everyRune(s, func(r rune) string { return fmt.Sprintf(format, r) })
		}
	}
	zipped := func(coding string) func(*rapid.T, string) string {
		return func(_ *rapid.T, s string) string { return zip(coding, s) }
	}
	return map[string]encoding{
		"percent":       {layer.Percent, bytesAs("%%%02x")},
		"query":         {layer.Percent, func(_ *rapid.T, s string) string { return url.QueryEscape(s + "<") }},
		"percent u":     {layer.Percent, runesAs("%%u%04X")},
		"base64":        {layer.Base64, func(_ *rapid.T, s string) string { return b64(s) }},
		"base64 raw":    {layer.Base64, func(_ *rapid.T, s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }},
		"base64 token":  {layer.Base64, func(_ *rapid.T, s string) string { return "key: {" + b64(s+s+s) + "}" }},
		"hex":           {layer.Hex, func(_ *rapid.T, s string) string { return "0x" + hex.EncodeToString([]byte(s)) }},
		"html decimal":  {layer.HTML, runesAs("&#%d;")},
		"html hex":      {layer.HTML, runesAs("&#x%x;")},
		"html names":    {layer.HTML, func(_ *rapid.T, s string) string { return html.EscapeString(s + "<") }},
		"js x":          {layer.JS, bytesAs(`\x%02x`)},
		"js u":          {layer.JS, runesAs(`\u{%x}`)},
		"js octal":      {layer.JS, func(_ *rapid.T, s string) string { return everyByte(s, `\%03o`) }},
		"json":          {layer.JS, func(_ *rapid.T, s string) string { b, _ := json.Marshal(s + `<"`); return string(b[1 : len(b)-1]) }},
		"utf7":          {layer.UTF7, func(_ *rapid.T, s string) string { return in7(s) }},
		"utf16 le":      {layer.UTF16, func(_ *rapid.T, s string) string { return as16(s, false, true) }},
		"utf16 be":      {layer.UTF16, func(_ *rapid.T, s string) string { return as16(s, true, true) }},
		"overlong":      {layer.Overlong, func(_ *rapid.T, s string) string { return everyRune(s, overlong) }},
		"full width":    {layer.Unicode, func(_ *rapid.T, s string) string { return everyRune(s, wide) }},
		"gzip":          {layer.Gzip, zipped("gzip")},
		"deflate":       {layer.Deflate, zipped("deflate")},
		"zstd":          {layer.Zstd, zipped("zstd")},
		"jwt":           {layer.JWT, func(_ *rapid.T, s string) string { return token(`{"alg":"none"}`, s, "") }},
		"php":           {layer.PHP, func(_ *rapid.T, s string) string { return fmt.Sprintf(`a:1:{s:1:"k";s:%d:"%s";}`, len(s), s) }},
		"java":          {layer.Java, func(_ *rapid.T, s string) string { return "\xac\xed\x00\x05" + utf('t', s) }},
		"protobuf":      {layer.Protobuf, func(_ *rapid.T, s string) string { return varint(1, 5) + text(2, text(3, s)) }},
		"protobuf grpc": {layer.Protobuf, func(_ *rapid.T, s string) string { return frame(text(7, s)) }},
		"csv":           {layer.CSV, func(_ *rapid.T, s string) string { return "a,b\n1,\"" + strings.ReplaceAll(s, `"`, `""`) + "\"\n" }},
		"yaml":          {layer.YAML, func(_ *rapid.T, s string) string { return "a: 1\nb: '" + strings.ReplaceAll(s, "'", "''") + "'\n" }},
	}
}

func TestRoundTrips(t *testing.T) {
	all, played := encodings(), 0
	for name, e := range all {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := anyText(t)
				if name == "yaml" {
					s = strings.TrimSpace(s)
				}
				coded := e.encode(t, s)
				played++
				if parts := open(coded, layer.All); !finds(parts, e.by, s) {
					t.Fatalf("%q in %q: %+v", s, coded, parts)
				}
			})
		})
	}
	t.Logf("%d texts in %d encodings", played, len(all))
	if len(all) < 25 || played < 25*100 {
		t.Error("too few")
	}
}

// Junk around an attack does not hide it in Base64.
func TestJunkHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		junk := rapid.SliceOfN(rapid.Byte(), 0, 200)
		s := rapid.SampledFrom([]string{"<script>alert(document.cookie)</script>", "' UNION SELECT password FROM users -- "}).Draw(t, "attack")
		coded := b64(string(junk.Draw(t, "before")) + s + string(junk.Draw(t, "after")))
		for _, p := range open(coded, layer.Default) {
			if strings.Contains(p.Text, s) {
				return
			}
		}
		t.Fatalf("%q is not found in %q", s, coded)
	})
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func everyByte(s, format string) string {
	var out strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&out, format, s[i])
	}
	return out.String()
}

func in7(s string) string {
	coded := base64.RawStdEncoding.EncodeToString([]byte(as16(s, true, false)))
	return "+" + coded + "-"
}

func overlong(r rune) string {
	if r >= utf8.RuneSelf {
		return string(r)
	}
	return string([]byte{0xc0 | byte(r>>6), 0x80 | byte(r&0x3f)})
}

func wide(r rune) string {
	if r > ' ' && r < 0x7f {
		return string(r + 0xff01 - '!')
	}
	return string(r)
}
