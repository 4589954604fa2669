package layer_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf16"

	"farrier.dev/farrier/internal/detect/decode/layer"
)

func b64(s string) string    { return base64.StdEncoding.EncodeToString([]byte(s)) }
func rawURL(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
func inHex(s string) string  { return hex.EncodeToString([]byte(s)) }

func as16(s string, big, mark bool) string {
	units := utf16.Encode([]rune(s))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	var out []byte
	for _, u := range units {
		if big {
			out = append(out, byte(u>>8), byte(u))
		} else {
			out = append(out, byte(u), byte(u>>8))
		}
	}
	return string(out)
}

func TestPercent(t *testing.T) {
	table{layer.Percent, [][2]string{
		{"%3Cscript%3E", "<script>"},
		{"%3cscript%3e", "<script>"},
		{"a%20b", "a b"},
		{"%27", "'"},
		{"%253C", "%3C"},
		{"%u003cscript%u003E", "<script>"},
		{"%uFF1Cscript", "＜script"},
		{"%U003cb", "<b"},
		{"100% of %3cb%3e", "100% of <b>"},
		{"%zz%3c", "%zz<"},
		{"%%3c", "%<"},
		{"%27+union+select+1", "' union select 1"},
		{"%27 + 1", "' + 1"},
		{"%00", "\x00"},
		{"..%2f..%2Fetc%2fpasswd", "../../etc/passwd"},
		{"..%c0%af", "..\xc0\xaf"},
		{"%E4%B8%AD%e6%96%87", "中文"},
		{"%3c%", "<%"},
		{"%u3c%3c", "%u3c<"},
	}, []string{
		"", "%", "%3", "100%", "50 % off", "%zz", "%u00", "%u00zz", "%g1", "tail%3", "%%%", "%-5d", "%s and %s",
		"a % b", "％41", "%u", "%x41",
	}}.play(t)
}

func TestBase64(t *testing.T) {
	attack := "<script>alert(document.cookie)</script>"
	table{layer.Base64, [][2]string{
		{b64("<script>"), "<script>"},
		{b64("' or 1=1--"), "' or 1=1--"},
		{b64("1' or '1"), "1' or '1"},
		{b64("<svg/>"), "<svg/>"},
		{b64(attack), attack},
		{base64.RawStdEncoding.EncodeToString([]byte(attack)), attack},
		{b64(attack)[:20] + "\r\n" + b64(attack)[20:], attack},
		{" " + b64(attack) + "\n", attack},
		{b64(b64(attack)), b64(attack)},
		{"Basic " + b64("admin:' or 1=1 -- -"), "admin:' or 1=1 -- -"},
		{"token=" + b64(attack) + "; path=/", attack},
		{"basic " + b64("a:'--"), "a:'--"},
		{"token=" + b64("a longer text <b>") + "&x=1", "a longer text <b>"},
		{"https://example.com/x/" + b64("GET ${jndi:ldap://x/a}  "), "jndi"},
		{"data:text/html;base64," + b64("<b>"), "<b>"},
		{"DATA:text/html;charset=utf-8;BASE64," + b64(attack), attack},
		{b64("naïve façade ' or 1=1"), "naïve façade"},
		{b64("caf\xe9 cr\xe8me ' or 1=1"), "' or 1=1"},
		{b64("\x80\x81\xfe\xff\x80\x81\xfe\xff\x80\x81\xfe" + attack), attack},
		{b64("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), "\x1f\x8b"},
		{b64(as16("iex(new-object net.webclient)", false, false)), "i\x00e\x00x"},
		{"JyBvciAxPTEgLS A+PiA8c2NyaXB0Pg==", "' or 1=1"},
		{b64("\xac\xed\x00\x05sr\x00\x11java.util.HashMap"), "java.util.HashMap"},
		{"{\"q\": \"" + b64(attack) + "\"}", attack},
	}, []string{
		"customer", "Jonathan", "OrderNumber", "0b9e0d7c-1c5e-4d1f-9d9f-0d8b3f5d8a11", "d41d8cd98f00b204e9800998ecf8427e",
		"4532015112830366", "info@example.com", "Where is my order, please?", "ABCDEFGH", "AKIAIOSFODNN7EXAMPLE", "PHNj",
		"XMLHttpRequest", "Mozilla/5.0 (X11; Linux x86_64)", "getCustomerOrderHistory", "2026-11-22T10:00:00Z",
		"DE89370400440532013000", "/api/v1/customers/ordersByNumber", "data:,hello", "The Quick Brown Fox Jumps",
		"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
	}}.play(t)
}

func TestBase64URL(t *testing.T) {
	// Each has a byte whose digit is 62 or 63.
	texts := []string{
		"<b>?>>>", "?a=<script>~~", "{{7*7}}??>", "a>b?c>d?e>f?", "<?php ~?>", "' or '~'<>?", "<script>~?</script>?>",
		"${jndi:ldap://x/~?}>>", "ÿ? ' or 1=1", "??? >>> ???", "<<<>>>???", "~~~~~ <b>??", "a=?>&b=?>", "/?>?>?/etc/passwd", "?>>?>>?>>",
		"SELECT ~ FROM ?>?",
	}
	var opens [][2]string
	for _, text := range texts {
		coded := rawURL(text)
		opens = append(opens, [2]string{"x;" + rawURL(text+text+text), text}, [2]string{coded, text})
	}
	kept := opens[:0]
	for _, o := range opens {
		if s := o[0]; len(s) > 8 && strings.ContainsAny(s, "-_") {
			kept = append(kept, o)
		}
	}
	table{layer.Base64URL, kept, []string{
		"customer-id", "order_number", "X-Request-Id", "CustomerName_1", "en-US", "0B9E0D7C-1C5E-4D1F-9D9F-0D8B3F5D8A11",
		"Content-Type", "my_Variable_Name", "UTF-8-based", "2026-11-22", "Some-Long-Name-With-Minus", "A-B-C-D-E-F-G-H",
		"SNAKE_CASE_IDENTIFIER", "kebab-Case-Identifier-Long", "__Host-Session", "dQw4w9WgXcQ", "v1-Stable_2",
	}}.play(t)
}

func TestHex(t *testing.T) {
	table{layer.Hex, [][2]string{
		{inHex("<script>"), "<script>"},
		{inHex("' or 1=1--"), "' or 1=1--"},
		{inHex("<script>alert(1)</script>"), "alert(1)"},
		{"0x" + inHex("<b>1"), "<b>1"},
		{"0X3C7363726970743E", "<script>"},
		{"3C7363726970743E", "<script>"},
		{" 3c7363726970743e\n", "<script>"},
		{inHex("union select 1,2,3 from users"), "union select"},
		{inHex("/etc/passwd"), "/etc/passwd"},
		{inHex("${jndi:ldap://a}"), "jndi"},
		{inHex("naïve ' or '1'='1"), "naïve"},
		{inHex("\x80\x81\x82\xff\xfe\x80\x90\x91<script>alert(1)</script>\x00\x01"), "<script>"},
		{inHex(as16("<script>", false, false)), "<\x00s"},
		{inHex("\x1f\x8b\x08\x00\x00\x00\x00\x00\x81\x82\x83\x84\x85\x86\x87\x88"), "\x1f\x8b"},
		{inHex("\xac\xed\x00\x05t\x00\x0babc\xff\xfeabcdef"), "abc"},
		{inHex("{{7*7}}${7*7}<%= 7*7 %>"), "{{7*7}}"},
	}, []string{
		"d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "deadbeef", "0xdeadbeef", "cafebabe00000001",
		"4711", "20261122", "3c7363", "3c7363726970743", "0x3c", "3c7363726970743g", "facade", "00000000000000000000",
		"ffffffffffffffffffff", "1234567890", "0b9e0d7c1c5e4d1f9d9f0d8b3f5d8a11",
	}}.play(t)
}

func TestHTML(t *testing.T) {
	table{layer.HTML, [][2]string{
		{"&lt;script&gt;", "<script>"},
		{"&lt;b", "<b"},
		{"&ltb", "<b"},
		{"&LT;b&GT;", "<b>"},
		{"&#60;b", "<b"},
		{"&#60b", "<b"},
		{"&#x3c;b", "<b"},
		{"&#X3Cg", "<g"},
		{"&#0000060;", "<"},
		{"&#x00003c;", "<"},
		{"&quot;x", "\"x"},
		{"&apos;x", "'x"},
		{"&colon;", ":"},
		{"java&Tab;script&colon;", "java\tscript:"},
		{"&NewLine;", "\n"},
		{"&lpar;1&rpar;", "(1)"},
		{"&amp;lt;", "&lt;"},
		{"a&b&lt;c", "a&b<c"},
		{"&eacute;", "é"},
		{"&#39;", "'"},
	}, []string{
		"&", "a & b", "AT&T", "a=1&b=2", "R&D;", "&#", "&#;", "&#x;", "&#xg", "&;", "&&", "fish & chips; peas", "&nosuchname;",
		"&verylongnamethatisnonameatallinanylanguageofthisworld;", "?x=1&page=2", "&1;", "< >",
	}}.play(t)
}

func TestJS(t *testing.T) {
	table{layer.JS, [][2]string{
		{`\x3cscript\x3e`, "<script>"},
		{`\u003cscript\u003E`, "<script>"},
		{`\u{3c}b`, "<b"},
		{`\u{00003c}b`, "<b"},
		{`\74b\76`, "<b>"},
		{`\074b`, "<b"},
		{`\X3cb`, "<b"},
		{`a\nb`, "a\nb"},
		{`\"a\"`, `"a"`},
		{`{\"a\":1}`, `{"a":1}`},
		{`\/etc\/passwd`, "/etc/passwd"},
		{`al\ert(1)`, "alert(1)"},
		{`\ud83d\ude00`, "😀"},
		{`\U0000003cb`, "<b"},
		{`\s\e\l\ect`, "select"},
		{"a\\\nb", "ab"},
		{"a\\\r\nb", "ab"},
		{`\\x3c`, `\x3c`},
		{`\'\ or 1=1`, "' or 1=1"},
		{`\xzz\x3c`, "xzz<"},
		{`\0\00\000`, "\x00\x00\x00"},
		{`\400`, " 0"},
	}, []string{
		"", `\`, `abc\`, "x3c", "u003c", "/x3c/", "plain", "a/b/c", "100", `"quoted"`, "'", "&bsol;", "a|b", "¥x3c", "^x3c", "%5cx3c",
	}}.play(t)
}

func TestUTF7(t *testing.T) {
	table{layer.UTF7, [][2]string{
		{"+ADw-script+AD4-", "<script>"},
		{"+ADw-b", "<b"},
		{"+ADwAcwBjAHIAaQBwAHQAPg-", "<script>"},
		{"+ADw script", "< script"},
		{"a+ACI-b", `a"b`},
		{"+ACc- or 1+AD0-1", "' or 1=1"},
		{"+ADw-", "<"},
		{"+ADw", "<"},
		{"+AOkAPA-", "é<"},
		{"+TlYAPA-", "乖<"},
		{"1+1+ADw-b+AD4-", "<b>"},
		{"+ACQAewBqAG4AZABpADo-", "${jndi:"},
		{"x+AC8-y", "x/y"},
		{"+AHs-+AHs-7", "{{7"},
		{"C++ +ADw-b", "<b"},
		{"+ADsAIABsAHM-", "; ls"},
	}, []string{
		"1+1", "C++", "a+b+c", "+49 30 123456", "A+B", "+-", "foo+Bar", "Tom+Jerry", "+", "++", "+++++++", "+AGEAYg-", "Q+A",
		"PHNjcmlwdD4+", "john+Tag@example.com", "2+2=Four", "+ADx-",
	}}.play(t)
}

func TestUTF16(t *testing.T) {
	table{layer.UTF16, [][2]string{
		{as16("<script>", false, false), "<script>"},
		{as16("<script>", true, false), "<script>"},
		{as16("<script>", false, true), "<script>"},
		{as16("<script>", true, true), "<script>"},
		{as16("' or 1=1", false, false), "' or 1=1"},
		{as16("{\"a\":1}", true, false), `{"a":1}`},
		{as16("😀<b>abcdefgh", false, false), "😀<b>"},
		{as16("😀<b>", true, true), "😀<b>"},
		{as16("ab", false, false), "ab"},
		{as16("ab", true, false), "ab"},
		{as16("naïve", false, false), "naïve"},
		{as16("<?xml version=\"1.0\"?>", true, true), "<?xml"},
		{as16("中文<b>", false, true), "中文<b>"},
		{as16("cat /etc/passwd", false, false) + "x", "cat /etc/passwd"},
		{as16("union select", true, false), "union select"},
		{as16("a\nb\tc", false, false), "a\nb\tc"},
	}, []string{
		"abc", "\x00", "abcdefgh\x00", "a\x00bcdefgh", "\x00\x00\x00\x00\x00", "\xff", "\xff\xd8\xff\xe0jpeg", "\xfeabc",
		"hello world", "\xef\xbb\xbfabc", "../../etc/passwd\x00.png", "\xff\xff\xff", "\xfe\xfe", "a\x00\x00\x00b\x00\x00\x00c", "\x00\x00ab",
	}}.play(t)
}

func TestOverlong(t *testing.T) {
	table{layer.Overlong, [][2]string{
		{"\xc0\xbcscript\xc0\xbe", "<script>"},
		{"..\xc0\xaf", "../"},
		{"\xc1\x9cx", "\\x"},
		{"\xe0\x80\xbcb", "<b"},
		{"\xe0\x80\xafa", "/a"},
		{"\xf0\x80\x80\xbcb", "<b"},
		{"\xf0\x80\x80\xaf", "/"},
		{"\xc0\xae\xc0\xae/", "../"},
		{"..\xc0/", ".."},
		{"\xc0.\xc0.", ".."},
		{"\xc1\x1cx", "\\x"},
		{"\xc0\xa7 or", "' or"},
		{"é\xc0\xbc", "é<"},
		{"\xe0\x81\x81b", "Ab"},
		{"\xe0\x9f\xbf", "߿"},
		{"\xff\xc0\xbc", "\xff<"},
	}, []string{
		"abc", "é", "中文", "à la carte", "ÀÉ", "ะ", "ༀ", "\xc0", "\xe0", "\xf0", "\xf0\x9f\x98\x80", "\xe0\xa4\x85", "caf\xe9", "\xc0 la carte",
		"\xe0\x80", "\xf0\x80\x80", "\xc1A",
	}}.play(t)
}

func TestUnicode(t *testing.T) {
	table{layer.Unicode, [][2]string{
		{"＜script＞", "<script>"},
		{"ａｌｅｒｔ（1）", "alert(1)"},
		{"﹤b﹥", "<b>"},
		{"ʼ or 1=1", "' or 1=1"},
		{"‹b›", "<b>"},
		{"〈b〉", "<b>"},
		{"𝐬𝐜𝐫𝐢𝐩𝐭", "script"},
		{"𝓪𝓵𝓮𝓻𝓽", "alert"},
		{"𝟏𝟐𝟑", "123"},
		{"ⓢⓒⓡⓘⓟⓣ", "script"},
		{"ſelect", "select"},
		{"a⁄b", "a/b"},
		{"a∕b∖c", `a/b\c`},
		{"․․/", "../"},
		{"union　select", "union select"},
		{"＇ ＯＲ １＝１", "' OR 1=1"},
		{"′x′", "'x'"},
		{"${jndi﹕ldap", "${jndi:ldap"},
	}, []string{
		"abc", "é", "naïve café", "“quoted”", "it’s", "中文", "日本語。", "— dash …", "€ 5", "ümlaut", "½ cup", "Привет", "😀", "→ ⇒", "你好，世界"[:6], "«x»", "\xff\xfe",
	}}.play(t)
}
