package saml

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

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
