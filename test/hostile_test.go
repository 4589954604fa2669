package test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// mostMemory is the bound on what the process may hold at its worst under all
// that TestHostileClients does, in MiB. The rules of attack protection alone
// are a fifth of it.
const mostMemory = 400

// Hostile clients are refused, one way each, while good traffic is served and
// the memory of the process stays bounded.
func TestHostileClients(t *testing.T) {
	plain, secure := freePort(t), freePort(t)
	crt, key := certificate(t)
	p := start(t, manifests(t, hostileManifests(plain, secure, service(t), crt, key)), t.TempDir(), plain)
	stop := goodTraffic(t, plain)
	cases := []struct {
		name string
		run  func(t *testing.T, address string)
	}{
		{"slow headers", slowHeaders},
		{"slow body", slowBody},
		{"headers of 1 MB", hugeHeaders},
		{"gzip bomb", gzipBomb},
		{"JSON 10,000 deep", deepJSON},
		{"ambiguous framing", framingTricks},
	}
	t.Run("at once", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t, plain) })
		}
		t.Run("40,000 headers over HTTP/2", func(t *testing.T) { t.Parallel(); manyHeaders(t, secure) })
	})
	served, failed := stop()
	t.Logf("good requests meanwhile: %d served, %d failed; peak memory of the process: %d MiB", served, failed, p.peak())
	if served < 100 || failed > 0 {
		t.Errorf("good traffic was harmed: %d served, %d failed", served, failed)
	}
	if p.peak() > mostMemory {
		t.Errorf("peak memory %d MiB, at most %d are allowed", p.peak(), mostMemory)
	}
}

func hostileManifests(plain, secure, service, crt, key string) string {
	indent := func(text string) string {
		return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")
	}
	return `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: plain}
spec:
  address: http://` + plain + `/
  services: {up: {address: "` + service + `"}}
  policies:
  - {policyRef: {name: json-threat-protection-flex}, config: {maxContainerDepth: 100}, rules: [{path: "/json"}]}
  - {policyRef: {name: attack-protection}, config: {mode: block}, rules: [{path: "/guarded"}]}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: secure}
spec:
  address: https://` + secure + `/
  services: {up: {address: "` + service + `"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: secure-tls}
spec:
  targetRef: {name: secure}
  policyRef: {name: tls}
  config:
    certificate:
      crt: |
  ` + strings.ReplaceAll(indent(crt), "\n", "\n  ") + `
      key: |
  ` + strings.ReplaceAll(indent(key), "\n", "\n  ") + "\n"
}

func certificate(t *testing.T) (crt, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// goodTraffic sends good requests until the returned call.
func goodTraffic(t *testing.T, address string) func() (served, failed int64) {
	t.Helper()
	var good, bad atomic.Int64
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
			for {
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
				}
				resp, err := client.Get("http://" + address + "/fine")
				if err != nil || resp.StatusCode != http.StatusOK {
					bad.Add(1)
				} else {
					good.Add(1)
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}
		})
	}
	return func() (int64, int64) { close(done); clients.Wait(); return good.Load(), bad.Load() }
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// drip sends one byte a second and says after how long the gateway hung up.
func drip(t *testing.T, address, begin string, most time.Duration) time.Duration {
	t.Helper()
	c := dial(t, address)
	began := time.Now()
	_, _ = io.WriteString(c, begin)
	gone := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, c); close(gone) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Since(began) < most {
		select {
		case <-gone:
			return time.Since(began)
		case <-tick.C:
			_, _ = io.WriteString(c, "x")
		}
	}
	return most
}

func slowHeaders(t *testing.T, address string) {
	var clients sync.WaitGroup
	var longest atomic.Int64
	for range 200 {
		clients.Go(func() {
			lived := drip(t, address, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", 20*time.Second)
			longest.Store(max(longest.Load(), int64(lived)))
		})
	}
	clients.Wait()
	if lived := time.Duration(longest.Load()); lived >= 20*time.Second {
		t.Error("heads that drip are not ended")
	}
}

func slowBody(t *testing.T, address string) {
	var clients sync.WaitGroup
	var longest atomic.Int64
	for i := range 60 {
		path := []string{"json", "fine", "nowhere/%2f"}[i%3] // buffered, streamed to the service, refused at once
		clients.Go(func() {
			lived := drip(t, address, "POST /"+path+" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n[", 45*time.Second)
			longest.Store(max(longest.Load(), int64(lived)))
		})
	}
	clients.Wait()
	if lived := time.Duration(longest.Load()); lived >= 45*time.Second {
		t.Error("bodies that drip are not ended")
	} else {
		t.Logf("the longest dripping body lived %v", lived.Round(time.Second))
	}
}

// status sends raw bytes and reads the status of the answer.
func status(t *testing.T, address, raw string) int {
	t.Helper()
	c := dial(t, address)
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(c, raw) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func hugeHeaders(t *testing.T, address string) {
	for range 20 {
		got := status(t, address, "GET / HTTP/1.1\r\nHost: a\r\nX-Huge: "+strings.Repeat("h", 1<<20)+"\r\n\r\n")
		if got != http.StatusRequestHeaderFieldsTooLarge && got != 0 {
			t.Errorf("a header of 1 MB was answered with %d, want 431 or a closed connection", got)
		}
	}
}

func gzipBomb(t *testing.T, address string) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := bytes.Repeat([]byte(" "), 1<<20)
	for range 200 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	for range 20 {
		got := status(t, address, fmt.Sprintf("POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", bomb.Len(), bomb.String()))
		if got != http.StatusRequestEntityTooLarge {
			t.Errorf("200 MiB in %d bytes were answered with %d, want 413", bomb.Len(), got)
		}
	}
}

func deepJSON(t *testing.T, address string) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for range 20 {
		if got := status(t, address, fmt.Sprintf("POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(deep), deep)); got != http.StatusBadRequest {
			t.Errorf("JSON 10,000 deep was answered with %d, want 400", got)
		}
	}
}

func framingTricks(t *testing.T, address string) {
	tricks := map[string]string{
		"Content-Length and Transfer-Encoding": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two Content-Lengths":                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
		"Transfer-Encoding twice":              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"a look-alike name":                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
		"a folded line":                        "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
		"a space before the colon":             "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
		"bare line feeds":                      "GET / HTTP/1.1\nHost: a\n\n",
		"two hosts":                            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"a signed Content-Length":              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
		"Transfer-Encoding on GET":             "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"an encoded slash":                     "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
		"climbing above the root":              "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
	}
	for name, raw := range tricks {
		if got := status(t, address, raw); got != http.StatusBadRequest {
			t.Errorf("%s: answered with %d, want 400", name, got)
		}
	}
	t.Logf("played %d framing tricks", len(tricks))
}

// manyHeaders opens HTTP/2 streams with 40,000 headers each, which cost the
// sender a byte apiece.
func manyHeaders(t *testing.T, address string) {
	for range 5 {
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		refused := flood(c)
		_ = c.Close()
		if !refused {
			t.Error("40,000 headers were accepted")
		}
	}
}

// flood sends the headers and says whether the server refused them: with 431,
// a reset, or by closing the connection.
func flood(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "localhost"}} {
		_ = enc.WriteField(f)
	}
	for range 40_000 {
		_ = enc.WriteField(hpack.HeaderField{Name: "x", Value: ""})
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	framer := http2.NewFramer(c, c)
	_ = framer.WriteSettings()
	first, rest := block.Next(16000), block
	if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndStream: true, EndHeaders: rest.Len() == 0}) != nil {
		return true
	}
	for rest.Len() > 0 {
		if framer.WriteContinuation(1, rest.Len() <= 16000, rest.Next(16000)) != nil {
			return true
		}
	}
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return true
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status") == "431" || f.PseudoValue("status") == "400"
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return true
		}
	}
}
