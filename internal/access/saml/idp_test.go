package saml

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	idpIssuer = "https://idp.example/metadata"
	base      = "https://console.example/sso/corp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is a key with its certificate.
type pair struct {
	key  crypto.Signer
	cert []byte
}

func newPair(t testing.TB, key crypto.Signer, now time.Time) pair {
	t.Helper()
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	must(t, err)
	return pair{key, cert}
}

// rsaKeys are the keys of all tests: they take long to make.
var rsaKeys = sync.OnceValue(func() (list []*rsa.PrivateKey) {
	for range 4 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		list = append(list, key)
	}
	return list
})

func newRSA(t testing.TB, which int, now time.Time) pair {
	t.Helper()
	return newPair(t, rsaKeys()[which], now)
}

// fixture is a provider of ours and what a test knows of the other side.
type fixture struct {
	t         testing.TB
	now       time.Time
	idp, ours pair
	seen      map[string]bool
	file      string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), seen: map[string]bool{}, file: filepath.Join(t.TempDir(), "idp.xml")}
	f.idp, f.ours = newRSA(t, 0, f.now), newRSA(t, 1, f.now)
	f.describe(f.idp)
	return f
}

// describe writes the metadata of the other side.
func (f *fixture) describe(keys ...pair) {
	f.t.Helper()
	text := ""
	for _, one := range keys {
		text += `<KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(one.cert) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`
	}
	must(f.t, os.WriteFile(f.file, []byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="`+idpIssuer+`">`+
		`<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">`+text+
		`<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/slo"/>`+
		`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>`+
		`</IDPSSODescriptor></EntityDescriptor>`), 0o600))
}

// provider makes one of ours.
func (f *fixture) provider(change func(*Settings)) *Provider {
	f.t.Helper()
	s := Settings{Name: "corp", Metadata: f.file, Attributes: Attributes{Name: "uid", Email: "mail", Groups: "groups"}}
	if change != nil {
		change(&s)
	}
	key, _ := f.ours.key.(*rsa.PrivateKey)
	p, err := New(Options{
		Settings: s, Base: base, Key: make([]byte, 32), Signer: key, Certificate: f.ours.cert,
		Once: func(_ context.Context, id string, _ time.Time) (bool, error) {
			first := !f.seen[id]
			f.seen[id] = true
			return first, nil
		},
		HTTP: &http.Client{Timeout: time.Second}, Now: func() time.Time { return f.now },
	})
	must(f.t, err)
	return p
}

// said is what a response says. A test makes one part a lie.
type said struct {
	destination, recipient, audience, issuer, responseIssuer string
	to, confirmTo                                            string
	notBefore, notOnOrAfter, confirmUntil, instant, over     time.Duration
	subject, format, class, status, version, attributes      string
	statements                                               int
	signAssertion, signResponse                              bool
	signer                                                   pair
	method                                                   string
}

func (f *fixture) said(request string) said {
	return said{
		destination: base + "/acs", recipient: base + "/acs", audience: base + "/metadata", issuer: idpIssuer, responseIssuer: idpIssuer,
		to: request, confirmTo: request, notBefore: -time.Minute, notOnOrAfter: 5 * time.Minute, confirmUntil: 5 * time.Minute, over: time.Hour,
		subject: "alice", format: formatPersistent, class: "urn:strong", status: success, version: "2.0", statements: 1,
		attributes:    attributeText("uid", "alice") + attributeText("mail", "alice@corp.example") + attributeText("groups", "staff", "admins", "staff"),
		signAssertion: true, signer: f.idp, method: dsig.RSASHA256SignatureMethod,
	}
}

func attributeText(name string, values ...string) string {
	text := `<saml:Attribute Name="` + name + `">`
	for _, one := range values {
		text += `<saml:AttributeValue>` + one + `</saml:AttributeValue>`
	}
	return text + `</saml:Attribute>`
}

// response writes and signs what is said.
func (f *fixture) response(s said) *etree.Document {
	f.t.Helper()
	at := func(d time.Duration) string { return f.now.Add(d).Format(time.RFC3339) }
	statement := fmt.Sprintf(`<saml:AuthnStatement AuthnInstant="%s" SessionIndex="s1" SessionNotOnOrAfter="%s"><saml:AuthnContext><saml:AuthnContextClassRef>%s</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`,
		at(s.instant), at(s.over), s.class)
	restriction := `<saml:AudienceRestriction><saml:Audience>` + s.audience + `</saml:Audience></saml:AudienceRestriction>`
	if s.audience == "" {
		restriction = ""
	}
	text := fmt.Sprintf(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="2.0" IssueInstant="%s"><saml:Issuer>%s</saml:Issuer>`+
		`<saml:Subject><saml:NameID Format="%s">%s</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData InResponseTo="%s" NotOnOrAfter="%s" Recipient="%s"/></saml:SubjectConfirmation></saml:Subject>`+
		`<saml:Conditions NotBefore="%s" NotOnOrAfter="%s">%s</saml:Conditions>%s<saml:AttributeStatement>%s</saml:AttributeStatement></saml:Assertion>`,
		at(0), s.issuer, s.format, s.subject, s.confirmTo, at(s.confirmUntil), s.recipient, at(s.notBefore), at(s.notOnOrAfter), restriction, strings.Repeat(statement, s.statements), s.attributes)
	doc := etree.NewDocument()
	must(f.t, doc.ReadFromString(text))
	assertion := doc.Root()
	if s.signAssertion {
		assertion = f.sign(assertion, s.signer, s.method)
	}
	doc = etree.NewDocument()
	must(f.t, doc.ReadFromString(fmt.Sprintf(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_response" Version="%s" IssueInstant="%s" Destination="%s" InResponseTo="%s">`+
		`<saml:Issuer>%s</saml:Issuer><samlp:Status><samlp:StatusCode Value="%s"/></samlp:Status></samlp:Response>`, s.version, at(0), s.destination, s.to, s.responseIssuer, s.status)))
	if s.status == success {
		doc.Root().AddChild(assertion)
	}
	if s.signResponse {
		doc.SetRoot(f.sign(doc.Root(), s.signer, s.method))
	}
	// What is read is what was written.
	written, err := doc.WriteToString()
	must(f.t, err)
	doc = etree.NewDocument()
	must(f.t, doc.ReadFromString(written))
	return doc
}

// sign signs an element, the signature after its issuer.
func (f *fixture) sign(el *etree.Element, with pair, method string) *etree.Element {
	f.t.Helper()
	c, err := dsig.NewSigningContext(with.key, [][]byte{with.cert})
	must(f.t, err)
	c.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	must(f.t, c.SetSignatureMethod(method))
	signed, err := c.SignEnveloped(el)
	must(f.t, err)
	text, err := rendered(signed)
	must(f.t, err)
	doc := etree.NewDocument()
	must(f.t, doc.ReadFromBytes(text))
	signed = doc.Root()
	sig := signed.ChildElements()[len(signed.ChildElements())-1]
	signed.RemoveChild(sig)
	signed.InsertChildAt(1, sig)
	return signed
}

func posted(t testing.TB, doc *etree.Document) string {
	t.Helper()
	text, err := doc.WriteToString()
	must(t, err)
	return base64.StdEncoding.EncodeToString([]byte(text))
}

// begun is a sign-in that was begun: its cookie, relay and the id of its request.
type begun struct{ cookie, relay, request string }

func (f *fixture) begin(p *Provider, ask Ask) begun {
	f.t.Helper()
	b, err := p.Begin(context.Background(), ask)
	must(f.t, err)
	u, err := url.Parse(b.URL)
	must(f.t, err)
	text, err := inflated(u.Query().Get("SAMLRequest"))
	must(f.t, err)
	doc, err := parse(text, maxElements)
	must(f.t, err)
	cert, err := x509.ParseCertificate(f.ours.cert)
	must(f.t, err)
	must(f.t, verifiedQuery(u.RawQuery, "SAMLRequest", []*x509.Certificate{cert}, cert.NotBefore))
	return begun{b.Cookie, u.Query().Get("RelayState"), doc.Root().SelectAttrValue("ID", "")}
}
