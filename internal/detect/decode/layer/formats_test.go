package layer_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"

	"farrier.dev/farrier/internal/detect/decode/layer"
	"farrier.dev/farrier/internal/encoding/content"
)

const attack = "<script>alert(document.cookie)</script>"

// zip compresses s as a content coding.
func zip(coding, s string) string {
	out, err := content.Encode(coding, []byte(s))
	if err != nil {
		panic(err)
	}
	return string(out)
}

func bareDeflate(s string) string {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	w.Write([]byte(s))
	w.Close()
	return out.String()
}

func bareBrotli(s string) string {
	var out bytes.Buffer
	w := brotli.NewWriter(&out)
	w.Write([]byte(s))
	w.Close()
	return out.String()
}

func token(header, payload, signature string) string {
	return rawURL(header) + "." + rawURL(payload) + "." + signature
}

func tag(number, wire int) []byte { return binary.AppendUvarint(nil, uint64(number<<3|wire)) }

// text is a field of a message of protocol buffers.
func text(number int, s string) string {
	return string(binary.AppendUvarint(tag(number, 2), uint64(len(s)))) + s
}

func varint(number int, v uint64) string { return string(binary.AppendUvarint(tag(number, 0), v)) }

func frame(m string) string {
	return "\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(len(m)))) + m
}

func utf(code byte, s string) string {
	return string(binary.BigEndian.AppendUint16([]byte{code}, uint16(len(s)))) + s
}

func TestCompressed(t *testing.T) {
	for coding, by := range map[string]layer.Decoder{"gzip": layer.Gzip, "deflate": layer.Deflate, "zstd": layer.Zstd} {
		tab := table{by: by, not: []string{
			"", "plain text", "\x1f\x8b", "\x1f\x8b\x08", "x\x9c", "x^2 + y", "\x28\xb5\x2f\xfd", "\x28\xb5\x2f\xfdabcdefgh", "\x1f\x8b\x08abcdefgh",
			"x\x9cabcdefghij", "x\x01abc\xff", "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00", " " + zip(coding, attack), zip(coding, attack)[:5], "PK\x03\x04", "x\xdaz",
		}}
		for i := range 14 {
			s := strings.Repeat("some text ", i) + attack
			tab.opens = append(tab.opens, [2]string{zip(coding, s), s})
		}
		tab.opens = append(tab.opens, [2]string{zip(coding, attack) + "tail", attack}, [2]string{zip(coding, strings.Repeat("a", 100000)), strings.Repeat("a", 4000)})
		tab.play(t)
	}
	if len(open(bareBrotli(attack), layer.SetOf(layer.Brotli))) != 0 {
		t.Error("Brotli is opened only when named")
	}
	for n := range 20 {
		s := strings.Repeat("some text ", n) + attack
		if !finds(openAs(layer.Brotli, bareBrotli(s)), layer.Brotli, s) || !finds(openAs(layer.Deflate, bareDeflate(s)), layer.Deflate, s) {
			t.Error(n)
		}
	}
}

func TestRatio(t *testing.T) {
	bomb := strings.Repeat("a", 10<<20)
	for coding, by := range map[string]layer.Decoder{"gzip": layer.Gzip, "deflate": layer.Deflate, "zstd": layer.Zstd, "br": layer.Brotli} {
		coded, got := zip(coding, bomb), 0
		s := layer.Scratch{Bytes: 2 << 20}
		cut := layer.OpenAs(by, coded, &s, func(_ layer.Decoder, p layer.Part) bool {
			got += len(p.Text)
			return true
		})
		if most := min(max(4096, 100*len(coded)), s.Bytes); !cut.Has(by) || got != most {
			t.Errorf("%s: %d bytes of %d, not %d", coding, got, len(coded), most)
		}
	}
}

func TestJWT(t *testing.T) {
	head, claims := `{"alg":"HS256","typ":"JWT"}`, `{"sub":"' or 1=1"}`
	good := token(head, claims, "c2lnbmF0dXJl")
	table{layer.JWT, [][2]string{
		{good, claims},
		{good, head},
		{"Bearer " + good, claims},
		{"bearer " + good, claims},
		{" " + good + " ", claims},
		{token(`{"alg":"none"}`, claims, ""), claims},
		{token(` {"alg":"none"}`, claims, ""), claims},
		{token("{\n\"alg\":\"none\"}", claims, ""), `"alg"`},
		{token(head, "plain payload <b>", "x"), "<b>"},
		{token(head, `{"a":"`+attack+`"}`, "AAAA"), attack},
		{b64(head) + "." + b64(claims) + ".AAAA", claims},
		{rawURL(head) + ".AAAA.AAAA.AAAA.AAAA", head},
		{token(`{}`, claims, "_-_-"), claims},
		{token(`{"kid":"../../x' or '1"}`, "{}", ""), "../../x"},
		{"JWT " + good, claims},
		{token(head, "[1]", ""), "[1]"},
		{token(`{"alg`, claims, ""), `{"alg`},
	}, []string{
		"a.b.c", "1.2.3", "example.Com.org", "192.168.0.1", "www.Example.com", "Hello. World. Again", good[:40], "Bearer abc", "eyJ.eyJ", "..", "e30", "V1.2.3",
		token("[1]", claims, ""), token("text", claims, ""), good + ".x", good + ".x.y.z", rawURL(head) + ".!!!.x", "https://Example.com/a.b.c", "eyJhbGciOiJIUzI1NiJ9",
	}}.play(t)
	for _, p := range openAs(layer.JWT, good) {
		if strings.Contains(p.Text, "signature") || p.Form != layer.AsJSON {
			t.Errorf("%+v", p)
		}
	}
	for _, p := range open(good, layer.Default) {
		if p.by != layer.JWT {
			t.Errorf("a token is opened by %s too", p.by)
		}
	}
}

func TestProtobuf(t *testing.T) {
	inner := text(1, "' or 1=1") + varint(2, 7)
	group := string(tag(4, 3)) + text(5, attack) + string(tag(4, 4))
	fixed := string(tag(3, 1)) + "12345678" + string(tag(4, 5)) + "1234"
	table{layer.Protobuf, [][2]string{
		{text(1, attack), attack},
		{inner, "' or 1=1"},
		{text(3, inner), "' or 1=1"},
		{text(3, text(2, text(1, attack))), attack},
		{varint(1, 300) + text(2, attack), attack},
		{varint(9, 1) + group, attack},
		{varint(200, 1) + group, attack},
		{fixed + text(5, attack), attack},
		{text(1, "a") + text(2, "b") + text(3, "café au lait"), "café"},
		{text(100, attack), attack},
		{text(2, "line\nline <b>"), "line <b>"},
		{frame(inner), "' or 1=1"},
		{frame(inner) + frame(text(1, attack)), attack},
		{text(1, "\x80\x81\xff\xfe"+attack+"\x00\x01") + text(2, "name"), attack},
		{text(1, "name") + text(2, "\x00\x01\x02"), "name"},
		{text(1, text(1, attack)+text(1, "x")), attack},
	}, []string{
		"", "plain text", "\n", "\n\x05ab", "\n\x03abc\x00", "\x08\x01", "\x08\x96\x01", "\x00\x01\x02\x03", "\x0a\x02\x08\x01", "\xff\xff\xff\xff\xff", text(20000, attack), text(1, attack)[:20],
		"\x0f\x01abc", "\x07abc", "\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", "\x1babc", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "\xff\xd8\xff\xe0\x00\x10JFIF", "\nhello\n", "\x0c\x0c\x0c",
	}}.play(t)
}

func TestProtobufNames(t *testing.T) {
	coded := b64(text(1, "' or 1=1 --") + varint(2, 1))
	if !finds(open(coded, layer.All), layer.Base64, "\n\x0b") || finds(open(coded, layer.Default), layer.Base64, "\x0b") {
		t.Error("a message in Base64 is handed out as it is where messages are expected, otherwise its text")
	}
	m := text(1, "first one") + text(2, text(3, "deep \x01 text")+text(4, "more"))
	var names []string
	for _, p := range openAs(layer.Protobuf, m) {
		names = append(names, p.Name+"="+p.Text)
	}
	joined := strings.Join(names, "|")
	for _, want := range []string{"1=first one", "2.3=deep \x01 text", "2.4=more"} {
		if !strings.Contains(joined, want) {
			t.Errorf("%q is not in %q", want, joined)
		}
	}
	// What a sender names is read up to its damage, with any field number.
	if got := openAs(layer.Protobuf, text(500000000, attack)+"\x0a\xff"); !finds(got, layer.Protobuf, attack) {
		t.Errorf("%+v", got)
	}
}

func TestPHP(t *testing.T) {
	table{layer.PHP, [][2]string{
		{`s:8:"' or 1=1";`, "' or 1=1"},
		{`a:1:{i:0;s:3:"<b>";}`, "<b>"},
		{`O:8:"stdClass":1:{s:1:"a";s:3:"<b>";}`, "stdClass"},
		{`O:8:"stdClass":1:{s:1:"a";s:3:"<b>";}`, "<b>"},
		{`O:+4:"Evil":0:{}`, "Evil"},
		{`a:2:{s:1:"a";a:1:{s:1:"b";s:3:"<i>";}s:1:"c";d:0.5;}`, "<i>"},
		{`S:3:"\3cb>";`, "<b>"},
		{`C:4:"Evil":5:{<b>xx}`, "<b>xx"},
		{`user|O:4:"Evil":0:{}`, "Evil"},
		{`id|i:5;name|s:3:"<b>";`, "<b>"},
		{`E:10:"Suit:Heart";`, "Suit:Heart"},
		{"O:4:\"Evil\":1:{s:7:\"\x00Evil\x00x\";s:3:\"<b>\";}", "<b>"},
		{`a:1:{s:3:"<k>";b:1;}`, "<k>"},
		{`a:1:{i:0;O:1:"X":1:{s:1:"y";N;}}`, "X"},
		{` s:3:"<b>";`, "<b>"},
		{`a:2:{i:0;s:3:"<b>";i:1;s:99:"x";}`, "<b>"},
		{`i:5;s:3:"<b>";`, "<b>"},
	}, []string{
		"a:1", "s:", "O:", "a:b:c", "s:3:abc;", `s:9:"abc";`, "and: so on", "a:1:{}", "i:5;", "b:1;", "N;", "some: text", `O:3:"ab":0:{}`, `s:-1:"";`, "ok: 1", "a:1:{i:0;i:1;}", "d:0.5;", `s:0:"";`,
	}}.play(t)
	names := map[string]string{}
	for _, p := range openAs(layer.PHP, "O:4:\"Evil\":2:{s:4:\"\x00*\x00a\";s:1:\"1\";s:1:\"b\";s:1:\"2\";}") {
		names[p.Name] = p.Text
	}
	if names["class"] != "Evil" || names["a"] != "1" || names["b"] != "2" {
		t.Errorf("%v", names)
	}
}

func TestObjects(t *testing.T) {
	const dotnet = "\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x0c\x02\x00\x00\x00"
	opens := [][2]string{
		{dotnet + "\x1eMicrosoft.PowerShell.Editor.Vx\x05", "Microsoft.PowerShell.Editor.Vx"},
		{dotnet + "BMicrosoft.VisualStudio.Text.Formatting.TextFormattingRunProperties\x01", "Microsoft.VisualStudio.Text.Formatting.TextFormattingRunProperties"},
		{"\x80\x04\x95\x23\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.", "posix\nsystem"},
		{"\x80\x02cbuiltins\neval\nq\x00X\x05\x00\x00\x00abcdeq\x01.", "builtins\neval"},
		{"\x80\x03csubprocess\nPopen\nq\x00X\x02\x00\x00\x00id\x85R.", "subprocess\nPopen"},
		{dotnet + "\x14System.Data.DataSet1\x00\x06\x01", "System.Data.DataSet1"},
		{"\x04\bo:\x15Gem::Requirement\x06:\x10@requirements[\x06", "Gem::Requirement"},
		{"\x04\b{\x06I\"\x0cuser_id\x06:\x06ETi\x06", "user_id"},
		{"\x04\x08o:\x08ERB\x06:\x09@srcI\"\x0a`id`\x06", "@srcI"},
		{"\x04\x08[\x07c\x13Gem::SpecFetcherc\x13Gem::Installer", "Gem::SpecFetcher"},
	}
	for _, name := range []string{"ERB", "Kernel", "Gem::Installer", "os", "ActiveSupport::Deprecation", "Net::BufferedIO", "Rack::Session", "TarReader", "Logger", "Set"} {
		opens = append(opens, [2]string{"\x04\bo:" + string(rune(len(name)+5)) + name + "\x06:\x06@a0", name})
	}
	table{layer.Objects, opens, []string{
		"\x04\bq:\x08ERB\x06:\x09@src", "\x00\x01\x00\x00\x00\xff\xff\xff\xfe\x01name", "\x80\x04 text without an end", "\x80\x01posix system.", "\x80\x04posix", "\x04\b\x00\x00\x00\x00\x00\x00\x00", "\x04\bi\x02\xff\x7fab",
		"", "\x04\x08", "\x80", "\x80\x04.", "\x80\x06posix system.", "\x04\x09o:\x08ERB\x06:\x09@src", "\x00\x01\x00\x00\x00\xff\xff\xff", "o:\x08ERB and more of it",
	}}.play(t)
}

func TestJava(t *testing.T) {
	const head = "\xac\xed\x00\x05"
	class := head + "s" + utf('r', "java.util.HashMap") + "\x05\x07\xda\xc1\xc3\x16`\xd1\x03\x00\x02F\x00\nloadFactor"
	opens := [][2]string{
		{class, "java.util.HashMap"},
		{head + utf('t', attack), attack},
		{class + "xp?@\x00\x00" + utf('t', attack), attack},
		{head + "|\x00\x00\x00\x00\x00\x00\x00\x04" + "<b>x", "<b>x"},
	}
	for _, name := range []string{
		"org.apache.commons.collections.functors.InvokerTransformer", "javax.management.BadAttributeValueExpException", "sun.reflect.annotation.AnnotationInvocationHandler", "[Ljava.lang.String;", "Evil",
		"com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl", "java.net.URL", "org.codehaus.groovy.runtime.MethodClosure", "java.rmi.server.UnicastRemoteObject", "x",
	} {
		opens = append(opens, [2]string{head + "s" + utf('r', name) + "\x00\x01", name})
	}
	opens = append(opens, [2]string{head + utf('t', "touch /tmp/x; id\x00tail of it"), "touch"})
	table{layer.Java, opens, []string{
		"", "\xac\xed", "\xac\xed\x00", head, head + "t", head + "t\x00", head + "t\x00\x00", head + "t\x00\x09abc", head + "sr", head + "r\xff\xffabc", "\xac\xed\x00\x04" + utf('t', "abc"), " " + head + utf('t', "abc"),
		head + utf('t', "\x01\x02\x03"), head + "\x00\x01\x02", head + "|\x00\x00\x00\x01\x00\x00\x00\x01x", head + "wxyz",
	}}.play(t)
}
