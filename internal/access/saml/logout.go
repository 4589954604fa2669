package saml

import (
	"context"
	"encoding/xml"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"

	"farrier.dev/farrier/internal/secret"
)

// logoutLife is how long a logout request counts after it was issued.
const logoutLife = 5 * time.Minute

// Ended tells which sessions of Subject a provider ends: those of Sessions, or, where
// there are none, all.
type Ended struct {
	Subject  string
	Sessions []string
	// Answer is where the browser goes with our answer, once they are ended; empty when
	// the provider has no such place.
	Answer string
	// Ours says that it is the answer to our own request: nothing is to be ended.
	Ours bool
}

// logoutRequest are the parts that are read.
type logoutRequest struct {
	ID           string   `xml:"ID,attr"`
	NotOnOrAfter string   `xml:"NotOnOrAfter,attr"`
	NameID       []nameID `xml:"urn:oasis:names:tc:SAML:2.0:assertion NameID"`
	Sessions     []string `xml:"urn:oasis:names:tc:SAML:2.0:protocol SessionIndex"`
}

// message is what came by an address or a form, verified.
type message struct {
	el    *etree.Element
	relay string
}

// LogOut judges a logout request of the provider, or its answer to one of ours. raw
// is the query of the address, or form what was posted. The refusals are ErrAnswer,
// ErrDenied and ErrUnreachable.
func (p *Provider) LogOut(ctx context.Context, raw string, form url.Values) (Ended, error) {
	var m message
	of, err := p.trust(ctx, func(of peer) (err error) {
		if form != nil {
			m, err = p.posted(form, of)
		} else {
			m, err = p.redirected(raw, of)
		}
		return err
	})
	if err != nil {
		return Ended{}, err
	}
	if m.el.SelectAttrValue("Version", "") != "2.0" || m.el.SelectAttrValue("Destination", "") != p.slo() {
		return Ended{}, refuse(ErrAnswer, "its destination is another address than ours")
	}
	issuer, err := child(m.el, nsAssertion, "Issuer")
	if err != nil || issuer == nil || strings.TrimSpace(issuer.Text()) != of.issuer {
		return Ended{}, refuse(ErrAnswer, "its message is of another issuer")
	}
	at, err := time.Parse(time.RFC3339, m.el.SelectAttrValue("IssueInstant", ""))
	now := p.o.Now()
	switch {
	case err != nil || at.After(now.Add(skew)):
		return Ended{}, refuse(ErrAnswer, "its message is from the future; are the clocks right?")
	case !now.Before(at.Add(logoutLife + skew)):
		return Ended{}, refuse(ErrAnswer, "its message was issued too long ago")
	}
	if m.el.Tag == "LogoutResponse" {
		return p.loggedOut(m)
	}
	return p.asked(ctx, m, of, at)
}

// kind holds that a document is what its parameter says.
func kind(text []byte, name string) (*etree.Element, error) {
	doc, err := parse(text, maxElements)
	if err != nil {
		return nil, err
	}
	tag := map[string]string{"SAMLRequest": "LogoutRequest", "SAMLResponse": "LogoutResponse"}[name]
	if !is(doc.Root(), nsProtocol, tag) {
		return nil, refuse(ErrAnswer, "its document is no %s", tag)
	}
	return doc.Root(), nil
}

// redirected reads the message of an address, whose signature lies beside it.
func (p *Provider) redirected(raw string, of peer) (message, error) {
	if len(raw) > MaxMessage {
		return message{}, refuse(ErrAnswer, "its address is too long")
	}
	query, err := url.ParseQuery(raw)
	if err != nil || query.Has("SAMLRequest") == query.Has("SAMLResponse") {
		return message{}, refuse(ErrAnswer, "its address has not one message")
	}
	name := "SAMLRequest"
	if query.Has("SAMLResponse") {
		name = "SAMLResponse"
	}
	if err := verifiedQuery(raw, name, of.keys, p.o.Now()); err != nil {
		return message{}, err
	}
	text, err := inflated(query.Get(name))
	if err != nil {
		return message{}, err
	}
	el, err := kind(text, name)
	return message{el, query.Get("RelayState")}, err
}

// posted reads the message of a form, which holds its signature.
func (p *Provider) posted(form url.Values, of peer) (message, error) {
	if len(form["SAMLRequest"])+len(form["SAMLResponse"]) != 1 || len(form["RelayState"]) > 1 {
		return message{}, refuse(ErrAnswer, "its form has not one message")
	}
	name := "SAMLRequest"
	if form.Has("SAMLResponse") {
		name = "SAMLResponse"
	}
	text, err := decoded(form.Get(name))
	if err != nil {
		return message{}, err
	}
	el, err := kind(text, name)
	if err != nil {
		return message{}, err
	}
	signatures := 0
	err = each(el, func(one *etree.Element) error {
		if one.Tag != "Signature" {
			return nil
		}
		if signatures++; signatures > 1 || one.Parent() != el || one.NamespaceURI() != nsSignature {
			return refuse(ErrAnswer, "it has a signature where none belongs")
		}
		return shape(one)
	})
	if err != nil {
		return message{}, err
	}
	if el, err = verified(el, of.keys, p.o.Now()); err != nil {
		return message{}, err
	}
	return message{el, form.Get("RelayState")}, nil
}

// asked reads a request to end sessions, which counts once.
func (p *Provider) asked(ctx context.Context, m message, of peer, at time.Time) (Ended, error) {
	text, err := rendered(m.el)
	if err != nil {
		return Ended{}, refuse(ErrAnswer, "its request can't be read")
	}
	var r logoutRequest
	if err := xml.Unmarshal(text, &r); err != nil {
		return Ended{}, refuse(ErrAnswer, "its request can't be read")
	}
	if len(r.NameID) != 1 || strings.TrimSpace(r.NameID[0].Text) == "" || len(r.NameID[0].Text) > maxText || strings.Contains(r.NameID[0].Inner, "<") {
		return Ended{}, refuse(ErrAnswer, "its request names nobody")
	}
	if r.ID == "" || len(r.ID) > maxText || len(r.Sessions) > maxSessions {
		return Ended{}, refuse(ErrAnswer, "its request has no id, or too many sessions")
	}
	if err := p.window("", r.NotOnOrAfter, "request"); err != nil {
		return Ended{}, err
	}
	e := Ended{Subject: strings.TrimSpace(r.NameID[0].Text)}
	for _, one := range r.Sessions {
		if one = strings.TrimSpace(one); one == "" || len(one) > maxText {
			return Ended{}, refuse(ErrAnswer, "its request names a session of no name")
		}
		e.Sessions = append(e.Sessions, one)
	}
	first, err := p.o.Once(ctx, "saml logout "+p.Name()+" "+r.ID, at.Add(logoutLife+skew))
	if err != nil {
		return Ended{}, err
	}
	if !first {
		return Ended{}, refuse(ErrAnswer, "its request was used before")
	}
	if of.signedOut == "" {
		return e, nil
	}
	relay := m.relay
	if len(relay) > maxRelay {
		relay = ""
	}
	id, _ := secret.NewToken()
	answer := saml.LogoutResponse{
		ID: "_" + id, InResponseTo: r.ID, Version: "2.0", IssueInstant: p.o.Now().UTC(), Destination: of.signedOut,
		Issuer: &saml.Issuer{Value: p.entity()}, Status: saml.Status{StatusCode: saml.StatusCode{Value: success}},
	}
	e.Answer, err = p.signedQuery(of.signedOut, "SAMLResponse", answer.Element(), relay)
	return e, err
}

// loggedOut reads the answer to a request of ours.
func (p *Provider) loggedOut(m message) (Ended, error) {
	to := m.el.SelectAttrValue("InResponseTo", "")
	if to == "" || !secret.Equal(m.relay, p.derived("logout", to)) {
		return Ended{}, refuse(ErrAnswer, "it answers a request that was not made here")
	}
	status, err := child(m.el, nsProtocol, "Status")
	if err != nil || status == nil {
		return Ended{}, refuse(ErrAnswer, "its response has not one status")
	}
	code, err := child(status, nsProtocol, "StatusCode")
	if err != nil || code == nil {
		return Ended{}, refuse(ErrAnswer, "its response has not one status")
	}
	if code.SelectAttrValue("Value", "") != success {
		return Ended{}, refuse(ErrDenied, "its status is %s", statusOf(code))
	}
	return Ended{Ours: true}, nil
}

// SignOut is where a person can sign out at the provider, empty when it has no such
// place.
func (p *Provider) SignOut(ctx context.Context, subject, session string) (string, error) {
	of, err := p.peer(ctx)
	if err != nil || of.signOut == "" || subject == "" {
		return "", err
	}
	id, _ := secret.NewToken()
	now := p.o.Now().UTC()
	until := now.Add(logoutLife)
	r := saml.LogoutRequest{
		ID: "_" + id, Version: "2.0", IssueInstant: now, NotOnOrAfter: &until, Destination: of.signOut,
		Issuer: &saml.Issuer{Value: p.entity()}, NameID: &saml.NameID{Format: p.o.Settings.format(), Value: subject},
	}
	if session != "" {
		r.SessionIndex = &saml.SessionIndex{Value: session}
	}
	return p.signedQuery(of.signOut, "SAMLRequest", r.Element(), p.derived("logout", r.ID))
}
