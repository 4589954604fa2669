package saml

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// bearer is the way in which a browser brings an assertion.
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer" //nolint:gosec // a name of the standard

// status of the answers that say yes.
const success = "urn:oasis:names:tc:SAML:2.0:status:Success"

// The parts of an assertion that are read.
type (
	assertion struct {
		XMLName    xml.Name    `xml:"urn:oasis:names:tc:SAML:2.0:assertion Assertion"`
		ID         string      `xml:"ID,attr"`
		Version    string      `xml:"Version,attr"`
		Issuer     string      `xml:"urn:oasis:names:tc:SAML:2.0:assertion Issuer"`
		Subject    []subject   `xml:"urn:oasis:names:tc:SAML:2.0:assertion Subject"`
		Conditions []condition `xml:"urn:oasis:names:tc:SAML:2.0:assertion Conditions"`
		Statements []statement `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnStatement"`
		Attributes []attribute `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeStatement>Attribute"`
	}
	subject struct {
		NameID        []nameID       `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
		Confirmations []confirmation `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmation"`
	}
	nameID struct {
		Format string `xml:"Format,attr"`
		Text   string `xml:",chardata"`
		Inner  string `xml:",innerxml"`
	}
	confirmation struct {
		Method string `xml:"Method,attr"`
		Data   struct {
			NotBefore    string `xml:"NotBefore,attr"`
			NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
			Recipient    string `xml:"Recipient,attr"`
			InResponseTo string `xml:"InResponseTo,attr"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion SubjectConfirmationData"`
	}
	condition struct {
		NotBefore    string `xml:"NotBefore,attr"`
		NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
		Restrictions []struct {
			Audiences []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion Audience"`
		} `xml:"urn:oasis:names:tc:SAML:2.0:assertion AudienceRestriction"`
	}
	statement struct {
		AuthnInstant        string `xml:"AuthnInstant,attr"`
		SessionIndex        string `xml:"SessionIndex,attr"`
		SessionNotOnOrAfter string `xml:"SessionNotOnOrAfter,attr"`
		Class               string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AuthnContext>AuthnContextClassRef"`
	}
	attribute struct {
		Name   string   `xml:"Name,attr"`
		Values []string `xml:"urn:oasis:names:tc:SAML:2.0:assertion AttributeValue"`
	}
)

// answer is an assertion that is known to be the provider's and for us.
type answer struct {
	Assertion assertion
	// until is when the assertion is worth nothing any more.
	until time.Time
}

// parts are the elements of a response that count.
type parts struct {
	response, assertion *etree.Element
	// signedResponse and signedAssertion say where signatures stand.
	signedResponse, signedAssertion bool
}

// take finds the parts of a response, and holds that there is nothing else that could
// be taken for one of them.
func take(doc *etree.Document) (parts, error) {
	p := parts{response: doc.Root()}
	if !is(p.response, nsProtocol, "Response") {
		return p, refuse(ErrAnswer, "its document is no response")
	}
	assertions := 0
	err := each(p.response, func(el *etree.Element) error {
		switch el.Tag {
		case "EncryptedAssertion", "EncryptedID", "EncryptedAttribute", "EncryptedData":
			return refuse(ErrAnswer, "its response is encrypted; let the provider sign only")
		case "Response":
			if el != p.response {
				return refuse(ErrAnswer, "its response holds another response")
			}
		case "Assertion":
			if assertions++; assertions > 1 {
				return refuse(ErrAnswer, "its response has more than one assertion")
			}
			if el.NamespaceURI() != nsAssertion || el.Parent() != p.response {
				return refuse(ErrAnswer, "its assertion does not stand where one does")
			}
			p.assertion = el
		case "Signature", "SignedInfo":
			return p.signature(el)
		}
		return nil
	})
	return p, err
}

// signature takes a signature of the response or of its assertion.
func (p *parts) signature(el *etree.Element) error {
	if el.NamespaceURI() != nsSignature {
		return refuse(ErrAnswer, "it has a signature of another namespace")
	}
	if el.Tag == "SignedInfo" {
		if el.Parent().Tag != "Signature" {
			return refuse(ErrAnswer, "it has a part of a signature where none belongs")
		}
		return nil
	}
	var signed *bool
	switch el.Parent() {
	case p.response:
		signed = &p.signedResponse
	case p.assertion:
		signed = &p.signedAssertion
	default:
		return refuse(ErrAnswer, "it has a signature where none belongs")
	}
	if *signed {
		return refuse(ErrAnswer, "it has more than one signature")
	}
	*signed = true
	return shape(el)
}

// open reads a response, if the provider signed it for us.
func (p *Provider) open(text []byte, of peer, f *flow) (answer, error) {
	doc, err := parse(text, maxElements)
	if err != nil {
		return answer{}, err
	}
	found, err := take(doc)
	if err != nil {
		return answer{}, err
	}
	if err := p.envelope(&found, of, f); err != nil {
		return answer{}, err
	}
	signed, err := found.signed(of, p.o.Now())
	if err != nil {
		return answer{}, err
	}
	bytes, err := rendered(signed)
	if err != nil {
		return answer{}, refuse(ErrAnswer, "its assertion can't be read")
	}
	var said answer
	if err := xml.Unmarshal(bytes, &said.Assertion); err != nil {
		return answer{}, refuse(ErrAnswer, "its assertion can't be read")
	}
	said.until, err = p.timely(&said.Assertion, of, f)
	return said, err
}

// signed is the assertion as it was signed, alone or with its response. Each
// signature that there is must be right.
func (p *parts) signed(of peer, now time.Time) (*etree.Element, error) {
	if !p.signedResponse && !p.signedAssertion {
		return nil, refuse(ErrAnswer, "neither its response nor its assertion is signed")
	}
	var it *etree.Element
	if p.signedAssertion {
		el, err := verified(p.assertion, of.keys, now)
		if err != nil {
			return nil, err
		}
		it = el
	}
	if p.signedResponse {
		whole, err := verified(p.response, of.keys, now)
		if err != nil {
			return nil, err
		}
		inner, err := child(whole, nsAssertion, "Assertion")
		if err != nil || inner == nil {
			return nil, refuse(ErrAnswer, "what is signed has no assertion")
		}
		if it == nil {
			it = inner
		}
	}
	if !is(it, nsAssertion, "Assertion") {
		return nil, refuse(ErrAnswer, "what is signed is no assertion")
	}
	return it, nil
}

// envelope judges what a response says of itself.
func (p *Provider) envelope(found *parts, of peer, f *flow) error {
	r := found.response
	if r.SelectAttrValue("Version", "") != "2.0" {
		return refuse(ErrAnswer, "its version is not 2.0")
	}
	if to := r.SelectAttrValue("Destination", ""); to != p.acs() && (to != "" || found.signedResponse) {
		return refuse(ErrAnswer, "its destination is another address than ours")
	}
	issuer, err := child(r, nsAssertion, "Issuer")
	if err != nil {
		return err
	}
	if issuer != nil && strings.TrimSpace(issuer.Text()) != of.issuer {
		return refuse(ErrAnswer, "its response is of another issuer")
	}
	if err := p.expected(r.SelectAttrValue("InResponseTo", ""), f, "response"); err != nil {
		return err
	}
	status, err := child(r, nsProtocol, "Status")
	if err != nil || status == nil {
		return refuse(ErrAnswer, "its response has not one status")
	}
	code, err := child(status, nsProtocol, "StatusCode")
	if err != nil || code == nil {
		return refuse(ErrAnswer, "its response has not one status")
	}
	if code.SelectAttrValue("Value", "") != success {
		return refuse(ErrDenied, "its status is %s", statusOf(code))
	}
	if found.assertion == nil {
		return refuse(ErrAnswer, "its response has no assertion")
	}
	return nil
}

// statusOf are the status codes of the standard; any other text is the sender's own.
func statusOf(code *etree.Element) string {
	var list []string
	for el := code; el != nil && len(list) < 2; {
		name, standard := strings.CutPrefix(el.SelectAttrValue("Value", ""), "urn:oasis:names:tc:SAML:2.0:status:")
		if !standard || len(name) > 40 || !plain(name) {
			name = "none of the standard ones"
		}
		list = append(list, name)
		inner, err := child(el, nsProtocol, "StatusCode")
		if err != nil {
			break
		}
		el = inner
	}
	return strings.Join(list, ", ")
}

// expected holds that something answers the request of a flow, or, without one, none.
func (p *Provider) expected(to string, f *flow, what string) error {
	switch {
	case f == nil && to != "":
		return refuse(ErrFlow, "its %s answers a request that this browser did not make", what)
	case f != nil && to == "":
		return refuse(ErrAnswer, "its %s does not say which request it answers (InResponseTo)", what)
	case f != nil && to != p.request(*f):
		return refuse(ErrAnswer, "its %s answers another request (InResponseTo)", what)
	}
	return nil
}

// timely judges whom an assertion is from and for, and when it holds.
func (p *Provider) timely(a *assertion, of peer, f *flow) (until time.Time, err error) {
	switch {
	case a.Version != "2.0":
		return until, refuse(ErrAnswer, "its assertion's version is not 2.0")
	case a.ID == "" || len(a.ID) > maxText:
		return until, refuse(ErrAnswer, "its assertion has no id")
	case strings.TrimSpace(a.Issuer) != of.issuer:
		return until, refuse(ErrAnswer, "its assertion is of another issuer")
	case len(a.Subject) != 1 || len(a.Subject[0].NameID) != 1:
		return until, refuse(ErrAnswer, "its assertion names not one subject")
	case len(a.Conditions) != 1:
		return until, refuse(ErrAnswer, "its assertion has not one set of conditions")
	}
	c := a.Conditions[0]
	if err := p.window(c.NotBefore, c.NotOnOrAfter, "assertion"); err != nil {
		return until, err
	}
	if len(c.Restrictions) == 0 {
		return until, refuse(ErrAnswer, "its assertion does not say for whom it is (AudienceRestriction)")
	}
	for _, r := range c.Restrictions {
		if !slices.ContainsFunc(r.Audiences, func(one string) bool { return strings.TrimSpace(one) == p.entity() }) {
			return until, refuse(ErrAnswer, "its assertion is for another audience; is entityId right?")
		}
	}
	confirmed := refuse(ErrAnswer, "its subject is not confirmed by the bearer")
	for _, one := range a.Subject[0].Confirmations {
		if one.Method != bearer {
			continue
		}
		if until, confirmed = p.confirmed(&one, f); confirmed == nil {
			return until, nil
		}
	}
	return until, confirmed
}

// confirmed judges a confirmation by the bearer.
func (p *Provider) confirmed(c *confirmation, f *flow) (until time.Time, err error) {
	if c.Data.Recipient != p.acs() {
		return until, refuse(ErrAnswer, "its confirmation is for another recipient")
	}
	if c.Data.NotOnOrAfter == "" {
		return until, refuse(ErrAnswer, "its confirmation does not say when it ends")
	}
	if err := p.window(c.Data.NotBefore, c.Data.NotOnOrAfter, "confirmation"); err != nil {
		return until, err
	}
	if err := p.expected(c.Data.InResponseTo, f, "confirmation"); err != nil {
		return until, err
	}
	until, _ = time.Parse(time.RFC3339, c.Data.NotOnOrAfter) // window has read it
	return until, nil
}

// window holds two times, each of which may be missing, against the clock.
func (p *Provider) window(from, to, what string) error {
	now := p.o.Now()
	if from != "" {
		at, err := time.Parse(time.RFC3339, from)
		if err != nil {
			return refuse(ErrAnswer, "a time of its %s can't be read", what)
		}
		if now.Add(skew).Before(at) {
			return refuse(ErrAnswer, "its %s is not valid yet; are the clocks right?", what)
		}
	}
	if to != "" {
		at, err := time.Parse(time.RFC3339, to)
		if err != nil || at.After(now.Add(24*time.Hour)) && what == "confirmation" {
			return refuse(ErrAnswer, "a time of its %s can't be read, or lies too far ahead", what)
		}
		if !now.Before(at.Add(skew)) {
			return refuse(ErrAnswer, "its %s has expired; are the clocks right?", what)
		}
	}
	return nil
}

// plain reports whether a text can stand on a page and in a log.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
