package xsd

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func compileText(t testing.TB, texts ...string) (*Set, error) {
	t.Helper()
	var nodes []*Node
	for _, text := range texts {
		n, err := Parse([]byte(text), Limits())
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	return Compile(nodes)
}

func orderSet(t testing.TB) *Set {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "order.xsd"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := compileText(t, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t testing.TB, s *Set, doc string) error {
	t.Helper()
	n, err := Parse([]byte(doc), Limits())
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return s.Validate(n)
}

// pieces are what the order of a generated document is made of; of each the first
// is valid. White space around a dateTime is left out: libxml2 refuses it, against
// XML Schema part 2, section 3.2.7 (whiteSpace is collapse).
var pieces = [][]string{
	{`version="1"`, ``, `version="0"`, `version=" +01 "`, `version="1" kind="express"`, `version="1" kind="slow"`, `version="1" kind=" normal "`, `version="1" rate="INF" hex="0aFF"`, `version="1" rate="1e3" hex="0"`, `version="1" rate=".e1"`, `version="1" x:y="z"`, `version="1" y="z"`, `version="1" xsi:type="o:Order"`, `version="1" xsi:type="o:Base"`, `version="1" xsi:type="o:None"`, `version="1" xsi:nil="true"`, `version="1" xsi:schemaLocation="a b"`},
	{`<id>AB-12</id>`, ``, `<id>AB-12345</id>`, `<id>ab-12</id>`, `<id>a.c-efghi</id>`, `<id>a:cdefghi</id>`, `<id> AB-12</id>`, `<id>AB-12</id><id>AB-12</id>`, `<id><b/></id>`, `<id xmlns="">AB-1</id>`, `<id a="b">AB-1</id>`},
	{``, `<placed>2026-01-02T03:04:05Z</placed>`, `<placed>2026-01-02T03:04:05.123+14:00</placed>`, `<placed>2026-02-30T03:04:05Z</placed>`, `<placed>2026-01-02</placed>`, `<placed>2026-01-02T24:00:00</placed>`, `<placed>2026-01-02T25:00:00</placed>`, `<placed>2026-01-02T03:04:05+14:01</placed>`},
	{`<line unit="kg">1</line>`, ``, `<line unit="kg">1</line><line unit="lb">2.50</line><line unit="kg">1000.5</line>`, `<line unit="kg">1</line><line unit="lb">2.5</line><line unit="kg">3</line><line unit="kg">4</line>`, `<line unit="kg">0</line>`, `<line unit="kg">1000.51</line>`, `<line unit="kg">0.001</line>`, `<line unit="kg">999.990</line>`, `<line unit="kg">12345.6</line>`, `<line unit="g">1</line>`, `<line>1</line>`, `<line unit="kg" fixed="7">1</line>`, `<line unit="kg" fixed="+07">1</line>`, `<line unit="kg" fixed="8">1</line>`, `<line unit="kg">1e2</line>`, `<line unit="kg">-1</line>`, `<line unit="kg"> +01.0 </line>`, `<line unit="kg"></line>`, `<line unit="kg">.5</line>`, `<line unit="kg">5.</line>`, `<line unit="kg">1<b/></line>`},
	{``, `<note>x</note>`, `<remark> x  y </remark><flag>1</flag>`, `<flag>yes</flag>`, `<flag>true</flag><flag> 0 </flag>`, `<from>2026-01-02</from><to>2026-01-03Z</to>`, `<from>2026-01-02</from>`, `<to>2026-01-02</to>`, `<from>2026-01-02</from><note/><to>2026-01-02</to>`, `<abstractNote/>`, `<note><b/></note>`, `<from>2026-13-02</from><to>2026-01-02</to>`, `<from>2026-01-02</from><to>2026-01-03</to><from>2026-01-02</from><to>2026-01-03</to><note/>`},
	{``, `<buyer><name>a</name></buyer>`, `<buyer><phone>123</phone><name>a</name></buyer><seller><name/></seller>`, `<seller><name/></seller>`, `<buyer><phone>123</phone></buyer>`, `<buyer><name/><phone>12</phone></buyer>`, `<buyer><name/><phone>123456789</phone></buyer>`, `<buyer><name/><phone> 12  3 </phone></buyer>`, `<buyer><name/><name/></buyer>`, `<buyer><codes>1 2 3</codes><name/></buyer>`, `<buyer><codes>1 2 256</codes><name/></buyer>`, `<buyer><codes>1 2 3 4</codes><name/></buyer>`, `<buyer><codes/><name/></buyer>`, `<buyer><name/>text</buyer>`},
	{``, `<gift><to>x</to></gift>`, `<gift xsi:nil="true"/>`, `<gift xsi:nil="true"><to>x</to></gift>`, `<gift xsi:nil="1"> </gift>`, `<gift xsi:nil="false"><to/></gift>`, `<gift xsi:nil="maybe"/>`, `<gift/>`, `<gift xsi:type="o:BigGift"><to/><size>7</size></gift>`, `<gift xsi:type="o:BigGift"><to/><size>express</size></gift>`, `<gift xsi:type="o:BigGift"><to/><size>big</size></gift>`, `<gift xsi:type="o:BigGift"><to/></gift>`, `<gift><to/><size>7</size></gift>`, `<gift xsi:type="o:Party"><name/></gift>`},
	{``, `<mixed/>`, `<mixed>a<b>c</b>d</mixed>`, `<mixed><c/></mixed>`},
	{``, `<x:a/>`, `<x:a><x:b c="d">e</x:b></x:a><x:a/>`, `<x:a/><x:a/><x:a/>`, `<a xmlns=""/>`, `<x:a><order version="1"/></x:a>`, `<x:a><note>n</note></x:a>`, `text`},
}

// anyOrder makes a document; mistakes is how many pieces are not the first.
func anyOrder(r *rand.Rand, others int) string {
	chosen := make([]string, len(pieces))
	for i := range pieces {
		chosen[i] = pieces[i][0]
	}
	for range others {
		i := r.IntN(len(pieces))
		chosen[i] = pieces[i][r.IntN(len(pieces[i]))]
	}
	if r.IntN(20) == 0 {
		i := 1 + r.IntN(len(chosen)-2)
		chosen[i], chosen[i+1] = chosen[i+1], chosen[i]
	}
	return `<order xmlns="urn:orders" xmlns:o="urn:orders" xmlns:x="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
		chosen[0] + ">" + strings.Join(chosen[1:], "\n ") + "</order>"
}

// TestAgainstXmllint holds that we agree with libxml2 on generated documents.
func TestAgainstXmllint(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("xmllint is not installed")
		}
		t.Skip("xmllint is not installed (package libxml2-utils)")
	}
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	s := orderSet(t)
	docs := map[string]string{}
	arguments := []string{"--noout", "--nonet", "--schema", filepath.Join("testdata", "order.xsd")}
	add := func(doc string) {
		file := filepath.Join(dir, fmt.Sprintf("%d.xml", len(docs)))
		if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
			t.Fatal(err)
		}
		docs[file] = doc
		arguments = append(arguments, file)
	}
	for i := range pieces {
		for _, one := range pieces[i] {
			chosen := make([]string, len(pieces))
			for k := range pieces {
				chosen[k] = pieces[k][0]
			}
			chosen[i] = one
			add(`<order xmlns="urn:orders" xmlns:o="urn:orders" xmlns:x="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
				chosen[0] + ">" + strings.Join(chosen[1:], "") + "</order>")
		}
	}
	for i := range 1500 {
		add(anyOrder(r, i%5))
	}
	out, _ := exec.CommandContext(t.Context(), xmllint, arguments...).CombinedOutput()
	theirs := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(\S+\.xml) (validates|fails to validate)$`).FindAllStringSubmatch(string(out), -1) {
		theirs[m[1]] = m[2] == "validates"
	}
	played := map[bool]int{}
	for file, doc := range docs {
		want, ok := theirs[file]
		if !ok {
			t.Fatalf("xmllint said nothing of %s\n%.500s", doc, out)
		}
		got := valid(t, s, doc)
		if (got == nil) != want {
			t.Errorf("xmllint: %v, we: %v\n%s", want, got, doc)
		}
		played[want]++
	}
	t.Logf("played %d valid and %d invalid documents", played[true], played[false])
	if played[true] < 300 || played[false] < 300 {
		t.Error("too few documents were played")
	}
}

const head = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t">`

// TestNotSupported holds that what is not supported is refused by name.
func TestNotSupported(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{`<xs:redefine schemaLocation="a"/>`, "xs:redefine is not supported"},
		{`<xs:notation name="a" public="b"/>`, "xs:notation is not supported"},
		{`<xs:element name="a"><xs:complexType/><xs:key name="k"><xs:selector xpath="."/><xs:field xpath="."/></xs:key></xs:element>`, "xs:key in xs:element is not supported"},
		{`<xs:element name="a"><xs:complexType/><xs:unique name="k"/></xs:element>`, "xs:unique in xs:element is not supported"},
		{`<xs:element name="a" block="extension"/>`, "block is not supported"},
		{`<xs:element name="a" type="xs:ENTITY"/>`, "xs:ENTITY is not known or not supported"},
		{`<xs:element name="a" type="None"/>`, "{urn:t}None is not declared"},
		{`<xs:element name="a"><xs:complexType><xs:sequence><xs:element ref="b"/></xs:sequence></xs:complexType></xs:element>`, "{urn:t}b is not declared"},
		{`<xs:complexType name="A"><xs:assert test="true()"/></xs:complexType>`, "xs:assert in xs:complexType is not supported"},
		{`<xs:complexType name="A"><xs:openContent/></xs:complexType>`, "xs:openContent in xs:complexType is not supported"},
		{`<xs:complexType name="A"><xs:complexContent><xs:extension base="A"/></xs:complexContent></xs:complexType>`, "derived from itself"},
		{`<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group><xs:element name="a"><xs:complexType><xs:group ref="g"/></xs:complexType></xs:element>`, "holds itself"},
		{`<xs:simpleType name="A"><xs:restriction base="xs:string"><xs:pattern value="(?i)a"/></xs:restriction></xs:simpleType>`, "the pattern"},
		{`<xs:simpleType name="A"><xs:restriction base="xs:string"><xs:pattern value="\p{IsGreek}"/></xs:restriction></xs:simpleType>`, `\p{IsGreek} is not supported`},
		{`<xs:simpleType name="A"><xs:restriction base="xs:string"><xs:assertion test="a"/></xs:restriction></xs:simpleType>`, "xs:assertion in xs:restriction is not supported"},
		{`<xs:simpleType name="A"><xs:restriction base="xs:duration"><xs:minInclusive value="P1D"/></xs:restriction></xs:simpleType>`, "xs:minInclusive of the type duration is not supported"},
		{`<xs:simpleType name="A"><xs:restriction base="xs:int"><xs:enumeration value="x"/></xs:restriction></xs:simpleType>`, "not one of the base type"},
		{`<xs:simpleType name="A"><xs:restriction base="xs:int"><xs:length value="1"/></xs:restriction></xs:simpleType>`, "does not suit"},
		{`<xs:element name="a"/><xs:element name="a"/>`, "declared twice"},
		{`<xs:element name="a" minimum="1"/>`, "the attribute minimum of xs:element is not supported"},
	} {
		_, err := compileText(t, head+c.schema+`</xs:schema>`)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.schema, err, c.want)
		}
	}
}

// TestExpansion holds that groups which double at each step are refused in time.
func TestExpansion(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		_, _ = fmt.Fprintf(&b, `<xs:group name="g%d"><xs:sequence><xs:group ref="g%d"/><xs:group ref="g%d"/></xs:sequence></xs:group>`, i, i+1, i+1)
	}
	b.WriteString(`<xs:group name="g40"><xs:sequence/></xs:group><xs:element name="a"><xs:complexType><xs:group ref="g0"/></xs:complexType></xs:element>`)
	if _, err := compileText(t, head+b.String()+`</xs:schema>`); err == nil || !strings.Contains(err.Error(), "more than 100000 parts") {
		t.Errorf("%v", err)
	}
}

// TestPattern holds the translation of regular expressions.
func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern     string
		match, miss []string
	}{
		{`a.c`, []string{"abc"}, []string{"a\nc", "xabcx", "ac"}},
		{`^a$`, []string{"^a$"}, []string{"a"}},
		{`[a-z-[aeiou]]+`, []string{"xyz"}, []string{"a", "xa"}},
		{`[^a-z]`, []string{"A"}, []string{"a"}},
		{`[^a-z-[A]]`, []string{"B"}, []string{"A", "a"}},
		{`\i\c*`, []string{"a-1", ":b", "ä"}, []string{"1", "-"}},
		{`\d{2}`, []string{"12", "٣٤"}, []string{"1", "ab"}},
		{`\w+`, []string{"aé1"}, []string{"a b", "a-b"}},
		{`\s`, []string{" ", "\t"}, []string{"\u00a0"}},
		{`\p{Lu}\P{Lu}`, []string{"Aa"}, []string{"AA"}},
		{`[\d\-\.]+`, []string{"1-2.3"}, []string{"a"}},
		{`[a\]]`, []string{"]"}, []string{"\\"}},
		{`[+\-]?[0-9]+`, []string{"+1", "-2", "3"}, []string{"*1"}},
		{`(a|b)*`, []string{"", "abba"}, []string{"c"}},
		{`[-a]`, []string{"-", "a"}, []string{"b"}},
		{`[a-]`, []string{"-", "a"}, []string{"b"}},
	} {
		p, err := pattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, text := range c.match {
			if !p.MatchString(text) {
				t.Errorf("%s does not match %q", c.pattern, text)
			}
		}
		for _, text := range c.miss {
			if p.MatchString(text) {
				t.Errorf("%s matches %q", c.pattern, text)
			}
		}
	}
}

// FuzzDocument holds that no document makes the validator panic.
func FuzzDocument(f *testing.F) {
	s := orderSet(f)
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(anyOrder(r, 3))
	}
	f.Fuzz(func(t *testing.T, doc string) {
		n, err := Parse([]byte(doc), Limits())
		if err != nil {
			return
		}
		_ = s.Validate(n)
		_ = s.ValidateAs(n, s.Type(Name{SchemaNamespace, "anyType"}))
	})
}

// FuzzSchema holds that no schema makes the compiler panic.
func FuzzSchema(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "order.xsd"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, schema string) {
		n, err := Parse([]byte(schema), Limits())
		if err != nil {
			return
		}
		if s, err := Compile([]*Node{n}); err == nil {
			for name := range s.elements {
				_ = s.Validate(&Node{Name: name})
			}
		}
	})
}
