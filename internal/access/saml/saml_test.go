package saml

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // it must be refused
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	dsig "github.com/russellhaering/goxmldsig"
)

// TestReplay holds that a sign-in and an assertion count once.
func TestReplay(t *testing.T) {
	f := newFixture(t)
	p := f.provider(nil)
	b := f.begin(p, Ask{})
	response := posted(t, f.response(f.said(b.request)))
	if _, err := p.Finish(t.Context(), response, b.relay, b.cookie); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), response, b.relay, b.cookie); !errors.Is(err, ErrFlow) || !strings.Contains(err.Error(), "answered before") {
		t.Errorf("a sign-in counted twice: %v", err)
	}
	unasked := posted(t, f.response(f.said("")))
	if _, err := p.Finish(t.Context(), unasked, "", ""); !errors.Is(err, ErrFlow) {
		t.Errorf("what nobody asked for was taken: %v", err)
	}
	clear(f.seen)
	p = f.provider(func(s *Settings) { s.Unasked = true })
	if a, err := p.Finish(t.Context(), unasked, "anything", ""); err != nil || a.Subject != "alice" {
		t.Errorf("unasked: %v", err)
	}
	if _, err := p.Finish(t.Context(), unasked, "", ""); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "used before") {
		t.Errorf("an assertion counted twice: %v", err)
	}
	if _, err := p.Finish(t.Context(), response, "", ""); !errors.Is(err, ErrFlow) || !strings.Contains(err.Error(), "did not make") {
		t.Errorf("the answer to another browser was taken: %v", err)
	}
}

// TestConfirm holds that a confirmation needs a new sign-in at the provider.
func TestConfirm(t *testing.T) {
	f := newFixture(t)
	p := f.provider(func(s *Settings) { s.MaxAge = time.Hour })
	for _, c := range []struct {
		confirm bool
		instant time.Duration
		says    string
	}{{false, -30 * time.Minute, ""}, {false, -2 * time.Hour, "too long ago"}, {true, 0, ""}, {true, -30 * time.Minute, "sign in again"}} {
		b := f.begin(p, Ask{Confirm: c.confirm, Bound: "alice"})
		s := f.said(b.request)
		s.instant = c.instant
		a, err := p.Finish(t.Context(), posted(t, f.response(s)), b.relay, b.cookie)
		if (err == nil) != (c.says == "") || err != nil && (!errors.Is(err, ErrWeak) || !strings.Contains(err.Error(), c.says)) || a.Confirm != c.confirm || a.Bound != "alice" {
			t.Errorf("%+v: %+v, %v", c, a, err)
		}
		clear(f.seen)
	}
}

// TestKeys changes the keys of the provider, of both kinds.
func TestKeys(t *testing.T) {
	f := newFixture(t)
	p := f.provider(nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	next := newPair(t, key, f.now)
	finish := func(with pair, method string, raw bool) error {
		b := f.begin(p, Ask{})
		s := f.said(b.request)
		s.signer, s.method = with, method
		doc := f.response(s)
		if raw {
			value := part(doc, "//Assertion/Signature/SignatureValue")
			sig, err := base64.StdEncoding.DecodeString(value.Text())
			must(t, err)
			var rs struct{ R, S *big.Int }
			_, err = asn1.Unmarshal(sig, &rs)
			must(t, err)
			both := make([]byte, 64)
			rs.R.FillBytes(both[:32])
			rs.S.FillBytes(both[32:])
			value.SetText(base64.StdEncoding.EncodeToString(both))
		}
		_, err := p.Finish(t.Context(), posted(t, doc), b.relay, b.cookie)
		clear(f.seen)
		return err
	}
	must(t, finish(f.idp, dsig.RSASHA256SignatureMethod, false))
	f.describe(f.idp, next)
	if err := finish(next, dsig.ECDSASHA256SignatureMethod, true); !errors.Is(err, ErrAnswer) { // it was read a moment ago
		t.Errorf("a key that is not known was taken: %v", err)
	}
	f.now = f.now.Add(keysPause)
	must(t, finish(next, dsig.ECDSASHA256SignatureMethod, true))
	must(t, finish(f.idp, dsig.RSASHA256SignatureMethod, false))
	f.describe(next)
	must(t, finish(f.idp, dsig.RSASHA256SignatureMethod, false)) // until it is read again
	f.now = f.now.Add(metadataLife)
	if err := finish(f.idp, dsig.RSASHA256SignatureMethod, false); !errors.Is(err, ErrAnswer) {
		t.Errorf("a key that was withdrawn was taken: %v", err)
	}
	must(t, os.Remove(f.file))
	f.now = f.now.Add(time.Hour)
	must(t, finish(next, dsig.ECDSASHA256SignatureMethod, true)) // what was known holds
	f.now = f.now.Add(24 * time.Hour)
	if err := finish(next, dsig.ECDSASHA256SignatureMethod, true); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "not valid now") {
		t.Errorf("a certificate that ended was taken: %v", err)
	}
}

// TestMetadata plays metadata that are wrong in one way.
func TestMetadata(t *testing.T) {
	f := newFixture(t)
	text, err := os.ReadFile(f.file)
	must(t, err)
	good := string(text)
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	weak := base64.StdEncoding.EncodeToString(newPair(t, small, f.now).cert)
	keys := []pair{f.idp, f.ours, newRSA(t, 2, f.now), newRSA(t, 3, f.now)}
	f.describe(keys...)
	many, err := os.ReadFile(f.file)
	must(t, err)
	own := base64.StdEncoding.EncodeToString(f.idp.cert)
	several := `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + good + strings.Replace(good, idpIssuer, "urn:other", 1) + `</EntitiesDescriptor>`
	cases := []struct{ text, issuer, says string }{
		{good, "", ""},
		{good, idpIssuer, ""},
		{"\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- by\nhand -->" + good, "", ""},
		{several, idpIssuer, ""},
		{several, "", "name the provider's entity id"},
		{good, "urn:other", "no such entity"},
		{string(many), "", "4 certificates"},
		{strings.Replace(good, own, weak, 1), "", "weaker"},
		{strings.Replace(good, own, "AAAA", 1), "", "can't be read"},
		{strings.Replace(good, `use="signing"`, `use="encryption"`, 1), "", "no certificate that signs"},
		{strings.Replace(good, "https://idp.example/sso", "http://idp.example/sso", 1), "", "https://"},
		{strings.Replace(good, "https://idp.example/slo", "javascript:alert(1)", 1), "", "no plain URL"},
		{strings.Replace(good, "SingleSignOnService", "SingleSignOnServices", 1), "", "no SingleSignOnService"},
		{strings.Replace(good, "IDPSSODescriptor", "SPSSODescriptor", 2), "", "not one identity provider"},
		{strings.Replace(good, "entityID=", `validUntil="2026-01-01T00:00:00Z" entityID=`, 1), "", "validUntil"},
		{"<!DOCTYPE x>" + good, "", "document type"},
		{"{}", "", "no"},
	}
	for _, c := range cases {
		if c.text == good && c.says != "" && c.issuer == "" {
			t.Fatalf("%q: nothing was changed", c.says)
		}
		_, err := readPeer([]byte(c.text), c.issuer, f.now)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
	if t.Logf("%d metadata", len(cases)); len(cases) < 17 {
		t.Error("too few metadata played")
	}
	own2, err := f.provider(nil).Metadata()
	must(t, err)
	var it saml.EntityDescriptor
	must(t, xml.Unmarshal(own2, &it))
	if it.EntityID != base+"/metadata" || len(it.SPSSODescriptors) != 1 || it.SPSSODescriptors[0].AssertionConsumerServices[0].Location != base+"/acs" {
		t.Errorf("our metadata: %s", own2)
	}
}

// TestMetadataByHTTP bounds what a provider's address may answer.
func TestMetadataByHTTP(t *testing.T) {
	f := newFixture(t)
	good, err := os.ReadFile(f.file)
	must(t, err)
	answer := func(w http.ResponseWriter) { _, _ = w.Write(good) }
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked++; answer(w) }))
	defer server.Close()
	p := f.provider(func(s *Settings) { s.Metadata = server.URL })
	for range 3 {
		f.begin(p, Ask{})
	}
	if asked != 1 {
		t.Errorf("metadata were read %d times", asked)
	}
	for says, wrong := range map[string]func(http.ResponseWriter){
		"longer than 1 MiB": func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, maxMetadata+1)) },
		"status 302": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(http.StatusFound)
		},
		"status 500": func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		answer = wrong
		p := f.provider(func(s *Settings) { s.Metadata = server.URL })
		if _, err := p.Begin(t.Context(), Ask{}); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

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
		short := sha1.Sum([]byte(q)) //nolint:gosec // it must be refused
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

// FuzzOpen gives anything to the reader of responses: it never panics, and takes
// nothing that is not signed.
func FuzzOpen(f *testing.F) {
	x := newFixture(f)
	p := x.provider(nil)
	of, err := p.peer(context.Background())
	must(f, err)
	for _, change := range []func(*said){func(*said) {}, func(s *said) { s.signAssertion = false }, func(s *said) { s.signResponse = true }} {
		s := x.said("")
		change(&s)
		text, err := x.response(s).WriteToBytes()
		must(f, err)
		f.Add(text)
	}
	f.Add([]byte("<!DOCTYPE a><a/>"))
	f.Add([]byte(`<?xml version="1.0"?><a xmlns:b="c" b:d="e">&amp;</a>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := p.open(text, of, nil)
		if err == nil && strings.TrimSpace(got.Assertion.Subject[0].NameID[0].Text) != "alice" {
			t.Fatalf("a changed response was taken: %q", text)
		}
		if doc, err := parse(text, maxElements); err == nil {
			if _, err := rendered(doc.Root()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
