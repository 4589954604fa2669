package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// certificateFile is a file with a key and a certificate for localhost, of a serial number.
func certificateFile(t *testing.T, serial int64) (path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	path = filepath.Join(t.TempDir(), fmt.Sprintf("server-%d.pem", serial))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shows waits until a port shows the certificate of a serial number.
func shows(t *testing.T, address string, serial int64) {
	t.Helper()
	var last string
	eventually(t, fmt.Sprintf("%s shows certificate %d", address, serial), func() bool {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			last = err.Error()
			return false
		}
		defer func() { _ = c.Close() }()
		got := c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber
		last = got.String()
		return got.Int64() == serial
	}, func() string { return last })
}

// rotatesCertificate serves an API with a kept certificate, and then with its next version.
func (p *person) rotatesCertificate() {
	t := p.t
	p.click("nav[aria-label=Pages] a:nth-child(4)")
	p.follow("Secrets")
	p.fill("#name", "edge")
	p.follow("Make group")
	p.follow("Keystore")
	p.fill("#name", "server")
	p.b.Upload(t, "#file", certificateFile(t, 1))
	p.follow("Write")
	p.reads("version 1 serves", "CN=localhost")
	p.follow("edge", "TLS context")
	p.fill("#name", "front")
	p.choose("#keystore", "server")
	p.follow("Write")
	p.reads("${secret:edge/front}")
	p.picture("tls-context")

	address := p.newAPI("secure", "https")
	p.addPolicy("tls", "context", "${secret:edge/front}")
	p.publish("over TLS only")
	host := strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/secure")
	shows(t, host, 1)

	p.open("/secrets")
	p.follow("edge", "server")
	p.picture("keystore")
	p.follow("Write a new version")
	p.b.Upload(t, "#file", certificateFile(t, 2))
	p.follow("Write")
	p.reads("version 2 serves")
	shows(t, host, 2)
	p.picture("rotated")
}

// hook is a receiver of webhooks; what it got last is kept.
func hook(t *testing.T, secret string) (address string, got *atomic.Pointer[string]) {
	t.Helper()
	got = &atomic.Pointer[string]{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(secret))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		text := string(body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want {
			text = "badly signed: " + r.Header.Get("Webhook-Signature")
		}
		if strings.Contains(text, "Many refusals") || got.Load() == nil {
			got.Store(&text)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

const attacker = "203.0.113.7"

// watches makes a channel and a rule that tells of refusals over it, and an API whose
// refusals it will tell of. Rules are judged once a minute: what comes of it is seen later.
func (p *person) watches() (address string, told *atomic.Pointer[string]) {
	const secret = "a long secret of the receiver of webhooks"
	url, told := hook(p.whole, secret)
	p.click("nav[aria-label=Pages] a:nth-child(4)")
	p.reads("Nobody is told of alerts yet")
	p.follow("Add one", "Webhook")
	p.fill("#c-name", "Night shift")
	p.fill("#c-url", url)
	p.fill("#c-secret", secret)
	p.follow("Keep", "Send a test message")
	eventually(p.t, "the test message arrives", func() bool { return told.Load() != nil }, p.text)
	p.picture("channel")
	told.Store(nil)
	p.follow("Channels", "Rules")
	p.click("nav.views a[href*='policy-violation']")
	p.fill("#r-name", "Many refusals")
	p.fill("#r-value", "3")
	p.fill("#r-count", "5")
	p.press("input[name=channels]")
	if p.b.Eval(p.t, `document.querySelector("#r-enabled").checked`) != "true" {
		p.press("#r-enabled")
	}
	p.follow("Keep")
	p.reads("Many refusals")
	p.picture("alert-rule")

	address = p.newAPI("stock")
	p.addPolicy("attack-protection", "mode", "block")
	p.publish("stock, protected")
	p.answers(200, address+"/1")
	for range 6 {
		p.answers(403, address+"/find?q=1%27%20UNION%20SELECT%20password%20FROM%20users--%20", "X-Forwarded-For", attacker)
	}
	return address, told
}

// contains sees what the rule told of, opens the incident, blocks who caused it, and
// lets them in again.
func (p *person) contains(address string, told *atomic.Pointer[string]) {
	t := p.t
	p.answers(200, address+"/1", "X-Forwarded-For", attacker)
	eventually(t, "the message arrives", func() bool { return told.Load() != nil }, p.text)
	if text := *told.Load(); !strings.Contains(text, "Many refusals") {
		t.Errorf("the message says %s", text)
	}
	p.click("nav[aria-label=Pages] a:nth-child(4)")
	p.reads("Alerting now", "Many refusals")
	p.picture("alerting")
	p.follow("Deliveries")
	p.reads("sent")
	p.click("nav[aria-label=Pages] a:nth-child(3)")
	p.follow("Incidents")
	p.click(p.found(fmt.Sprintf("text.includes(%q)", attacker)))
	p.reads("Timeline", attacker, "Contain")
	p.picture("incident")
	p.fill("#a-reason", "it asks for passwords")
	p.follow("Contain")
	p.reads("End now", "it asks for passwords")
	p.answers(403, address+"/1", "X-Forwarded-For", attacker)
	p.answers(200, address+"/1", "X-Forwarded-For", "203.0.113.8")
	p.picture("contained")
	p.follow("End now " + attacker)
	p.answers(200, address+"/1", "X-Forwarded-For", attacker)
	p.reads("ended")
}

// exports makes a token, and brings what was made into an empty instance at the terminal.
func (p *person) exports(address string) {
	t := p.t
	p.click(".leave .profile")
	p.fill("#token-name", "delivery")
	for _, one := range []string{"apis:view", "apis:manage", "policies:view", "policies:manage"} {
		p.choose("#token-permissions", one)
	}
	p.follow("Make token")
	p.reads("It is shown only now")
	token := p.of("main section pre code")
	dir := t.TempDir()
	run := func(arguments ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), build(t), arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("farrier %s: %v\n%s", arguments[0], err, out)
		}
		return string(out)
	}
	first, second := filepath.Join(dir, "first.yaml"), filepath.Join(dir, "second.yaml")
	run("export", "--server", p.at, "--token", token, "-e", "default", "--live", "-o", first)

	// The other instance listens elsewhere, at the same ports.
	config := filepath.Join(dir, "farrier.yaml")
	console := freePort(t)
	if err := os.WriteFile(config, fmt.Appendf(nil, "version: 1\ndata: %s\nconsole: %s\nbind: 127.0.0.2\n", filepath.Join(dir, "data"), console), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := &fleetProcess{name: "an empty instance", args: []string{"serve", "--config", config}, up: "farrier is up"}
	empty.start(t)
	theirs, _, _ := strings.Cut(run("token", "delivery", "--role", "admin", "--config", config), "\n")
	run("apply", "--server", "http://"+console, "--token", theirs, "-e", "default", "--publish", "--note", "from the console", first)
	there := strings.Replace(address, "127.0.0.1", "127.0.0.2", 1)
	p.answers(401, there)
	p.answers(200, there, "Authorization", basic("ann", "a fine password"))
	run("export", "--server", "http://"+console, "--token", theirs, "-e", "default", "--live", "-o", second)
	one, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if string(one) != string(two) || !strings.Contains(string(one), "http-basic-authentication-flex") {
		t.Errorf("what was exported from the console:\n%s\nand from where it was applied:\n%s", one, two)
	}
}

// readsAudit sees who switched a policy off, with what was before, and that nobody
// changed the log.
func (p *person) readsAudit() {
	p.click("nav[aria-label=Pages] a:nth-child(5)")
	p.follow("Audit", "Verify the chain")
	p.reads("The chain is whole", "signed with the key")
	p.fill("#f-q", "orders-http-basic-authentication")
	p.follow("Filter")
	p.picture("audit")
	p.follow("what was changed")
	p.reads("admin", "127.0.0.1", "password", "Before", "After", "farrier/disabled")
	p.readsNot("a fine password")
	p.picture("audit-entry")
}
