package app_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// secure is an API over TLS in front of a service, HTTP/1.1 or cleartext HTTP/2.
func secure(scheme, client string) string {
	return fmt.Sprintf(`
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: secure}
spec:
  address: https://0.0.0.0:8443/api
  services:
    echo: {address: "%s://127.0.0.1:9001"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: https}
spec:
  targetRef: {name: secure}
  policyRef: {name: tls}
  config: {certificate: {crt: $EXAMPLE_TLS_CRT, key: $EXAMPLE_TLS_KEY}, trustedCA: $EXAMPLE_CA, requireClientCertificate: %s}
`, scheme, client)
}

func newClient(t testing.TB, http2 bool, certificates ...tls.Certificate) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pki.pool, ServerName: "localhost", Certificates: certificates},
		Protocols:       new(http.Protocols), DisableCompression: true,
	}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// TestTLS holds that HTTP/1.1 and HTTP/2 are served on one port, with and
// without client certificates.
func TestTLS(t *testing.T) {
	for _, mutual := range []bool{false, true} {
		run := serve(t, startServices(t, nil), one(secure("http", fmt.Sprint(mutual))))
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("mutual=%t http2=%t", mutual, http2), func(t *testing.T) {
				resp, err := newClient(t, http2, pki.client).Get("https://" + run.at("8443") + "/api/orders")
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if (resp.ProtoMajor == 2) != http2 || resp.StatusCode != 200 || string(body) != "9001 GET /orders" {
					t.Errorf("%s %d %s", resp.Proto, resp.StatusCode, body)
				}
				if resp.Header.Get("X-Correlation-Id") == "" {
					t.Error("no correlation id")
				}
				if seen := run.services.take(); seen.header.Get("X-Forwarded-Proto") != "https" {
					t.Errorf("the service reads %v", seen.header)
				}
				resp, err = newClient(t, http2).Get("https://" + run.at("8443") + "/api/orders")
				if err == nil {
					_ = resp.Body.Close()
				}
				if (err != nil) != mutual {
					t.Errorf("without a certificate: %v", err)
				}
			})
		}
	}
}

// TestGRPC sends messages over a stream both ways: the second goes out when the
// first has come back, and the status comes in trailers.
func TestGRPC(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		w.WriteHeader(http.StatusOK)
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		for {
			message, err := readMessage(r.Body)
			if err != nil {
				break
			}
			_, _ = w.Write(message)
			_ = flush.Flush()
		}
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set("Grpc-Message", "well done")
	})
	run := serve(t, startServices(t, echo), one(secure("h2", "false")))
	content, send := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "https://"+run.at("8443")+"/api/farrier.Orders/Watch", content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := newClient(t, true).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/grpc" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	for i := range 20 {
		message := frameMessage(fmt.Sprintf("message %d", i))
		if _, err := send.Write(message); err != nil {
			t.Fatal(err)
		}
		got, err := readMessage(resp.Body)
		if err != nil || string(got) != string(message) {
			t.Fatalf("message %d came back as %q, %v", i, got, err)
		}
	}
	_ = send.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v behind the last message", rest, err)
	}
	if resp.Trailer.Get("Grpc-Status") != "0" || resp.Trailer.Get("Grpc-Message") != "well done" {
		t.Errorf("trailers %v", resp.Trailer)
	}
}

func frameMessage(text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...)
}

func readMessage(from io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(from, body)
	return append(head, body...), err
}

const open = `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: open}
spec:
  address: http://0.0.0.0:8081
  services:
    echo: {address: "http://127.0.0.1:9001"}
  policies:
  - policyRef: {name: header-injection-flex}
    config: {outboundHeaders: [{key: x-seen, value: "yes"}]}
`

// TestWebSocket echoes frames; the first one comes together with the handshake.
func TestWebSocket(t *testing.T) {
	accept := func(key string) string {
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		return base64.StdEncoding.EncodeToString(sum[:])
	}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, both, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(both, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			accept(r.Header.Get("Sec-WebSocket-Key")))
		for both.Flush() == nil {
			text, err := readFrame(both)
			if err != nil {
				return
			}
			_, _ = both.Write(append([]byte{0x81, byte(len(text))}, text...))
		}
	})
	run := serve(t, startServices(t, echo), one(open))
	conn, err := dial(run.at("8081"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	handshake := "GET /live HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"
	if _, err := conn.Write(append([]byte(handshake), maskedFrame("frame 0")...)); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != accept(key) || resp.Header.Get("X-Correlation-Id") == "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	for i := range 20 {
		want := fmt.Sprintf("frame %d", i)
		if got, err := readFrame(from); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		if _, err := conn.Write(maskedFrame(fmt.Sprintf("frame %d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
}

func maskedFrame(text string) []byte {
	frame := []byte{0x81, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for i := range len(text) {
		frame = append(frame, text[i]^frame[2+i%4])
	}
	return frame
}

func readFrame(from io.Reader) ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(from, mask[:]); err != nil {
			return nil, err
		}
	}
	text := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(from, text); err != nil {
		return nil, err
	}
	for i := range text {
		text[i] ^= mask[i%4]
	}
	return text, nil
}

// TestServerSentEvents holds that each event reaches the client before the
// service makes the next one.
func TestServerSentEvents(t *testing.T) {
	read := make(chan struct{})
	const events = 20
	stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range events {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-read:
			case <-r.Context().Done():
				return
			}
		}
	})
	run := serve(t, startServices(t, stream), one(open))
	resp, err := newClient(t, false).Get("http://" + run.at("8081") + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("X-Seen") != "yes" {
		t.Errorf("the response policy did not run: %v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	count := 0
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		if want := fmt.Sprintf("data: %d", count); lines.Text() != want {
			t.Fatalf("%q, want %q", lines.Text(), want)
		}
		count++
		select {
		case read <- struct{}{}:
		case <-time.After(patience):
			t.Fatal("the service waits no more")
		}
	}
	if count != events || lines.Err() != nil {
		t.Errorf("%d events, %v", count, lines.Err())
	}
}

// large is what goes through in one piece; half of it is waited for.
const large = 20 << 20

// flood reads large bytes without holding them; halfway it calls half.
type flood struct {
	done int
	half func() error
}

func (f *flood) Read(p []byte) (int, error) {
	if f.done == large {
		return 0, io.EOF
	}
	if f.done == large/2 && f.half != nil {
		if err := f.half(); err != nil {
			return 0, err
		}
	}
	end := large
	if f.done < large/2 {
		end = large / 2
	}
	n := min(len(p), end-f.done)
	for i := range p[:n] {
		p[i] = byte((f.done + i) % 251)
	}
	f.done += n
	return n, nil
}

func wait(reached <-chan struct{}) func() error {
	return func() error {
		select {
		case <-reached:
			return nil
		case <-time.After(patience):
			return errors.New("the first half did not arrive while the second was held back")
		}
	}
}

// watched calls half when half of a flood has been read.
func watched(from io.Reader, half func()) (sum uint32, n int, err error) {
	hash := crc32.NewIEEE()
	buf := make([]byte, 16<<10)
	for {
		m, err := from.Read(buf)
		_, _ = hash.Write(buf[:m])
		if n < large/2 && n+m >= large/2 {
			half()
		}
		n += m
		if errors.Is(err, io.EOF) {
			return hash.Sum32(), n, nil
		}
		if err != nil {
			return 0, n, err
		}
	}
}

// TestLargeBodies sends 20 MiB up and 20 MiB down: the second half leaves when
// the first has arrived, and the memory allocated on the way, by client and
// service too, is a fraction of what went through.
func TestLargeBodies(t *testing.T) {
	upHalf, downHalf := make(chan struct{}), make(chan struct{})
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.CopyBuffer(struct{ io.Writer }{w}, &flood{half: wait(downHalf)}, make([]byte, 16<<10))
			return
		}
		sum, n, err := watched(r.Body, func() { close(upHalf) })
		_, _ = fmt.Fprint(w, sum, n, err)
	})
	run := serve(t, startServices(t, service), one(open))
	want, _, _ := watched(&flood{}, func() {})
	client := newClient(t, false)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	req, err := http.NewRequest(http.MethodPost, "http://"+run.at("8081")+"/up", &flood{half: wait(upHalf)})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = large
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if got := string(text); got != fmt.Sprint(want, large, error(nil)) {
		t.Errorf("the service read %s", got)
	}

	resp, err = client.Get("http://" + run.at("8081") + "/down")
	if err != nil {
		t.Fatal(err)
	}
	sum, n, err := watched(resp.Body, func() { close(downHalf) })
	_ = resp.Body.Close()
	if sum != want || n != large || err != nil {
		t.Errorf("the client read %d bytes, %v, the sum right: %t", n, err, sum == want)
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes were allocated for %d", allocated, 2*large)
	if allocated > large/2 {
		t.Error("that is too much for streaming")
	}
}

// TestConfiguration holds that timeouts, PROXY protocol and probe do what the
// manifests say.
func TestConfiguration(t *testing.T) {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For"))
	})
	configuration := func(section string) string {
		name, _, _ := strings.Cut(strings.ToLower(section), ":")
		return "\n---\napiVersion: gateway.mulesoft.com/v1alpha1\nkind: Configuration\nmetadata: {name: " + name + "}\nspec: {" + section + "}\n"
	}
	run := serve(t, startServices(t, slow), one(open+configuration("timeouts: {upstreamResponseSeconds: 1}")+
		configuration("proxyProtocol: {enabled: true}")+configuration("probe: {enabled: true, port: 3000}")))
	resp, err := newClient(t, false).Get("http://" + run.at("3000") + "/probes/readiness")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the probe answers %d", resp.StatusCode)
	}
	header := "PROXY TCP4 203.0.113.9 192.0.2.1 4000 8081\r\n"
	conn, err := dial(run.at("8081"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := exchange(conn, append([]byte(header), rawRequest(t, "GET /who HTTP/1.1")...)); got.err != nil || got.body != "203.0.113.9" {
		t.Errorf("the client of the PROXY header is %q, %v", got.body, got.err)
	}
	if got := exchange(conn, rawRequest(t, "GET /slow HTTP/1.1")); got.status != http.StatusGatewayTimeout {
		t.Errorf("status %d (%v) of a service that does not answer", got.status, got.err)
	}
}
