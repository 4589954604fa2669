package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for 127.0.0.1 and its key.
func writeCertificate(t *testing.T, files ConsoleTLS, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "console"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Certificate: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConsoleTLS holds that a console with a certificate speaks HTTPS, tells browsers
// to stay with it, and prints links that lead there.
func TestConsoleTLS(t *testing.T) {
	cfg := DefaultConfig()
	dir := t.TempDir()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Limits.DrainSeconds = []string{t.TempDir()}, t.TempDir(), "127.0.0.1:0", 1
	cfg.ConsoleTLS = ConsoleTLS{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	writeCertificate(t, cfg.ConsoleTLS, 1, time.Now().Add(-time.Hour))
	var ready Ready
	s := startReady(t, cfg, &ready)
	defer s.stop()
	if !strings.HasPrefix(ready.Console, "https://127.0.0.1:") || !strings.HasPrefix(ready.Link, ready.Console+"/login?token=") {
		t.Fatalf("console %s, link %s", ready.Console, ready.Link)
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Get(ready.Console + "/login")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" || res.TLS.PeerCertificates[0].SerialNumber.Int64() != 1 {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
}

// TestCertificateIsReadAgain holds that a changed certificate serves without a restart,
// and a broken one does not.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	files := ConsoleTLS{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	now := time.Now()
	if _, err := openCertificate(files, func() time.Time { return now }, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("files that are not there were read")
	}
	writeCertificate(t, files, 1, now)
	c, err := openCertificate(files, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		now = now.Add(2 * certificateLook)
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(pair.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return parsed.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d", got)
	}
	writeCertificate(t, files, 2, now.Add(time.Minute))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after the change", got)
	}
	if err := os.WriteFile(files.Key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("certificate %d after a broken change", got)
	}
}

// TestConsoleSettings plays where the console is found, and whether by HTTPS.
func TestConsoleSettings(t *testing.T) {
	cases := []struct {
		change func(c *Config)
		url    string
		secure bool
	}{
		{func(*Config) {}, "http://127.0.0.1:9080", false},
		{func(c *Config) { c.Console = "off" }, "", false},
		{func(c *Config) { c.Console = "0.0.0.0:9080" }, "", false},
		{func(c *Config) { c.Console = "127.0.0.1:0" }, "", false},
		{func(c *Config) { c.Console, c.ConsoleHosts = ":9080", []string{"farrier.example.com"} }, "http://farrier.example.com:9080", false},
		{func(c *Config) { c.ConsoleTLS = ConsoleTLS{"tls.crt", "tls.key"} }, "https://127.0.0.1:9080", true},
		{func(c *Config) { c.Access.URL = "https://farrier.example.com" }, "https://farrier.example.com", true},
		{func(c *Config) { c.Access.URL = "http://localhost:9080" }, "http://localhost:9080", false},
	}
	for i, c := range cases {
		cfg := DefaultConfig()
		cfg.Console = "127.0.0.1:9080"
		c.change(&cfg)
		if cfg.consoleURL() != c.url || cfg.consoleSecure() != c.secure {
			t.Errorf("%d: %q, secure %t; want %q, %t", i, cfg.consoleURL(), cfg.consoleSecure(), c.url, c.secure)
		}
	}
	cfg := DefaultConfig()
	cfg.ConsoleHosts, cfg.Access.URL = []string{"a.example.com"}, "https://b.example.com:8443"
	if got := strings.Join(cfg.consoleHosts(), " "); got != "a.example.com b.example.com" {
		t.Errorf("hosts %s", got)
	}
	if (&ConsoleTLS{Certificate: "tls.crt"}).check() == nil {
		t.Error("a certificate without its key is taken")
	}
	t.Logf("%d settings", len(cases))
}
