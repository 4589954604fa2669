package saml

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// attack is a sign-in that is wrong in one way.
type attack struct {
	name  string
	lie   func(*said)
	after func(*etree.Document)
	text  func(string) string
	// browser changes what the browser brings.
	browser func(*begun)
	later   time.Duration
	kind    error
	says    string
}

// play finishes a sign-in with an attack.
func (f *fixture) play(a *attack) (Answered, error) {
	f.t.Helper()
	p := f.provider(func(s *Settings) { s.Classes = []string{"urn:strong"} })
	b := f.begin(p, Ask{Next: "/apis"})
	s := f.said(b.request)
	if a.lie != nil {
		a.lie(&s)
	}
	doc := f.response(s)
	if a.after != nil {
		a.after(doc)
	}
	text, err := doc.WriteToString()
	must(f.t, err)
	if a.text != nil {
		changed := a.text(text)
		if changed == text {
			f.t.Fatalf("%s: nothing was changed", a.name)
		}
		text = changed
	}
	if a.browser != nil {
		a.browser(&b)
	}
	was := f.now
	f.now = f.now.Add(a.later)
	got, err := p.Finish(f.t.Context(), base64.StdEncoding.EncodeToString([]byte(text)), b.relay, b.cookie)
	f.now = was
	clear(f.seen)
	return got, err
}

func part(doc *etree.Document, path string) *etree.Element { return doc.FindElement(path) }

// evil is an element that speaks of the administrator, under another id.
func evil(el *etree.Element) *etree.Element {
	it := el.Copy()
	it.CreateAttr("ID", "_evil")
	for _, inner := range it.FindElements(".//Assertion") {
		inner.CreateAttr("ID", "_evil2")
	}
	for _, name := range it.FindElements(".//NameID") {
		name.SetText("administrator")
	}
	return it
}

func unsigned(el *etree.Element) *etree.Element {
	it := el.Copy()
	if sig := it.SelectElement("Signature"); sig != nil {
		it.RemoveChild(sig)
	}
	return it
}

// inside puts an element into a signature, as an object.
func inside(sig, el *etree.Element) { sig.CreateElement("ds:Object").AddChild(el) }

// wrapped are the eight ways of signature wrapping (Somorovsky and others, 2012),
// each built of a genuine signed response.
func wrapped() []attack {
	response := func(s *said) { s.signAssertion, s.signResponse = false, true }
	const more, many = "holds more than a signature", "more than one assertion"
	whole := func(build func(doc *etree.Document, genuine, sig *etree.Element)) func(*etree.Document) {
		return func(doc *etree.Document) {
			genuine := unsigned(doc.Root())
			sig := doc.Root().SelectElement("Signature").Copy()
			doc.SetRoot(evil(genuine))
			build(doc, genuine, sig)
		}
	}
	forged := func(build func(root, genuine, sig, evil *etree.Element)) func(*etree.Document) {
		return func(doc *etree.Document) {
			old := doc.Root().SelectElement("Assertion")
			sig := old.SelectElement("Signature").Copy()
			doc.Root().RemoveChild(old)
			build(doc.Root(), old, sig, evil(unsigned(old)))
		}
	}
	return []attack{
		{name: "XSW1", lie: response, says: more, after: whole(func(doc *etree.Document, genuine, sig *etree.Element) {
			inside(sig, genuine)
			doc.Root().InsertChildAt(1, sig)
		})},
		{name: "XSW2", lie: response, says: "holds another response", after: whole(func(doc *etree.Document, genuine, sig *etree.Element) {
			doc.Root().InsertChildAt(1, genuine)
			doc.Root().InsertChildAt(2, sig)
		})},
		{name: "XSW3", says: many, after: forged(func(root, genuine, _, evil *etree.Element) {
			root.AddChild(evil)
			root.AddChild(genuine)
		})},
		{name: "XSW4", says: many, after: forged(func(root, genuine, _, evil *etree.Element) {
			evil.AddChild(genuine)
			root.AddChild(evil)
		})},
		{name: "XSW5", says: "over another element", after: forged(func(root, genuine, sig, evil *etree.Element) {
			evil.InsertChildAt(1, sig)
			root.AddChild(evil)
			root.AddChild(unsigned(genuine))
		})},
		{name: "XSW6", says: more, after: forged(func(root, genuine, sig, evil *etree.Element) {
			inside(sig, unsigned(genuine))
			evil.InsertChildAt(1, sig)
			root.AddChild(evil)
		})},
		{name: "XSW7", says: "does not stand where one does", after: forged(func(root, genuine, _, evil *etree.Element) {
			root.CreateElement("samlp:Extensions").AddChild(evil)
			root.AddChild(genuine)
		})},
		{name: "XSW8", says: more, after: forged(func(root, genuine, sig, evil *etree.Element) {
			evil.InsertChildAt(1, sig)
			inside(sig, unsigned(genuine))
			root.AddChild(evil)
		})},
	}
}

func set(path, attribute, value string) func(*etree.Document) {
	return func(doc *etree.Document) { part(doc, path).CreateAttr(attribute, value) }
}

func swap(old, with string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, with, 1) }
}

// forgeries are attacks on the signature and the document.
func forgeries(f *fixture) []attack {
	other := newRSA(f.t, 2, f.now)
	const algorithm = "algorithm that is not allowed"
	return []attack{
		{name: "unsigned", lie: func(s *said) { s.signAssertion = false }, says: "neither its response nor its assertion is signed"},
		{name: "stripped", after: func(doc *etree.Document) {
			doc.Root().SelectElement("Assertion").RemoveChild(part(doc, "//Assertion/Signature"))
		}, says: "neither its response"},
		{name: "another key", lie: func(s *said) { s.signer = other }, says: "not in the provider's metadata"},
		{name: "SHA-1", lie: func(s *said) { s.method = dsig.RSASHA1SignatureMethod }, says: algorithm},
		{name: "SHA-1 digest", after: set("//DigestMethod", "Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1"), says: "its digest is of an " + algorithm},
		{name: "HMAC", after: set("//SignatureMethod", "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), says: algorithm},
		{name: "changed after", text: swap(">alice<", ">admin<"), says: "its signature is wrong"},
		{name: "attribute added", text: swap("</saml:AttributeStatement>", attributeText("groups", "admins")+"</saml:AttributeStatement>"), says: "its signature is wrong"},
		{name: "digest swapped", after: func(doc *etree.Document) {
			part(doc, "//DigestValue").SetText(base64.StdEncoding.EncodeToString(make([]byte, 32)))
		}, says: "its signature is wrong"},
		{name: "one of two signatures wrong", lie: func(s *said) { s.signResponse = true }, after: func(doc *etree.Document) {
			part(doc, "/Response/Signature/SignatureValue").SetText(part(doc, "//Assertion/Signature/SignatureValue").Text())
		}, says: "its signature is wrong"},
		{name: "over another element", after: set("//Reference", "URI", "#_response"), says: "over another element"},
		{name: "over everything", after: set("//Reference", "URI", ""), says: "over another element"},
		{name: "id changed", after: set("//Assertion", "ID", "_other"), says: "over another element"},
		{name: "two references", after: func(doc *etree.Document) { part(doc, "//SignedInfo").AddChild(part(doc, "//Reference").Copy()) }, says: "not one reference"},
		{name: "two SignedInfo", after: func(doc *etree.Document) {
			part(doc, "//Assertion/Signature").AddChild(part(doc, "//SignedInfo").Copy())
		}, says: "does not say once"},
		{name: "other transform", after: set("//Transform[2]", "Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116"), says: "other transforms"},
		{name: "transform missing", after: func(doc *etree.Document) { part(doc, "//Transforms").RemoveChild(part(doc, "//Transform[1]")) }, says: "other transforms"},
		{name: "with comments", after: set("//CanonicalizationMethod", "Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), says: "exclusive canonical XML"},
		{name: "two signatures", after: func(doc *etree.Document) {
			part(doc, "//Assertion").AddChild(part(doc, "//Assertion/Signature").Copy())
		}, says: "more than one signature"},
		{name: "signature elsewhere", after: func(doc *etree.Document) { part(doc, "//Subject").AddChild(part(doc, "//Assertion/Signature")) }, says: "where none belongs"},
		{name: "two assertions", after: func(doc *etree.Document) { doc.Root().AddChild(evil(part(doc, "//Assertion"))) }, says: "more than one assertion"},
		{name: "two genuine assertions", after: func(doc *etree.Document) {
			twin := unsigned(part(doc, "//Assertion"))
			twin.CreateAttr("ID", "_twin")
			doc.Root().AddChild(f.sign(twin, f.idp, dsig.RSASHA256SignatureMethod))
		}, says: "more than one assertion"},
		{name: "encrypted beside", after: func(doc *etree.Document) { doc.Root().CreateElement("saml:EncryptedAssertion") }, says: "is encrypted"},
		{name: "id twice", after: set("//Response", "ID", "_assertion"), says: "an id twice"},
		{name: "id twice by another name", after: set("//Status", "Id", "_assertion"), says: "an id twice"},
		{name: "attribute twice", text: swap(`ID="_assertion"`, `ID="_assertion" ID="_other"`), says: "an attribute twice"},
		{name: "comment in the name", text: swap(">alice<", ">al<!-- -->ice<"), says: "has a comment"},
		{name: "instruction in the name", text: swap(">alice<", ">al<?x y?>ice<"), says: "processing instruction"},
		{name: "CDATA in the name", text: swap(">alice<", "><![CDATA[alice]]><"), says: "CDATA"},
		{name: "element in the name", lie: func(s *said) { s.subject = "<saml:b/>alice" }, says: "its subject is missing"},
		{name: "document type", text: func(text string) string { return "<!DOCTYPE Response>" + text }, says: "document type"},
		{name: "entity", text: func(text string) string {
			return `<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + strings.Replace(text, ">alice<", ">&b;<", 1)
		}, says: "document type"},
		{name: "undeclared entity", text: swap(">alice<", ">&admin;<"), says: "uses entities"},
		{name: "text after", text: func(text string) string { return text + "alice" }, says: "text beside its root"},
		{name: "no XML", text: func(text string) string { return text[:len(text)-3] }, says: "no XML"},
		{name: "not UTF-8", text: swap(">alice<", ">al\xffice<"), says: "not UTF-8"},
		{name: "too large", text: func(text string) string { return text + strings.Repeat(" ", MaxMessage) }, says: "longer than 256 KiB"},
		{name: "too many elements", lie: func(s *said) { s.attributes += attributeText("x", make([]string, maxElements)...) }, says: "too many elements"},
		{name: "too deep", after: func(doc *etree.Document) {
			for el := part(doc, "//Status"); el != nil; el = el.CreateElement("x") {
				if len(el.GetPath()) > 200 {
					break
				}
			}
		}, says: "too deep"},
	}
}

// lies are genuine signatures over what is not for us, not now, or not enough.
func lies() []attack {
	return []attack{
		{name: "audience", lie: func(s *said) { s.audience = "https://other.example" }, says: "another audience"},
		{name: "no audience", lie: func(s *said) { s.audience = "" }, says: "for whom it is"},
		{name: "destination", lie: func(s *said) { s.destination = "https://other.example/acs" }, says: "its destination"},
		{name: "no destination, signed", lie: func(s *said) { s.destination, s.signResponse = "", true }, says: "its destination"},
		{name: "recipient", lie: func(s *said) { s.recipient = "https://other.example/acs" }, says: "another recipient"},
		{name: "issuer", lie: func(s *said) { s.issuer = "https://other.example" }, says: "assertion is of another issuer"},
		{name: "issuer of the response", lie: func(s *said) { s.responseIssuer = "https://other.example" }, says: "response is of another issuer"},
		{name: "request", lie: func(s *said) { s.to = "_other" }, says: "its response answers another request"},
		{name: "no request", lie: func(s *said) { s.to = "" }, says: "which request it answers"},
		{name: "request of the confirmation", lie: func(s *said) { s.confirmTo = "_other" }, says: "its confirmation answers another request"},
		{name: "no request of the confirmation", lie: func(s *said) { s.confirmTo = "" }, says: "its confirmation does not say which request"},
		{name: "expired", lie: func(s *said) { s.notOnOrAfter = -time.Minute }, says: "its assertion has expired"},
		{name: "confirmation expired", lie: func(s *said) { s.confirmUntil = -time.Minute }, says: "its confirmation has expired"},
		{name: "for days", lie: func(s *said) { s.confirmUntil = 48 * time.Hour }, says: "too far ahead"},
		{name: "not yet", lie: func(s *said) { s.notBefore = time.Minute + time.Second }, says: "its assertion is not valid yet"},
		{name: "session over", lie: func(s *said) { s.over = -time.Minute }, says: "its session is over"},
		{name: "signed in in the future", lie: func(s *said) { s.instant = 2 * time.Minute }, says: "in the future"},
		{name: "weak", lie: func(s *said) { s.class = "urn:password" }, kind: ErrWeak, says: "second factor"},
		{name: "no statement", lie: func(s *said) { s.statements = 0 }, says: "does not say once that the person signed in"},
		{name: "two statements", lie: func(s *said) { s.statements = 2 }, says: "does not say once that the person signed in"},
		{name: "transient", lie: func(s *said) { s.format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient" }, says: "nameIdFormat"},
		{name: "nobody", lie: func(s *said) { s.subject = " " }, says: "its subject is missing"},
		{name: "no attribute", lie: func(s *said) { s.attributes = attributeText("mail", "a@corp.example") }, says: `the attribute "uid" once`},
		{name: "two addresses", lie: func(s *said) { s.attributes += attributeText("mail", "b@corp.example") }, says: `the attribute "mail" once`},
		{name: "version", lie: func(s *said) { s.version = "1.1" }, says: "version is not 2.0"},
		{name: "denied", lie: func(s *said) { s.status = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed" }, kind: ErrDenied, says: "AuthnFailed"},
		{name: "no cookie", browser: func(b *begun) { b.cookie = "" }, kind: ErrFlow, says: "brought no cookie"},
		{name: "changed cookie", browser: func(b *begun) { b.cookie = "x" + b.cookie }, kind: ErrFlow, says: "not ours"},
		{name: "relay", browser: func(b *begun) { b.relay = "x" }, kind: ErrFlow, says: "RelayState"},
		{name: "too late", later: FlowLife, kind: ErrFlow, says: "more than 10 minutes ago"},
	}
}

// TestAttacks plays sign-ins that are wrong in one way; each must be refused for its
// reason, and the genuine one taken.
func TestAttacks(t *testing.T) {
	f := newFixture(t)
	genuine := []attack{
		{name: "assertion signed"},
		{name: "response signed", lie: func(s *said) { s.signAssertion, s.signResponse = false, true }},
		{name: "both signed", lie: func(s *said) { s.signResponse = true }},
		{name: "SHA-512", lie: func(s *said) { s.method = dsig.RSASHA512SignatureMethod }},
		{name: "no destination", lie: func(s *said) { s.destination = "" }},
		{name: "clocks differ", lie: func(s *said) { s.notBefore, s.notOnOrAfter = 59*time.Second, -59*time.Second }},
		{name: "other key shown", after: func(doc *etree.Document) { part(doc, "//X509Certificate").SetText("AAAA") }},
	}
	for i := range genuine {
		a, err := f.play(&genuine[i])
		if err != nil || a.Subject != "alice" || a.Username != "alice" || a.Email != "alice@corp.example" || strings.Join(a.Groups, " ") != "admins staff" ||
			a.Session != "s1" || a.Next != "/apis" || a.NotAfter.IsZero() || a.Class != "urn:strong" {
			t.Errorf("%s: %+v, %v", genuine[i].name, a, err)
		}
	}
	attacks := append(append(wrapped(), forgeries(f)...), lies()...)
	for i := range attacks {
		a := &attacks[i]
		if a.kind == nil {
			a.kind = ErrAnswer
		}
		got, err := f.play(a)
		if !errors.Is(err, a.kind) || !strings.Contains(err.Error(), a.says) {
			t.Errorf("%s: %v, want %q", a.name, err, a.says)
		}
		if got.Subject == "administrator" {
			t.Errorf("%s signed the administrator in", a.name)
		}
	}
	if t.Logf("%d attacks, %d genuine", len(attacks), len(genuine)); len(attacks) < 75 {
		t.Error("too few attacks played")
	}
}
