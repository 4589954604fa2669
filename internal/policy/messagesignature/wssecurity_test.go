package messagesignature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

// authority is a certificate that signs messages itself.
type authority struct {
	key crypto.Signer
	der []byte
	pem string
}

func newAuthority(key crypto.Signer) *authority {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return &authority{key, der, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

var authorities = sync.OnceValue(func() [3]*authority {
	var made [3]*authority
	for i := range 2 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		made[i] = newAuthority(key)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	made[2] = newAuthority(key)
	return made
})

func testCA(testing.TB) *authority { return authorities()[0] }

// signed is a message that was signed.
type signed struct{ message []byte }

const envelope = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" xmlns:o="urn:orders"><soap:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><wsse:BinarySecurityToken wsu:Id="token" ValueType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3" EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">CERTIFICATE</wsse:BinarySecurityToken><wsu:Timestamp wsu:Id="time"><wsu:Created>CREATED</wsu:Created><wsu:Expires>EXPIRES</wsu:Expires></wsu:Timestamp><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="METHOD"/>REFERENCES</ds:SignedInfo><ds:SignatureValue>VALUE</ds:SignatureValue><ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#token"/></wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature></wsse:Security></soap:Header><soap:Body wsu:Id="body"><o:order unit="kg &amp; g"><o:item>nails &lt; 3 inch</o:item></o:order></soap:Body></soap:Envelope>`

const reference = `<ds:Reference URI="#ID"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>DIGEST</ds:DigestValue></ds:Reference>`

// canonicalElement is the exclusive canonical form of the element at the path, made
// by goxmldsig: by another parser and another canonicaliser than ours.
func canonicalElement(t testing.TB, doc, path string) []byte {
	t.Helper()
	d := etree.NewDocument()
	if err := d.ReadFromString(doc); err != nil {
		t.Fatal(err)
	}
	e := d.FindElement(path)
	if e == nil {
		t.Fatalf("no element %s", path)
	}
	around, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		t.Fatal(err)
	}
	if e, err = etreeutils.NSDetatch(around, e); err != nil {
		t.Fatal(err)
	}
	canonical, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(e)
	if err != nil {
		t.Fatal(err)
	}
	return canonical
}

// signSOAP signs the body and the timestamp of a message made at a time.
func signSOAP(t testing.TB, by *authority, at time.Time) signed {
	t.Helper()
	return signParts(t, by, at, "time", "body")
}

func signParts(t testing.TB, by *authority, at time.Time, ids ...string) signed {
	t.Helper()
	method := dsig.RSASHA256SignatureMethod
	if _, ok := by.key.(*ecdsa.PrivateKey); ok {
		method = dsig.ECDSASHA256SignatureMethod
	}
	doc := strings.NewReplacer(
		"CREATED", at.UTC().Format(time.RFC3339), "EXPIRES", at.Add(time.Minute).UTC().Format(time.RFC3339),
		"CERTIFICATE", base64.StdEncoding.EncodeToString(by.der), "METHOD", method,
	).Replace(envelope)
	references := ""
	for _, id := range ids {
		digest := sha256.Sum256(canonicalElement(t, doc, "//*[@wsu:Id='"+id+"']"))
		references += strings.NewReplacer("ID", id, "DIGEST", base64.StdEncoding.EncodeToString(digest[:])).Replace(reference)
	}
	doc = strings.Replace(doc, "REFERENCES", references, 1)
	digest := sha256.Sum256(canonicalElement(t, doc, "//ds:SignedInfo"))
	var signature []byte
	var err error
	if key, ok := by.key.(*ecdsa.PrivateKey); ok {
		r, s, e := ecdsa.Sign(rand.Reader, key, digest[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), e
	} else {
		signature, err = by.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed{[]byte(strings.Replace(doc, "VALUE", base64.StdEncoding.EncodeToString(signature), 1))}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func verifySOAP(t testing.TB, text string, at time.Time) error {
	t.Helper()
	s, err := compileWSS(&Settings{TrustedCertificates: testCA(t).pem + authorities()[2].pem}, window{5 * time.Minute, 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.verify(&message{x: &traffic.Exchange{}, now: at, body: []byte(text)})
	return err
}

// TestWSSecurity plays a good message and the ways in which it is changed, moved
// and wrapped.
func TestWSSecurity(t *testing.T) {
	good := string(signSOAP(t, testCA(t), noon).message)
	if err := verifySOAP(t, good, noon); err != nil {
		t.Fatalf("the good message is refused: %v\n%s", err, good)
	}
	if err := verifySOAP(t, string(signSOAP(t, authorities()[2], noon).message), noon); err != nil {
		t.Fatalf("the good message signed by ECDSA is refused: %v", err)
	}
	body := good[strings.Index(good, "<soap:Body"):strings.Index(good, "</soap:Envelope>")]
	evil := `<soap:Body wsu:Id="evil"><o:order unit="kg &amp; g"><o:item>horses</o:item></o:order></soap:Body>`
	evilTwin := strings.Replace(evil, "evil", "body", 1)
	stamp := good[strings.Index(good, "<wsu:Timestamp"):strings.Index(good, "<ds:Signature ")]
	inHeader := func(text string) string { return strings.Replace(good, "</soap:Header>", text+"</soap:Header>", 1) }
	swap := func(text, old, by string) string {
		if strings.Count(text, old) == 0 {
			t.Fatalf("%q is not in the message", old)
		}
		return strings.Replace(text, old, by, 1)
	}
	cases := []struct {
		name, message, reason string
		status                int
	}{
		{"body changed", swap(good, "nails", "horses"), "was changed", 401},
		{"attribute changed", swap(good, "kg &amp;", "t &amp;"), "was changed", 401},
		{"timestamp changed", swap(good, "12:00:00Z", "12:00:01Z"), "was changed", 401},
		{"namespace of the content changed", swap(good, `xmlns:o="urn:orders"`, `xmlns:o="urn:refunds"`), "was changed", 401},
		{"signed body moved to the header", swap(inHeader("<x>"+body+"</x>"), "</soap:Header>"+body, "</soap:Header>"+evil), "more than one Body", 401},
		{"signed body moved, its twin in place", swap(inHeader("<x>"+body+"</x>"), "</soap:Header>"+body, "</soap:Header>"+evilTwin), "more than one Body", 401},
		{"content of the signed body renamed", swap(inHeader(strings.NewReplacer("soap:Body", "x").Replace(body)), "</soap:Header>"+body, "</soap:Header>"+evil), "was changed", 401},
		{"second body", swap(good, "</soap:Body>", "</soap:Body>"+evil), "more than one Body", 401},
		{"first body", swap(good, "<soap:Body", evil+"<soap:Body"), "more than one Body", 401},
		{"body of the other SOAP version", swap(good, "</soap:Header>", `</soap:Header><b:Body xmlns:b="http://www.w3.org/2003/05/soap-envelope"/>`), "not one Body", 401},
		{"envelope inside", inHeader("<soap:Envelope>" + body + "</soap:Envelope>"), "more than one Envelope", 401},
		{"an Id twice", inHeader(`<x wsu:Id="body"/>`), "two elements have one Id", 401},
		{"an ID twice under another name", inHeader(`<x ID="body"/>`), "two elements have one Id", 401},
		{"an xml:id twice", inHeader(`<x xml:id="body"/>`), "two elements have one Id", 401},
		{"timestamp moved", swap(good, stamp, "") + "", "no Timestamp", 401},
		{"timestamp wrapped, another in place", swap(good, stamp, `<x>`+stamp+`</x><wsu:Timestamp wsu:Id="t2"><wsu:Created>2026-01-02T12:00:00Z</wsu:Created></wsu:Timestamp>`), "more than one Timestamp", 401},
		{"second signature", swap(good, "</ds:Signature>", `</ds:Signature><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>`), "more than one Signature", 401},
		{"second security header", inHeader(`<wsse:Security xmlns:wsse="` + nsWSSE + `"/>`), "more than one Security", 401},
		{"no signature", `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">` + "<soap:Body/></soap:Envelope>", "no Signature", 401},
		{"SHA-1", swap(good, dsig.RSASHA256SignatureMethod, dsig.RSASHA1SignatureMethod), "algorithm is not one of", 401},
		{"HMAC with the certificate", swap(good, dsig.RSASHA256SignatureMethod, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), "algorithm is not one of", 401},
		{"inclusive canonical form", swap(good, `CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"`, `CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"`), "exclusive canonical form", 401},
		{"SignedInfo changed", swap(good, `URI="#body"`, `URI="#token"`), "does not verify", 401},
		{"signature changed", swap(good, "<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), "does not verify", 401},
		{"another signer", string(signSOAP(t, authorities()[1], noon).message), "leads to no trusted one", 401},
		{"the certificate of another", swap(good, base64.StdEncoding.EncodeToString(testCA(t).der), base64.StdEncoding.EncodeToString(authorities()[2].der)), "does not verify", 401},
		{"body not covered", string(signParts(t, testCA(t), noon, "time", "token").message), "does not cover the Body", 401},
		{"timestamp not covered", string(signParts(t, testCA(t), noon, "body").message), "does not cover the Timestamp", 401},
		{"too old", string(signSOAP(t, testCA(t), noon.Add(-331*time.Second)).message), "too old", 401},
		{"expired", string(signSOAP(t, testCA(t), noon.Add(-91*time.Second)).message), "has expired", 401},
		{"from the future", string(signSOAP(t, testCA(t), noon.Add(31*time.Second)).message), "from the future", 401},
		{"document type", `<!DOCTYPE x>` + good, "document type", 400},
		{"not well-formed", strings.TrimSuffix(good, "</soap:Envelope>"), "unexpected end", 400},
		{"no envelope", "<a/>", "no SOAP envelope", 400},
	}
	for _, c := range cases {
		err := verifySOAP(t, c.message, noon)
		var why *refusal
		if !errors.As(err, &why) || why.status != c.status || !strings.Contains(why.reason, c.reason) {
			t.Errorf("%s: %v, want %d %s", c.name, err, c.status, c.reason)
		}
	}
	// What the canonical form leaves out may change.
	for _, same := range []string{
		`<?xml version="1.0"?>` + good + "<!-- -->", swap(good, "nails", "<!-- no -->nails"), swap(good, "nails", "n<![CDATA[ai]]>ls"),
		swap(good, `unit="kg &amp; g"`, `unit='kg &#38; g'`), swap(good, "<soap:Body ", "<soap:Body\n\t"),
	} {
		if err := verifySOAP(t, same, noon); err != nil {
			t.Errorf("refused: %v\n%s", err, same)
		}
	}
	t.Logf("refused %d messages", len(cases))
}

// anyXML makes documents with prefixes that are declared, used, hidden and not
// used.
func anyXML(t *rapid.T, depth int, scope map[string]bool) string {
	prefixes := []string{"", "p:", "q:"}
	declared := ""
	inner := map[string]bool{}
	for p := range scope {
		inner[p] = true
	}
	for _, p := range prefixes {
		if rapid.IntRange(0, 2).Draw(t, "declare") > 0 && (depth > 0 || p == "") {
			continue
		}
		name := "xmlns"
		if p != "" {
			name += ":" + strings.TrimSuffix(p, ":")
		}
		declared += fmt.Sprintf(` %s="urn:%d"`, name, rapid.IntRange(1, 2).Draw(t, "space"))
		inner[p] = true
	}
	name := rapid.SampledFrom(prefixes).Draw(t, "prefix") + rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
	text := rapid.SampledFrom([]string{"", "x", " &lt;&amp;&#13;&gt; ", "\n\t\"'", "<![CDATA[<&]]>", "&#x9;\r\n", "<?pi  x y ?>", "<?pi?>"})
	attributes := ""
	for i := range rapid.IntRange(0, 3).Draw(t, "attributes") {
		value := rapid.SampledFrom([]string{"", "v", "&lt;&amp;&quot;'", "&#9;&#10;&#13;", "\t\n>"}).Draw(t, "value")
		attributes += fmt.Sprintf(` %s%c="%s"`, rapid.SampledFrom([]string{"", "p:", "xml:"}).Draw(t, "attribute"), 'z'-rune(i), value)
	}
	content := text.Draw(t, "text")
	if depth < 3 {
		for range rapid.IntRange(0, 2).Draw(t, "children") {
			content += anyXML(t, depth+1, inner) + text.Draw(t, "text")
		}
	}
	if rapid.Bool().Draw(t, "order") {
		return "<" + name + declared + attributes + ">" + content + "</" + name + ">"
	}
	return "<" + name + attributes + declared + ">" + content + "</" + name + "\n>"
}

// TestCanonicalForm holds that our canonical form is that of xmllint (libxml2).
func TestCanonicalForm(t *testing.T) {
	xmllint := policytest.Program(t, "xmllint")
	played := 0
	rapid.Check(t, func(t *rapid.T) {
		if played >= 100 {
			return // a process for each
		}
		doc := anyXML(t, 0, nil)
		mine, err := excC14N([]byte(doc), 0, nil)
		if err != nil {
			t.Skip(err)
		}
		lint := exec.Command(xmllint, "--exc-c14n", "-")
		lint.Stdin = strings.NewReader(doc)
		theirs, err := lint.Output()
		if err != nil {
			t.Fatalf("xmllint refuses %q: %v", doc, err)
		}
		if string(mine) != string(theirs) {
			t.Fatalf("%q\nours   %q\ntheirs %q", doc, mine, theirs)
		}
		played++
	})
	t.Logf("played %d documents", played)
	if played < 50 {
		t.Error("too few documents were played")
	}
}

// TestCanonicalPart holds the canonical form of an element within a document,
// with and without a list of inclusive prefixes.
func TestCanonicalPart(t *testing.T) {
	const doc = `<a xmlns="urn:1" xmlns:p="urn:2" xmlns:q="urn:3"><b q:z="1" y='2' xml:lang="en"><!-- c --><p:c xmlns=""><d/></p:c></b></a>`
	for _, c := range []struct {
		inclusive []string
		want      string
	}{
		{nil, `<b xmlns="urn:1" xmlns:q="urn:3" y="2" xml:lang="en" q:z="1"><p:c xmlns:p="urn:2"><d xmlns=""></d></p:c></b>`},
		{[]string{"p"}, `<b xmlns="urn:1" xmlns:p="urn:2" xmlns:q="urn:3" y="2" xml:lang="en" q:z="1"><p:c><d xmlns=""></d></p:c></b>`},
		{[]string{"#default"}, `<b xmlns="urn:1" xmlns:q="urn:3" y="2" xml:lang="en" q:z="1"><p:c xmlns="" xmlns:p="urn:2"><d></d></p:c></b>`},
	} {
		got, err := excC14N([]byte(doc), strings.Index(doc, "<b"), c.inclusive)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %v\ngot  %s\nwant %s", c.inclusive, err, got, c.want)
		}
	}
}
