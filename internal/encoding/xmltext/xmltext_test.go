package xmltext_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

func TestTokens(t *testing.T) {
	doc := "\xef\xbb\xbf<?xml version=\"1.0\" encoding='UTF-8'?>\n<!-- c -->" +
		"<s:Envelope xmlns:s=\"urn:s\" a='1 &lt; 2\r\n&#10;' ><?pi some data?>t&amp;\r\nx<e/><![CDATA[<&]]]></s:Envelope>\n"
	names := []string{"None", "Declaration", "ProcInst", "Comment", "StartTag", "EndTag", "Text", "CDATA"}
	r := xmltext.NewReader([]byte(doc), xmltext.DefaultLimits())
	var got []string
	var whole []byte
	for {
		tok, err := r.Next()
		if err == io.EOF { //nolint:errorlint // Next gives it bare
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, tok.Raw...)
		got = append(got, strings.TrimSuffix(fmt.Sprintf("%s %s %s", names[tok.Kind], tok.Name, tok.Decoded(nil)), " "))
		if tok.Kind == xmltext.StartTag && string(tok.Name) == "s:Envelope" {
			if v := tok.Attrs[1].Decoded(nil); string(v) != "1 < 2 \n" || !tok.Attrs[0].IsNamespace() || tok.Attrs[1].IsNamespace() {
				t.Errorf("attributes %v, value %q", tok.Attrs, v)
			}
			if doc[tok.Attrs[1].ValueOffset:][:len(tok.Attrs[1].Value)] != string(tok.Attrs[1].Value) {
				t.Error("the value of an attribute is not where it says")
			}
		}
		if tok.Kind == xmltext.StartTag && tok.Empty && string(r.Path(nil)) != "/s:Envelope/e" {
			t.Errorf("path is %s", r.Path(nil))
		}
	}
	want := []string{
		"Declaration xml", "Text  \n", "Comment   c", "StartTag s:Envelope", "ProcInst pi some data", "Text  t&\nx",
		"StartTag e", "EndTag e", "CDATA  <&]", "EndTag s:Envelope", "Text  \n",
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if string(whole) != strings.TrimPrefix(doc, "\xef\xbb\xbf") {
		t.Error("the tokens together are not the document")
	}
}

func TestRefusals(t *testing.T) {
	limits := func(change func(*xmltext.Limits)) *xmltext.Limits {
		l := xmltext.NoLimits()
		change(&l)
		return &l
	}
	cases := []struct {
		in     string
		at     int
		reason error
		lim    *xmltext.Limits
		limit  string
	}{
		{in: "", reason: xmltext.ErrRoot},
		{in: "<!-- a -->", reason: xmltext.ErrRoot, at: 10},
		{in: "<a/><b/>", reason: xmltext.ErrRoot, at: 4},
		{in: "<a/>x", reason: xmltext.ErrRoot, at: 4},
		{in: "x<a/>", reason: xmltext.ErrRoot, at: 0},
		{in: "<a/>&#32;", reason: xmltext.ErrRoot, at: 4},
		{in: "<a/><![CDATA[]]>", reason: xmltext.ErrRoot, at: 4},
		{in: "<!DOCTYPE a><a/>", reason: xmltext.ErrDoctype, at: 0},
		{in: "<!doctype a><a/>", reason: xmltext.ErrDoctype, at: 0},
		{in: "<a><!DOCTYPE a></a>", reason: xmltext.ErrDoctype, at: 3},
		{in: "<a><!ENTITY a 'b'></a>", reason: xmltext.ErrMarkup, at: 3},
		{in: "<a><![cdata[]]></a>", reason: xmltext.ErrMarkup, at: 3},
		{in: "\xfe\xff\x00<\x00a", reason: xmltext.ErrEncoding, at: 0},
		{in: "<\x00a\x00", reason: xmltext.ErrEncoding, at: 0},
		{in: "<?xml version='1.0' encoding='latin1'?><a/>", reason: xmltext.ErrEncoding, at: 30},
		{in: "<?xml version='1.1'?><a/>", reason: xmltext.ErrVersion, at: 15},
		{in: "<?xml encoding='utf-8'?><a/>", reason: xmltext.ErrDeclaration, at: 6},
		{in: "<?xml version='1.0' standalone='yes' encoding='utf-8'?><a/>", reason: xmltext.ErrDeclaration, at: 37},
		{in: "<?xml version='1.0' standalone='maybe'?><a/>", reason: xmltext.ErrDeclaration, at: 32},
		{in: "<?xml?><a/>", reason: xmltext.ErrDeclaration, at: 5},
		{in: " <?xml version='1.0'?><a/>", reason: xmltext.ErrDeclaration, at: 1},
		{in: "<a><?XML x?></a>", reason: xmltext.ErrDeclaration, at: 3},
		{in: "<a", reason: xmltext.ErrEnd, at: 2},
		{in: "<a>", reason: xmltext.ErrEnd, at: 3},
		{in: "<a b='", reason: xmltext.ErrEnd, at: 6},
		{in: "<a><!-- ", reason: xmltext.ErrEnd, at: 8},
		{in: "<a><![CDATA[ ]]", reason: xmltext.ErrEnd, at: 15},
		{in: "<a><?b ", reason: xmltext.ErrEnd, at: 7},
		{in: "<a></b>", reason: xmltext.ErrBalance, at: 3},
		{in: "<a></a></a>", reason: xmltext.ErrBalance, at: 7},
		{in: "<a></A>", reason: xmltext.ErrBalance, at: 3},
		{in: "<a></a b='1'>", reason: xmltext.ErrMarkup, at: 7},
		{in: "< a/>", reason: xmltext.ErrName, at: 1},
		{in: "<1a/>", reason: xmltext.ErrName, at: 1},
		{in: "<a:b:c/>", reason: xmltext.ErrName, at: 1},
		{in: "<\u00d7/>", reason: xmltext.ErrName, at: 1},
		{in: "<a b/>", reason: xmltext.ErrAttribute, at: 4},
		{in: "<a b=c/>", reason: xmltext.ErrAttribute, at: 5},
		{in: "<a b='1'c='2'/>", reason: xmltext.ErrMarkup, at: 8},
		{in: "<a b='1' b='2'/>", reason: xmltext.ErrDuplicate, at: 9},
		{in: "<a b='<'/>", reason: xmltext.ErrCharacter, at: 6},
		{in: "<a / >", reason: xmltext.ErrMarkup, at: 4},
		{in: "<a>&nbsp;</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>&amp</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>& b</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>&#0;</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>&#xD800;</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>&#x110000;</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>&#X41;</a>", reason: xmltext.ErrReference, at: 3},
		{in: "<a>]]></a>", reason: xmltext.ErrCharacter, at: 3},
		{in: "<a>\x01</a>", reason: xmltext.ErrCharacter, at: 3},
		{in: "<a>\uffff</a>", reason: xmltext.ErrCharacter, at: 3},
		{in: "<a><!-- a -- b --></a>", reason: xmltext.ErrCharacter, at: 10},
		{in: "<a><!-- \x02 --></a>", reason: xmltext.ErrCharacter, at: 8},
		{in: "<a>\xff</a>", reason: xmltext.ErrUTF8, at: 3},
		{in: "<a\xff/>", reason: xmltext.ErrUTF8, at: 2},
		{in: "<a><b><c/></b></a>", lim: limits(func(l *xmltext.Limits) { l.MaxDepth = 2 }), limit: "MaxDepth", at: 6},
		{in: "<a xmlns='u' b='1' c='2'/>", lim: limits(func(l *xmltext.Limits) { l.MaxAttributes = 1 }), limit: "MaxAttributes", at: 0},
		{in: "<a xmlns='u' xmlns:b='1' c='2'/>", lim: limits(func(l *xmltext.Limits) { l.MaxNamespaces = 1 }), limit: "MaxNamespaces", at: 0},
		{in: "<a><b/>t<c/></a>", lim: limits(func(l *xmltext.Limits) { l.MaxChildren = 1 }), limit: "MaxChildren", at: 8},
		{in: "<a>é&lt;x</a>", lim: limits(func(l *xmltext.Limits) { l.MaxTextLength = 2 }), limit: "MaxTextLength", at: 9},
		{in: "<a><![CDATA[abc]]></a>", lim: limits(func(l *xmltext.Limits) { l.MaxTextLength = 2 }), limit: "MaxTextLength", at: 14},
		{in: "<a b='&lt;é3'/>", lim: limits(func(l *xmltext.Limits) { l.MaxAttributeLength = 2 }), limit: "MaxAttributeLength", at: 12},
		{in: "<a><!--abc--></a>", lim: limits(func(l *xmltext.Limits) { l.MaxCommentLength = 2 }), limit: "MaxCommentLength", at: 9},
		{in: "<a><?p abc?></a>", lim: limits(func(l *xmltext.Limits) { l.MaxCommentLength = 2 }), limit: "MaxCommentLength", at: 9},
		{in: "<abc/>", lim: limits(func(l *xmltext.Limits) { l.MaxNameLength = 2 }), limit: "MaxNameLength", at: 3},
		{in: "<a>x</a>", lim: limits(func(l *xmltext.Limits) { l.MaxTokens = 2 }), limit: "MaxTokens", at: 4},
		{in: "<a/>", lim: &xmltext.Limits{}, limit: "MaxNameLength", at: 1},
	}
	for _, c := range cases {
		lim := xmltext.NoLimits()
		if c.lim != nil {
			lim = *c.lim
		}
		err := xmltext.Valid([]byte(c.in), lim)
		if c.limit != "" {
			var le *encoding.LimitError
			if !errors.As(err, &le) || le.Limit != c.limit || le.Offset != c.at {
				t.Errorf("%q: %v, want %s at %d", c.in, err, c.limit, c.at)
			}
			continue
		}
		var se *encoding.SyntaxError
		if !errors.As(err, &se) || !errors.Is(err, c.reason) || se.Offset != c.at {
			t.Errorf("%q: %v, want %v at %d", c.in, err, c.reason, c.at)
		}
	}
	t.Logf("played %d refusals", len(cases))
}

func TestAccepted(t *testing.T) {
	docs := []string{
		"<a/>", "<a></a >", "<a\n/>", "<:/>", "<_x.1-y/>", "<é/>", "<a b = \"'\" c='\"'/>", "<a>></a>", "<a>]] ></a>",
		"<a>&#x10FFFF;&#9;&quot;&apos;&gt;</a>", "<?xml version=\"1.0\"?><a/>", "<?xml version='1.0' standalone='no' ?>\n<a/>",
		"<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>", "<?xml-stylesheet href='x'?><a/>", "<a><?p?></a>",
		"<a><!----></a>", "<a/><!-- x --><?p q?> \r\n", "\xef\xbb\xbf<a/>", "<a><![CDATA[]]]]><![CDATA[>]]></a>", "<a b='>'/>",
		"<a xmlns:x='u' x:b='1' b='1'/>",
	}
	for _, doc := range docs {
		if err := xmltext.Valid([]byte(doc), xmltext.DefaultLimits()); err != nil {
			t.Errorf("%q: %v", doc, err)
		}
	}
	lim := xmltext.Limits{
		MaxDepth: 2, MaxAttributes: 1, MaxNamespaces: 1, MaxChildren: 2, MaxTextLength: 2, MaxAttributeLength: 2,
		MaxCommentLength: 2, MaxNameLength: 5, MaxTokens: 10,
	}
	if err := xmltext.Valid([]byte("<a xmlns='uu' b='&lt;é'>é&lt;<b/><b/><!--cc--><?p pp?></a>"), lim); err != nil {
		t.Errorf("limits are not inclusive: %v", err)
	}
	t.Logf("played %d documents", len(docs))
}

func TestLargeDocuments(t *testing.T) {
	deep := []byte(strings.Repeat("<a>", 200_000) + strings.Repeat("</a>", 200_000))
	began := time.Now()
	if err := xmltext.Valid(deep, xmltext.DefaultLimits()); encoding.Exceeded(err) != "MaxDepth" {
		t.Errorf("200,000 deep: %v, want MaxDepth", err)
	}
	t.Logf("200,000 deep: refused after %v", time.Since(began))
	if err := xmltext.Valid(deep, xmltext.NoLimits()); err != nil {
		t.Errorf("200,000 deep without limits: %v", err)
	}
	var b strings.Builder
	b.WriteString("<a")
	for i := range 100_000 {
		fmt.Fprintf(&b, " n%d=''", i)
	}
	if err := xmltext.Valid([]byte(b.String()+"/>"), xmltext.NoLimits()); err != nil {
		t.Errorf("100,000 attributes: %v", err)
	}
	if err := xmltext.Valid([]byte(b.String()+" n7=''/>"), xmltext.NoLimits()); !errors.Is(err, xmltext.ErrDuplicate) {
		t.Errorf("100,000 attributes and a duplicate: %v", err)
	}
	laughs := "<!DOCTYPE lolz [<!ENTITY lol \"lol\">" + strings.Repeat("<!ENTITY l \"&lol;&lol;\">", 1000) + "]><lolz>&l;</lolz>"
	if err := xmltext.Valid([]byte(laughs), xmltext.DefaultLimits()); !errors.Is(err, xmltext.ErrDoctype) {
		t.Errorf("billion laughs: %v", err)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	doc := []byte(`<?xml version="1.0"?><s:E xmlns:s="u"><s:B a="1" b="&lt;"><i>1</i><i>two</i><e/><!-- c --></s:B></s:E>`)
	r := xmltext.NewReader(doc, xmltext.DefaultLimits())
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(doc, xmltext.DefaultLimits())
		for {
			if _, err := r.Next(); err == io.EOF { //nolint:errorlint // Next gives it bare
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("reading with a used reader allocates %v times, want 0", n)
	}
}

// FuzzReader holds that encoding/xml accepts what we accept, and reads the same
// text in it. It is known to differ in: names of the fifth edition of XML 1.0, of
// which it knows the fourth only, and names such as "a:" that it cuts otherwise.
// Its decoder must be told to demand a root, which it does not.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"<a b='1'>x&amp;<!-- c --><?p q?><![CDATA[d]]></a>", "<?xml version='1.0' encoding='utf-8'?><a/>", "<a:b xmlns:a='u'/>",
		"<!DOCTYPE a><a/>", "<a>\r\n&#13;</a>", "<é/>", "\xef\xbb\xbf<a/>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := xmltext.NewReader(data, xmltext.NoLimits())
		var whole, text []byte
		ascii := true
		var err error
		for {
			var tok xmltext.Token
			if tok, err = r.Next(); err != nil {
				break
			}
			if string(data[tok.Offset:tok.Offset+len(tok.Raw)]) != string(tok.Raw) ||
				string(data[tok.ContentOffset:tok.ContentOffset+len(tok.Content)]) != string(tok.Content) {
				t.Fatalf("token %q at %d is not where it says", tok.Raw, tok.Offset)
			}
			whole = append(whole, tok.Raw...)
			if r.Depth() > 0 && (tok.Kind == xmltext.Text || tok.Kind == xmltext.CDATA) {
				text = tok.Decoded(text)
			}
			ascii = ascii && isASCII(tok.Name)
			for i := range tok.Attrs {
				ascii = ascii && isASCII(tok.Attrs[i].Name)
			}
		}
		if err != io.EOF { //nolint:errorlint // Next gives it bare
			return
		}
		if body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")); !bytes.Equal(whole, body) {
			t.Fatalf("the tokens of %q together are %q", data, whole)
		}
		if !ascii {
			return
		}
		d := xml.NewDecoder(bytes.NewReader(data))
		var theirs []byte
		for depth := 0; ; {
			tok, err := d.RawToken()
			if err == io.EOF { //nolint:errorlint // as the package says
				break
			}
			if err != nil {
				t.Fatalf("%q: accepted, but encoding/xml says %v", data, err)
			}
			switch tok := tok.(type) {
			case xml.StartElement:
				depth++
			case xml.EndElement:
				depth--
			case xml.CharData:
				if depth > 0 {
					theirs = append(theirs, tok...)
				}
			}
		}
		if !bytes.Equal(text, theirs) {
			t.Fatalf("%q: text %q, encoding/xml reads %q", data, text, theirs)
		}
	})
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
