package console

import (
	"compress/flate"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"html"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/samlidp"
	dsig "github.com/russellhaering/goxmldsig"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/oidc"
	"farrier.dev/farrier/internal/access/saml"
	"farrier.dev/farrier/internal/control/sso"
	"farrier.dev/farrier/internal/programtest/browser"
)

// peer is crewjam's identity provider, with one user.
type peer struct {
	*samlidp.Server
	at     string
	key    *rsa.PrivateKey
	cookie string
}

// GetSession names people for ever, not for one session.
func (p *peer) GetSession(w http.ResponseWriter, r *http.Request, asked *crewjam.IdpAuthnRequest) *crewjam.Session {
	s := p.Server.GetSession(w, r, asked)
	if s != nil {
		s.NameIDFormat, s.NameID = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", "id-of-"+s.UserName
	}
	return s
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p.at = server.URL
	var err error
	p.key, err = rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "peer"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, &template, &template, p.key.Public(), p.key)
	must(t, err)
	certificate, err := x509.ParseCertificate(raw)
	must(t, err)
	at, err := url.Parse(p.at)
	must(t, err)
	p.Server, err = samlidp.New(samlidp.Options{URL: *at, Key: p.key, Certificate: certificate, Store: &samlidp.MemoryStore{}, Logger: log.New(io.Discard, "", 0)})
	must(t, err)
	p.IDP.SessionProvider, p.IDP.SignatureMethod = p, dsig.RSASHA256SignatureMethod
	p.IDP.LogoutURL = *at.JoinPath("logout")
	p.send(t, http.MethodPut, "/users/alice", `{"name":"alice","password":"hunter2","groups":["gateway-admins"],"email":"alice@corp.example","common_name":"Alice"}`)
	in := p.send(t, http.MethodPost, "/login", "user=alice&password=hunter2")
	p.cookie = strings.Split(in.Header.Get("Set-Cookie"), ";")[0]
	return p
}

func (p *peer) send(t *testing.T, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, p.at+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", p.cookie)
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code >= 400 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return answer{w.Result(), w.Body.String()}
}

var (
	formAction = regexp.MustCompile(`action="([^"]*)"`)
	formField  = regexp.MustCompile(`name="([^"]*)" value="([^"]*)"`)
)

// filled is the form of a page.
func filled(t *testing.T, page string) (action string, fields []string) {
	t.Helper()
	_, page, _ = strings.Cut(page, "<form")
	for strings.Contains(page, "<form") && !strings.Contains(strings.SplitN(page, "</form>", 2)[0], "SAMLResponse") {
		_, page, _ = strings.Cut(page, "<form")
	}
	page = strings.SplitN(page, "</form>", 2)[0]
	found := formAction.FindStringSubmatch(page)
	if found == nil || !strings.Contains(page, "SAMLResponse") {
		t.Fatalf("no form: %.500s", page)
	}
	for _, one := range formField.FindAllStringSubmatch(page, -1) {
		fields = append(fields, one[1], html.UnescapeString(one[2]))
	}
	return html.UnescapeString(found[1]), fields
}

// newSAML is a console whose people sign in at a peer.
func newSAML(t *testing.T) (*signing, *peer) {
	t.Helper()
	p := startPeer(t)
	s := newSigning(t, func(string) []sso.Provider {
		return []sso.Provider{{
			Settings: oidc.Settings{Name: "corp", Title: "Corp ID"}, Domains: []string{"corp.example"}, CreateAccounts: true,
			SAML: &saml.Settings{Metadata: p.at + "/metadata", Attributes: saml.Attributes{
				Name: "urn:oid:0.9.2342.19200300.100.1.1", Email: "urn:oid:0.9.2342.19200300.100.1.3", Groups: "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
			}},
		}}
	})
	s.signIn(t)
	about := s.ask(t, http.MethodGet, "/sso/corp/metadata", "")
	if about.StatusCode != http.StatusOK || about.Header.Get("Content-Type") != "application/samlmetadata+xml" {
		t.Fatalf("metadata: %d %s", about.StatusCode, about.body)
	}
	p.send(t, http.MethodPut, "/services/corp", about.body)
	return s, p
}

// cookieOf is a cookie that an answer sets.
func cookieOf(a answer, name string) string {
	for _, one := range a.Cookies() {
		if one.Name == name && one.MaxAge >= 0 {
			return one.Name + "=" + one.Value
		}
	}
	return ""
}

// atPeer begins a sign-in and gives the form that the peer has the browser post.
func (s *signing) atPeer(t *testing.T, p *peer) (flow, action string, fields []string) {
	t.Helper()
	begun := s.ask(t, http.MethodGet, "/sso/corp/start?next=%2Fapis", "", func(r *http.Request) { r.Host = strings.TrimPrefix(s.at, "http://") })
	to, found := strings.CutPrefix(begun.Header.Get("Location"), p.at)
	if !found {
		t.Fatalf("led to %q: %s", begun.Header.Get("Location"), mainOf(begun.body))
	}
	action, fields = filled(t, p.send(t, http.MethodGet, to, "").body)
	return cookieOf(begun, "farrier-flow"), action, fields
}

// TestSAML signs in at crewjam's identity provider, and ends the session from there.
func TestSAML(t *testing.T) {
	s, p := newSAML(t)
	by := access.By{Operator: "admin"}
	team, err := s.access.CreateTeam(t.Context(), by, access.Team{Name: "Gateway"})
	must(t, err)
	must(t, s.access.MapGroup(t.Context(), by, access.GroupMap{Provider: "saml:corp", Group: "gateway-admins", Team: team.ID}))

	flow, action, fields := s.atPeer(t, p)
	if action != s.at+"/sso/corp/acs" {
		t.Fatalf("the peer posts to %q", action)
	}
	crossed := header("Sec-Fetch-Site", "cross-site")
	here := func(r *http.Request) { r.Host = strings.TrimPrefix(s.at, "http://") }
	got := s.ask(t, http.MethodPost, "/sso/corp/acs", "", form(fields...), crossed, here)
	back, again := filled(t, got.body)
	if got.StatusCode != http.StatusOK || back != "/sso/corp/finish" || strings.Join(again, " ") != strings.Join(fields, " ") {
		t.Fatalf("the page that posts once more: %d, %q", got.StatusCode, back)
	}
	for _, c := range []struct {
		path, cookie, says string
		change             func(*http.Request)
		status             int
	}{
		{"/sso/corp/finish", "", "not begun in this browser", here, 400},
		{"/sso/corp/finish", "farrier-flow=x.y", "not begun in this browser", here, 400},
		{"/sso/corp/finish", flow, "came from another site", crossed, 403},
		{"/sso/nobody/acs", "", "Not found", crossed, 404},
		{"/sso/nobody/finish", flow, "Not found", here, 404},
		{"/sso/corp/backchannel", "", "Not found", here, 404},
		{"/sso/corp/slo", "", "ends no session", crossed, 400},
	} {
		if a := s.ask(t, http.MethodPost, c.path, c.cookie, form(fields...), c.change); a.StatusCode != c.status || !strings.Contains(a.body, c.says) || cookieOf(a, "farrier") != "" {
			t.Errorf("%s: %d, want %d %q: %.300s", c.path, a.StatusCode, c.status, c.says, mainOf(a.body))
		}
	}
	in := s.ask(t, http.MethodPost, back, flow, form(again...), here)
	cookie := cookieOf(in, "farrier")
	if in.StatusCode != http.StatusOK || cookie == "" || !strings.Contains(in.body, "url=/apis") {
		t.Fatalf("finish: %d %s", in.StatusCode, mainOf(in.body))
	}
	if a := s.ask(t, http.MethodPost, back, flow, form(again...), here); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a sign-in counted twice: %d", a.StatusCode)
	}
	who, err := s.access.Session(t.Context(), strings.TrimPrefix(cookie, "farrier="))
	must(t, err)
	if who.Operator != "alice" || who.Via != "saml:corp" {
		t.Errorf("signed in: %+v", who)
	}
	members, err := s.access.Members(t.Context(), team.ID, "")
	must(t, err)
	if len(members) != 1 {
		t.Errorf("members of the team: %+v", members)
	}
	if a := s.ask(t, http.MethodGet, "/sso/corp/again", cookie, here); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), p.at) {
		t.Errorf("confirming: %d %s", a.StatusCode, a.Header.Get("Location"))
	}

	// The provider ends the session.
	out := s.ask(t, http.MethodGet, "/sso/corp/slo?"+p.logout(t, s.at, "id-of-alice", "", false), "", header("Sec-Fetch-Site", "cross-site"), here)
	if out.StatusCode != http.StatusSeeOther || !strings.HasPrefix(out.Header.Get("Location"), p.at+"/logout?SAMLResponse=") {
		t.Fatalf("logout: %d %s", out.StatusCode, mainOf(out.body))
	}
	if a := s.ask(t, http.MethodGet, "/account", cookie); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session lives on: %d", a.StatusCode)
	}

	// The person ends it here, and is led to the provider.
	flow, _, fields = s.atPeer(t, p)
	cookie = cookieOf(s.ask(t, http.MethodPost, back, flow, form(fields...), here), "farrier")
	left := s.ask(t, http.MethodPost, "/logout", cookie, here)
	if left.StatusCode != http.StatusOK || !strings.Contains(left.body, p.at+"/logout?SAMLRequest=") {
		t.Errorf("leaving: %d %s", left.StatusCode, mainOf(left.body))
	}
	if a := s.ask(t, http.MethodGet, "/sso/corp/slo?"+p.logout(t, s.at, "id-of-alice", "", true), "", here); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a logout signed by nobody: %d", a.StatusCode)
	}
}

// logout is the query with which the peer ends sessions.
func (p *peer) logout(t *testing.T, at, subject, index string, forged bool) string {
	t.Helper()
	r := crewjam.LogoutRequest{
		ID: "_out", Version: "2.0", IssueInstant: time.Now().UTC(), Destination: at + "/sso/corp/slo", Issuer: &crewjam.Issuer{Value: p.at + "/metadata"},
		NameID: &crewjam.NameID{Value: subject},
	}
	if index != "" {
		r.SessionIndex = &crewjam.SessionIndex{Value: index}
	}
	doc := etree.NewDocument()
	doc.SetRoot(r.Element())
	text, err := doc.WriteToBytes()
	must(t, err)
	var packed strings.Builder
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	must(t, err)
	_, err = w.Write(text)
	must(t, err)
	must(t, w.Close())
	query := "SAMLRequest=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(packed.String()))) + "&SigAlg=" + url.QueryEscape(dsig.RSASHA256SignatureMethod)
	sum := sha256.Sum256([]byte(query))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	must(t, err)
	if forged {
		sig[0] ^= 1
	}
	return query + "&Signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sig))
}

// TestSAMLInBrowser signs in with chromium, which decides on its own which cookies go
// with a form of another site.
func TestSAMLInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: SAML sign-in was NOT tested in a browser")
	}
	b := browser.Start(t)
	s, p := newSAML(t)
	b.Open(t, p.at+"/login")
	b.Fill(t, "input[name=user]", "alice")
	b.Fill(t, "input[name=password]", "hunter2")
	b.Press(t, "input[type=submit]")
	b.Until(t, `document.body.innerText.includes("ExpireTime")`)
	b.Open(t, s.at+"/login?next=%2Faccount")
	b.Press(t, "a[href^='/sso/corp/start']")
	b.Arrived(t, s.at+"/account")
	for _, told := range b.Complaints() {
		if !strings.Contains(told, p.at) && !strings.Contains(told, "favicon") {
			t.Error(told)
		}
	}
}
