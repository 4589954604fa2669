package layer_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

func TestHints(t *testing.T) {
	table{layer.JSON, same(
		`{ }`, `[[]`, `{"a":1}`, ` {"a":1} `, `[1,2]`, `["a"]`, `{ "a":1}`, "{\n}", `[{"a":"<b>"}]`, `[[1]]`, `[true]`, `[null]`, `[-1]`, `{'a':1}`, "\t[\"x\"]\r\n", `[false]`,
	), []string{
		"", "{", "a{}", "plain", "{{7*7}}"[1:2], "[x]", "[link] text", "{a}", "(1)", `"text"`, "12", "true", "{%", "[*]", "{?x}", "[/b]", "]", "$ [1]",
	}}.play(t)
	table{layer.XML, same(
		"<a/>", "<a>b</a>", " <a/> ", "<?xml version='1.0'?><a/>", "<!DOCTYPE a>", "<!-- x -->", "<_a/>", "<soap:Envelope></soap:Envelope>", "<a b='c'>", "<é/>", "\n<a/>", "<A>", "<script>", "<svg onload=x>", "<![CDATA[x]]>",
	), []string{
		"", "<", "< a>", "<3 you", "a<b>", "a < b", "<<a>", "<=>", "<-", "<a", "<1>", "<>", "</a>", "x", ">a<", "<.a>",
	}}.play(t)
	table{layer.FormPairs, [][2]string{
		{"a=1&b=2", "a=1&b=2"},
		{"a=&b=", "a=&b="},
		{"a[]=1&a[]=2", "a[]"},
		{"a.b=1&c-d=2", "c-d"},
		{"/x?a=1", "a=1"},
		{"https://example.com/x?a=1&b=2", "a=1&b=2"},
		{"?q=<b>", "q=<b>"},
		{"a=<b>&c=d e", "a=<b>"},
		{"a=1&b=2&", "b=2"},
		{"a=1&b=2&junk", "junk"},
		{"a%5B0%5D=1&b=2", "a%5B"},
		{"x=a=b&y=c", "x=a=b"},
		{"$where=1&$ne=2", "$where"},
		{"user+name=1&b=2", "user"},
		{"é=1&b=2", "é"},
		{"redirect?next=http://x/?a=b", "next=http"},
	}, []string{
		"", "=", "a=1", "a = 1 & b = 2", "x == y", "a&b", "a=1;b=2", "1+1=2", "E=mc2", "&a=1&b=2", "a=b,c=d", "if (a=1) & (b=2)", "why? a=1", "=1&=2", "a=1&&b=2", "PHNjcmlwdD4=", "foo & bar=1", "a=1&b c=2",
	}}.play(t)
}

// same says that texts are handed out as they are, but for blanks around them.
func same(texts ...string) (out [][2]string) {
	for _, t := range texts {
		out = append(out, [2]string{t, strings.TrimSpace(t)})
	}
	return out
}

func TestYAML(t *testing.T) {
	table{layer.YAML, [][2]string{
		{"a: 1\nb: <b>", "<b>"},
		{"- a\n- <b>", "<b>"},
		{"a:\n  - x\n  - <b>\n", "<b>"},
		{"a:\n  b: <b>\n", "<b>"},
		{"---\na: 1\nb: <b>\n", "<b>"},
		{"# c\na: 1\nb: '<b>'", "<b>"},
		{"a: \"<b>\"\nb: 2", "<b>"},
		{"a: |\n  line\n  <b>\nb: 1", "line\n<b>"},
		{"a: >-\n  x: <b>\nb: 1", "x: <b>"},
		{"a: one\n  <b>\nb: 1", "one\n<b>"},
		{"- a: 1\n  b: <b>\n", "<b>"},
		{"\"a b\": 1\nb: <b>", "<b>"},
		{"!!python/object/apply:os.system:\n- id\n- x", "id"},
		{"a: !!python/object/apply:os.system [id]\nb: 1", "[id]"},
		{"a: &x 1\nb: *x\n", "*x"},
		{"a: it''s\nb: 'it''s'", "it's"},
		{"a: 1\r\nb: <b>\r\n", "<b>"},
		{"- - x\n  - <b>", "<b>"},
	}, []string{
		"", "a: 1", "a: 1\n", "plain\ntext", "Dear Sir,\nplease: send it\n", "http://x\nhttps://y", "10:30\n11:45", "one\ntwo: 2\nthree", "{\n\"a\": 1\n}", "<a>\n<b>", "a:1\nb:2", "-a\n-b", "---\n---\n", "# x\n# y\n", "Hello you there: x\nI say: y",
		"\n\n\n", "a-b\nc-d",
	}}.play(t)
	keys := ""
	for _, p := range openAs(layer.YAML, "a: 1\nb:\n  c: 2\n- d\n'e f': |\n  x\n  y: z\n") {
		keys += p.Name + "=" + p.Text + ";"
	}
	if want := "a=1;c=2;=d;e f=x\ny: z;"; keys != want {
		t.Errorf("%q, not %q", keys, want)
	}
}

func TestCSV(t *testing.T) {
	table{layer.CSV, [][2]string{
		{"a,b\nc,<b>", "<b>"},
		{"a;b\nc;<b>\n", "<b>"},
		{"a\tb\nc\t<b>", "<b>"},
		{"a|b\nc|<b>", "<b>"},
		{"a,b\r\nc,<b>\r\n", "<b>"},
		{"a,b\n\"c,d\",<b>", "<b>"},
		{"a,b\n\"c,d\",e", "c,d"},
		{"a,b\n\"say \"\"<b>\"\"\",e", `say "<b>"`},
		{"a,b\n\"x\ny\",<b>", "<b>"},
		{"a,b\n\"x\ny\",z", "x\ny"},
		{"a,b,c\n1,2,3\n4,5\n6,7,<b>", "<b>"},
		{"id,name\n1,=cmd|' /C calc'!A0", "=cmd"},
		{"a,\n,<b>", "<b>"},
		{"a,b\n\"open,<b>\nc,d", "<b>"},
		{"a,b\rc,<b>", "<b>"},
		{"\na,b\nc,<b>", "<b>"},
	}, []string{
		"", "a,b", "a\nb", "a,b\nc", "a\nb,c", "Dear Sir,\nthank you, and so on, etc.", "one\ntwo\nthree", "a,b,c\nd,e", "a;b\nc,d", "x\n\n\n", "\n,", "a,b\n", ",\n", "1\n2\n3", "text without separators\nin lines", "a,b\nc\nd\ne",
	}}.play(t)
	cells := ""
	for _, p := range openAs(layer.CSV, "a,b\n\"c\",\n,d") {
		cells += p.Name + "=" + p.Text + ";"
	}
	if want := "1.1=a;1.2=b;2.1=c;3.2=d;"; cells != want {
		t.Errorf("%q, not %q", cells, want)
	}
}
