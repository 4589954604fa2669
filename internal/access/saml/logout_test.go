package saml

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// packed is a message as addresses hold it.
func packed(t *testing.T, text []byte) string {
	t.Helper()
	raw, err := deflated(text)
	must(t, err)
	return base64.StdEncoding.EncodeToString(raw)
}

// query signs the query of an address as a provider does.
func (f *fixture) query(name, message, relay string, with pair, weak bool) string {
	f.t.Helper()
	method, hash := dsig.RSASHA256SignatureMethod, crypto.SHA256
	if weak {
		method, hash = dsig.RSASHA1SignatureMethod, crypto.SHA1
	}
	q := name + "=" + url.QueryEscape(message)
	if relay != "" {
		q += "&RelayState=" + url.QueryEscape(relay)
	}
	q += "&SigAlg=" + url.QueryEscape(method)
	sum := sha256.Sum256([]byte(q))
	digest := sum[:]
	if weak {
		short := sha1.Sum([]byte(q))
		digest = short[:]
	}
	sig, err := with.key.Sign(rand.Reader, digest, hash)
	must(f.t, err)
	return q + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
}

// logout is a request of the provider.
func (f *fixture) logout(change func(*saml.LogoutRequest)) *etree.Element {
	r := saml.LogoutRequest{
		ID: "_logout", Version: "2.0", IssueInstant: f.now, Destination: base + "/slo", Issuer: &saml.Issuer{Value: idpIssuer},
		NameID: &saml.NameID{Format: formatPersistent, Value: "alice"}, SessionIndex: &saml.SessionIndex{Value: "s1"},
	}
	if change != nil {
		change(&r)
	}
	return r.Element()
}

// TestLogOut plays requests of the provider to end sessions, by address and by form.
func TestLogOut(t *testing.T) {
	f := newFixture(t)
	other := newRSA(t, 2, f.now)
	bomb := func() string {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestCompression)
		must(t, err)
		for range 1024 {
			_, err = w.Write(make([]byte, 64<<10))
			must(t, err)
		}
		must(t, w.Close())
		return base64.StdEncoding.EncodeToString(out.Bytes())
	}()
	message := func(change func(*saml.LogoutRequest)) string {
		text, err := rendered(f.logout(change))
		must(t, err)
		return packed(t, text)
	}
	by := func(change func(*saml.LogoutRequest)) string {
		return f.query("SAMLRequest", message(change), "relay", f.idp, false)
	}
	form := func(el *etree.Element) url.Values {
		text, err := rendered(el)
		must(t, err)
		return url.Values{"SAMLRequest": {base64.StdEncoding.EncodeToString(text)}}
	}
	early := f.now.Add(-2 * time.Minute)
	genuine := by(nil)
	cases := []struct {
		name, query string
		form        url.Values
		says        string
	}{
		{"by address", genuine, nil, ""},
		{"by form", "", form(f.sign(f.logout(nil), f.idp, dsig.RSASHA256SignatureMethod)), ""},
		{"unsigned address", "SAMLRequest=" + url.QueryEscape(message(nil)), nil, "not signed"},
		{"unsigned form", "", form(f.logout(nil)), "not signed"},
		{"another key", f.query("SAMLRequest", message(nil), "", other, false), nil, "signature is wrong"},
		{"another key, form", "", form(f.sign(f.logout(nil), other, dsig.RSASHA256SignatureMethod)), "signature is wrong"},
		{"SHA-1", f.query("SAMLRequest", message(nil), "", f.idp, true), nil, "algorithm that is not allowed"},
		{"SHA-1, form", "", form(f.sign(f.logout(nil), f.idp, dsig.RSASHA1SignatureMethod)), "algorithm that is not allowed"},
		{"relay changed", strings.Replace(genuine, "RelayState=relay", "RelayState=other", 1), nil, "signature is wrong"},
		{"two messages", genuine + "&SAMLRequest=x", nil, "more than one SAMLRequest"},
		{"request and response", genuine + "&SAMLResponse=x", nil, "not one message"},
		{"nothing", "", nil, "not one message"},
		{"bomb", f.query("SAMLRequest", bomb, "", f.idp, false), nil, "grows to more than 64 KiB"},
		{"destination", by(func(r *saml.LogoutRequest) { r.Destination = base + "/acs" }), nil, "destination"},
		{"issuer", by(func(r *saml.LogoutRequest) { r.Issuer.Value = "urn:other" }), nil, "another issuer"},
		{"old", by(func(r *saml.LogoutRequest) { r.IssueInstant = f.now.Add(-6 * time.Minute) }), nil, "too long ago"},
		{"future", by(func(r *saml.LogoutRequest) { r.IssueInstant = f.now.Add(2 * time.Minute) }), nil, "future"},
		{"over", by(func(r *saml.LogoutRequest) { r.NotOnOrAfter = &early }), nil, "expired"},
		{"nobody", by(func(r *saml.LogoutRequest) { r.NameID = nil }), nil, "names nobody"},
		{"no id", by(func(r *saml.LogoutRequest) { r.ID = "" }), nil, "no id"},
		{"another message", f.query("SAMLResponse", message(nil), "", f.idp, false), nil, "no LogoutResponse"},
	}
	for _, c := range cases {
		p := f.provider(nil)
		clear(f.seen)
		e, err := p.LogOut(t.Context(), c.query, c.form)
		if c.says != "" {
			if !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.name, err, c.says)
			}
			continue
		}
		if err != nil || e.Subject != "alice" || len(e.Sessions) != 1 || e.Sessions[0] != "s1" || !strings.HasPrefix(e.Answer, "https://idp.example/slo?SAMLResponse=") {
			t.Errorf("%s: %+v, %v", c.name, e, err)
		}
		if _, err := p.LogOut(t.Context(), c.query, c.form); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "used before") {
			t.Errorf("%s counted twice: %v", c.name, err)
		}
	}
	if t.Logf("%d logouts", len(cases)); len(cases) < 21 {
		t.Error("too few logouts played")
	}
}

// TestSignOut asks the provider to end its session, and reads its answer.
func TestSignOut(t *testing.T) {
	f := newFixture(t)
	p := f.provider(nil)
	to, err := p.SignOut(t.Context(), "alice", "s1")
	must(t, err)
	u, err := url.Parse(to)
	must(t, err)
	text, err := inflated(u.Query().Get("SAMLRequest"))
	must(t, err)
	doc, err := parse(text, maxElements)
	must(t, err)
	id := doc.Root().SelectAttrValue("ID", "")
	if part(doc, "//NameID").Text() != "alice" || part(doc, "//SessionIndex").Text() != "s1" {
		t.Errorf("asked by %s", text)
	}
	for says, change := range map[string]func(*saml.LogoutResponse, *string){
		"":              func(*saml.LogoutResponse, *string) {},
		"not made here": func(_ *saml.LogoutResponse, relay *string) { *relay = "other" },
		"made here":     func(r *saml.LogoutResponse, _ *string) { r.InResponseTo = "_other" },
		"PartialLogout": func(r *saml.LogoutResponse, _ *string) {
			r.Status.StatusCode.Value = "urn:oasis:names:tc:SAML:2.0:status:PartialLogout"
		},
	} {
		r := saml.LogoutResponse{
			ID: "_answer", InResponseTo: id, Version: "2.0", IssueInstant: f.now, Destination: base + "/slo", Issuer: &saml.Issuer{Value: idpIssuer},
			Status: saml.Status{StatusCode: saml.StatusCode{Value: success}},
		}
		relay := u.Query().Get("RelayState")
		change(&r, &relay)
		text, err := rendered(r.Element())
		must(t, err)
		e, err := p.LogOut(t.Context(), f.query("SAMLResponse", packed(t, text), relay, f.idp, false), nil)
		if (err == nil) != (says == "") || err == nil && !e.Ours || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %+v, %v", says, e, err)
		}
	}
}
