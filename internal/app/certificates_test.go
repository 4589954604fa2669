package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"farrier.dev/farrier/internal/app"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/programtest/pebble"
)

const certificateAPIs = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec:
  address: http://0.0.0.0:8080/
  services: {echo: {address: "http://127.0.0.1:9001"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: %s://0.0.0.0:8443/api
  services: {echo: {address: "http://127.0.0.1:9001"}}
`

const certificatePolicy = `
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: front}
spec:
  targetRef: {name: orders}
  policyRef: {name: tls}
  config: {context: "${secret:backend/front}"}
`

// TestCertificateFromAuthority holds that a certificate is ordered from an authority,
// which is answered by the gateway's plain port, and that the gateway serves it by its
// name; that the next one is served without a restart; and that authorities in networks
// that are not allowed are not asked.
func TestCertificateFromAuthority(t *testing.T) {
	for attempt := 1; ; attempt++ {
		r := &running{t: t, services: startServices(t, nil), ports: map[string]string{}, log: newLogText(), manifests: t.TempDir()}
		r.write(fmt.Sprintf(certificateAPIs, "http"))
		console, err := r.startWithConsole()
		if err == nil {
			playCertificates(t, r, console)
			return
		}
		if attempt == 5 || !strings.Contains(err.Error(), "address already in use") {
			t.Fatal(err)
		}
	}
}

func (r *running) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.manifests, "api.yaml"), []byte(r.place(text)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// startWithConsole serves with a console, and lets authorities on this machine be asked.
func (r *running) startWithConsole() (console string, err error) {
	cfg := app.DefaultConfig()
	r.data = r.t.TempDir()
	cfg.Manifests, cfg.Data, cfg.Console, cfg.Debounce = []string{r.manifests}, r.data, "127.0.0.1:0", 20*time.Millisecond
	cfg.Limits.DrainSeconds, cfg.Limits.Lag = 5, patience
	cfg.AlertNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan app.Ready, 1), make(chan error, 1)
	go func() {
		ended <- app.Serve(ctx, cfg, slog.New(slog.NewTextHandler(r.log, nil)), io.Discard, func(now app.Ready) { ready <- now })
	}()
	select {
	case err := <-ended:
		cancel()
		return "", err
	case r.ready = <-ready:
	}
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Errorf("stopping: %v", err)
		}
		if r.t.Failed() {
			r.t.Logf("the log:\n%.8000s", r.log.String())
		}
	})
	return r.ready.Console, nil
}

func playCertificates(t *testing.T, r *running, console string) {
	_, text, err := net.SplitHostPort(r.at("8080"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	authority := pebble.Start(t, pebble.Options{Port: port})
	v := openVault(t, r.data)
	var answered atomic.Int64
	authority.Before(func(req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, "/chalZ/") {
			return
		}
		// When the authority may look, gateway and console answer.
		held, err := v.Challenges(context.Background(), "default")
		if err != nil {
			t.Error(err)
		}
		for token, answer := range held {
			for _, at := range []string{console, "http://" + r.at("8080")} {
				if got := fetched(t, at+secrets.ChallengePath+token); got != answer {
					t.Errorf("%s answers %q, want %q", at, got, answer)
				}
				answered.Add(1)
			}
		}
	})
	if _, err := v.MakeGroup(t.Context(), v.admin, "default", secrets.Group{Name: "backend"}); err != nil {
		t.Fatal(err)
	}
	in := secrets.ACMEInput{ACME: secrets.ACME{Directory: authority.Directory, Roots: authority.Roots, Domains: []string{"shop.example.test"}, Agreed: true}}
	set := func(name string, in secrets.ACMEInput) {
		t.Helper()
		if _, err := v.SetACME(t.Context(), v.admin, "default", "backend", name, in, 0); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	state := func(name string) secrets.ACMECertificate {
		c, err := v.ACMECertificate(t.Context(), v.admin, "default", "backend", name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	set("server", in)
	until("there is no certificate", func() bool { c := state("server"); return c.State == secrets.ACMEValid || c.Failures > 0 })
	if c := state("server"); c.State != secrets.ACMEValid || answered.Load() != 2 {
		t.Fatalf("%+v, %d answers", c, answered.Load())
	}
	v.put("front", secrets.Input{Kind: secrets.TLSContext, Context: &secrets.Context{Keystore: "server"}})
	r.write(fmt.Sprintf(certificateAPIs, "https") + certificatePolicy)
	root, err := x509.ParseCertificate(authority.Root)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	serial := func() string {
		dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "shop.example.test", MinVersion: tls.VersionTLS12}}
		conn, err := dialer.DialContext(t.Context(), "tcp", r.at("8443"))
		if err != nil {
			return ""
		}
		defer func() { _ = conn.Close() }()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	var first string
	until("the certificate is not served", func() bool { first = serial(); return first != "" })
	if _, err := v.TryACME(t.Context(), v.admin, "default", "backend", "server", state("server").Version); err != nil {
		t.Fatal(err)
	}
	until("the next certificate is not served", func() bool { now := serial(); return now != "" && now != first })

	// An authority in a network that is not allowed is not asked.
	far := in
	far.Directory = "https://[::1]:1/dir"
	set("far", far)
	until("an authority that may not be asked is", func() bool { return state("far").Failures > 0 })
	if text := state("far").Error; !strings.Contains(text, "private or reserved") {
		t.Errorf("told as %q", text)
	}
	// The console answers nobody who asks with another token, and goes on to its pages.
	if text := fetched(t, console+secrets.ChallengePath+"a-token-that-nobody-asked-with"); strings.HasPrefix(text, "a-token") {
		t.Error("the console answers to any token")
	}
}

// fetched is what stands at an address.
func fetched(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
