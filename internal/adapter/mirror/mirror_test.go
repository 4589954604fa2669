package mirror

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"farrier.dev/farrier/internal/adapter"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/programtest"
)

// pupil keeps what it is shown.
type pupil struct {
	mu   sync.Mutex
	seen []*discovery.Observation
}

func (p *pupil) Observe(o *discovery.Observation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, o)
}

// wait waits for n observations.
func (p *pupil) wait(t *testing.T, n int) []*discovery.Observation {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		p.mu.Lock()
		seen := p.seen
		p.mu.Unlock()
		if len(seen) >= n {
			return seen
		}
	}
	t.Fatalf("%d observations did not come", n)
	return nil
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func start(t *testing.T, change func(*Options)) (*Server, *pupil) {
	t.Helper()
	p := &pupil{}
	o := Options{Address: "127.0.0.1:0", Learner: p, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	if change != nil {
		change(&o)
	}
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, p
}

// send sends a head as it stands here, and gives the status.
func send(t *testing.T, s *Server, head, body string) int {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if body != "" {
		head += "\nContent-Length: " + strconv.Itoa(len(body))
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	status, _ := strconv.Atoi(string(answer[9:]))
	return status
}

func line(o *discovery.Observation) string {
	return fmt.Sprintf("%s %s://%s%s?%s %d %t %s [%s]", o.Method, o.Scheme, o.Host, o.Path, o.Query, o.Status, o.Assumed, o.Caller.Address, o.Request.Body)
}

// TestCopies holds what is made of copies as the documentations of the proxies say
// that they look like.
func TestCopies(t *testing.T) {
	cases := []struct{ name, head, body, want string }{
		{
			"nginx", "POST /mirror HTTP/1.0\nHost: 127.0.0.1\nX-Original-URI: /orders?limit=5\nX-Original-Method: POST\nX-Original-Host: Shop.example.com:443\nX-Original-Scheme: https\nX-Forwarded-For: 198.51.100.1, 203.0.113.9\nContent-Type: application/json",
			`{"a":1}`, `POST https://shop.example.com/orders?limit=5 0 true 203.0.113.9 [{"a":1}]`,
		},
		{
			"envoy", "GET /orders/7?x=1 HTTP/1.1\nHost: shop.example.com-shadow\nX-Envoy-External-Address: 203.0.113.9\nX-Envoy-Expected-Rq-Timeout-Ms: 15000\nX-Forwarded-Proto: https\nX-Request-Id: a",
			"", "GET https://shop.example.com/orders/7?x=1 0 true 203.0.113.9 []",
		},
		{"envoy with a port", "GET / HTTP/1.1\nHost: shop.example.com-shadow:8080\nX-Envoy-Internal: true", "", "GET http://shop.example.com:8080/? 0 true invalid IP []"},
		{
			"envoy that rewrote", "GET /internal/7 HTTP/1.1\nHost: orders-shadow\nX-Envoy-Original-Path: /orders/7\nX-Envoy-Original-Host: shop.example.com\nX-Forwarded-For: 203.0.113.9", "",
			"GET http://shop.example.com/orders/7? 0 true 203.0.113.9 []",
		},
		{"traefik, haproxy", "PUT /orders/7 HTTP/1.1\nHost: shop.example.com\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nX-Forwarded-Host: other.example.com\nX-Real-Ip: 203.0.113.9", "", "PUT https://shop.example.com/orders/7? 0 true 203.0.113.9 []"},
		{"with a status", "GET /missing HTTP/1.1\nHost: shop.example.com\nX-Mirror-Status: 404", "", "GET http://shop.example.com/missing? 404 false invalid IP []"},
		{"with no status", "GET /missing HTTP/1.1\nHost: shop.example.com\nX-Mirror-Status: 1000", "", "GET http://shop.example.com/missing? 0 true invalid IP []"},
	}
	for _, c := range cases {
		s, p := start(t, nil)
		if status := send(t, s, c.head, c.body); status != http.StatusNoContent {
			t.Errorf("%s: status %d", c.name, status)
		}
		o := p.wait(t, 1)[0]
		if got := line(o); got != c.want || o.Source != discovery.FromMirror || !o.Sampled || !o.Time.Equal(now) {
			t.Errorf("%s:\n%s, not\n%s", c.name, got, c.want)
		}
		for f := range o.Request.Header.All() {
			if ofProxy(f.Name) {
				t.Errorf("%s: the header %s is not the client's", c.name, f.Name)
			}
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestPlainCopies holds that a client can't speak in the proxy's name where the copies are exact.
func TestPlainCopies(t *testing.T) {
	s, p := start(t, func(o *Options) { o.Plain, o.Answers = true, Unknown })
	send(t, s, "GET /a HTTP/1.1\nHost: a.example.com\nX-Original-URI: /b\nX-Original-Host: b\nX-Mirror-Status: 200\nX-Forwarded-For: 10.0.0.1", "")
	o := p.wait(t, 1)[0]
	if got := line(o); got != "GET http://a.example.com/a? 0 false invalid IP []" || !o.Request.Header.Has("x-original-uri") {
		t.Errorf("%s, %v", got, o.Request.Header)
	}
}

func TestRefusals(t *testing.T) {
	s, p := start(t, func(o *Options) { o.Token = "secret" })
	cases := []struct {
		head   string
		status int
	}{
		{"GET /a HTTP/1.1\nHost: x", 401},
		{"GET /a HTTP/1.1\nHost: x\nX-Mirror-Token: Secret", 401},
		{"GET /a HTTP/1.1\nHost: x\nAuthorization: Bearer secret", 401}, // it is the client's
		{"POST /farrier/observations HTTP/1.1\nHost: x", 401},
		{"POST /farrier/observations HTTP/1.1\nHost: x\nAuthorization: Bearer wrong", 401},
		{"GET /%2e%2e/%2e%2e/a HTTP/1.1\nHost: x\nX-Mirror-Token: secret", 204},
		{"GET /a%2fb HTTP/1.1\nHost: x\nX-Mirror-Token: secret", 204},
		{"GET /a HTTP/1.1\nHost: x\nX-Mirror-Token: secret\nX-Original-URI: nothing", 204},
	}
	for _, c := range cases {
		if status := send(t, s, c.head, ""); status != c.status {
			t.Errorf("%q: status %d", c.head, status)
		}
	}
	if st := s.Stats(); st.Unauthorised != 5 || st.Unreadable != 3 || st.Taken != 0 || len(p.seen) != 0 {
		t.Errorf("%+v", st)
	}
	if send(t, s, "GET /farrier/observations HTTP/1.1\nHost: x\nX-Mirror-Token: secret", ""); p.wait(t, 1)[0].Request.Header.Has("x-mirror-token") {
		t.Error("the token is learned from")
	}
	without, q := start(t, nil)
	if status := send(t, without, "POST /farrier/observations HTTP/1.1\nHost: x", "{}"); status != 204 || q.wait(t, 1)[0].Path != PushPath {
		t.Errorf("status %d: without a token it is an ordinary copy", status)
	}
	if _, err := Start(t.Context(), Options{Address: "127.0.0.1:0", Answers: "maybe"}); err == nil || !strings.Contains(err.Error(), "assumed or unknown") {
		t.Error(err)
	}
	t.Logf("%d cases", len(cases))
}

// TestLongBodies holds that of a body only the first part is kept.
func TestLongBodies(t *testing.T) {
	s, p := start(t, nil)
	for i, n := range []int{discovery.MaxBody - 1, discovery.MaxBody, discovery.MaxBody + 1, 4 << 20} {
		resp, err := http.Post("http://"+s.Addr().String()+"/a", "text/plain", strings.NewReader(strings.Repeat("x", n)))
		if err == nil {
			_ = resp.Body.Close() // the connection may be closed while the rest is being sent
		}
		o := p.wait(t, i+1)[i]
		if len(o.Request.Body) != min(n, discovery.MaxBody) || o.Request.Partial != (n > discovery.MaxBody) {
			t.Errorf("%d bytes: %d kept, partial %t", n, len(o.Request.Body), o.Request.Partial)
		}
	}
}

func push(t *testing.T, s *Server, media, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr().String()+PushPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

func TestPush(t *testing.T) {
	entry := `{"time":"2026-03-04T05:00:00Z","method":"post","url":"https://shop.example.com/orders?a=b","status":201,"client":"203.0.113.9:4711","clientId":"app","requestHeaders":{"Content-Type":"application/json","X-Two":["1","2"]},"requestBody":"{}","responseBodyBase64":"eyJpZCI6MX0="}`
	har := `{"log":{"version":"1.2","entries":[{"startedDateTime":"2026-03-04T05:00:00Z","request":{"method":"GET","url":"https://shop.example.com/a","httpVersion":"HTTP/1.1","headers":[]},"response":{"status":200,"headers":[],"content":{"mimeType":"text/plain","text":"x"}}}]}}`
	short := `{"method":"GET","url":"http://a/b"}`
	cases := []struct {
		name, media, body string
		status            int
		want              string
		first             string
	}{
		{"one", "application/json", entry, 200, `{"taken":1,"refused":0,"dropped":0}`, "POST https://shop.example.com/orders?a=b 201 false 203.0.113.9 [{}]"},
		{"on several lines", "application/json", "{\n\"method\":\"GET\",\n\"url\":\"http://a/b\"}", 200, `{"taken":1,"refused":0,"dropped":0}`, "GET http://a/b? 0 true invalid IP []"},
		{"a list", "application/json", "[" + short + ",\n" + entry + "]", 200, `{"taken":2,"refused":0,"dropped":0}`, "GET http://a/b? 0 true invalid IP []"},
		{"lines", "application/x-ndjson", short + "\n\n" + entry + "\n", 200, `{"taken":2,"refused":0,"dropped":0}`, "GET http://a/b? 0 true invalid IP []"},
		{"an archive", "application/json", har, 200, `{"taken":1,"refused":0,"dropped":0}`, "GET https://shop.example.com/a? 200 false invalid IP []"},
		{"one of two", "application/x-ndjson", short + "\n{\"method\":\"GET\"}", 200, `{"taken":1,"refused":1,"dropped":0,"problems":["line 2: url must be a whole address, as https://api.example.com/orders?limit=5"]}`, "GET http://a/b? 0 true invalid IP []"},
		{"nothing", "application/json", "", 200, `{"taken":0,"refused":0,"dropped":0}`, ""},
		{"unknown field", "application/json", `{"method":"GET","url":"http://a/b","uri":"x"}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: json: unknown field \"uri\""]}`, ""},
		{"status", "application/json", `{"method":"GET","url":"http://a/b","status":42}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: status must be 100 to 599, or 0"]}`, ""},
		{"type", "application/json", `{"method":"GET","url":"http://a/b","status":"secret"}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: status must be no string"]}`, ""},
		{"time", "application/json", `{"method":"GET","url":"http://a/b","time":"secret"}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: time must be as 2026-03-04T05:06:07Z"]}`, ""},
		{"headers", "application/json", `{"method":"GET","url":"http://a/b","requestHeaders":{"a":1}}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: a header must be a text or a list of texts"]}`, ""},
		{"no JSON", "application/x-ndjson", "secret", 400, `{"taken":0,"refused":1,"dropped":0,"problems":["line 1: it is no JSON at byte 1"]}`, ""},
		{"cut off", "application/x-ndjson", short[:20], 400, `{"taken":0,"refused":1,"dropped":0,"problems":["line 1: it is cut off"]}`, ""},
		{"path", "application/json", `{"method":"GET","url":"http://a/b%2fc"}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: ambiguous path: encoded \"/\""]}`, ""},
		{"too long", "application/json", strings.Repeat(" ", maxPush+1), 413, `{"taken":0,"refused":0,"dropped":0,"problems":["a push may have 16 MiB; send several"]}`, ""},
		{"long entry", "application/json", `{"method":"GET","url":"http://a/b","requestBody":"` + strings.Repeat("x", maxEntry) + `"}`, 400, `{"taken":0,"refused":1,"dropped":0,"problems":["entry 1: it has more than 1 MiB"]}`, ""},
	}
	for _, c := range cases {
		s, p := start(t, func(o *Options) { o.Token = "secret" })
		status, text := push(t, s, c.media, c.body)
		if status != c.status || text != c.want {
			t.Errorf("%s: %d\n%s, not\n%s", c.name, status, text, c.want)
			continue
		}
		if c.first == "" {
			continue
		}
		o := p.wait(t, 1)[0]
		if got := line(o); got != c.first || o.Source != discovery.FromMirror {
			t.Errorf("%s: %s", c.name, got)
		}
		if c.name == "one" && (o.Request.Header.Joined("x-two") != "1, 2" || string(o.Response.Body) != `{"id":1}` || o.Caller.ClientID != "app" || o.Time.Hour() != 5) {
			t.Errorf("%+v", o)
		}
	}
	t.Logf("%d cases", len(cases))
}

// TestNginx has a real nginx mirror requests, as the comment of the package says.
func TestNginx(t *testing.T) {
	nginx := programtest.Program(t, "nginx")
	s, p := start(t, func(o *Options) { o.Token = "secret" })
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer service.Close()
	dir := t.TempDir()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(socket.Addr().(*net.TCPAddr).Port)
	_ = socket.Close()
	config := strings.NewReplacer("DIR", dir, "PORT", port, "SERVICE", strings.TrimPrefix(service.URL, "http://"), "MIRROR", s.Addr().String()).Replace(`
daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  server {
    listen 127.0.0.1:PORT;
    location / { mirror /mirror; proxy_pass http://SERVICE; }
    location = /mirror {
      internal;
      proxy_pass http://MIRROR$request_uri;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-Host $host:$server_port;
      proxy_set_header X-Original-Scheme $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Mirror-Token "secret";
    }
  }
}`)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), nginx, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	post := func(path string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+path, strings.NewReader(`{"item":"shoe"}`))
		if err != nil {
			return "", err
		}
		r.Host = "shop.example.com"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer of-the-client")
		r.Header.Set("X-Forwarded-For", "10.9.9.9") // a client may claim what it likes
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return string(text), err
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("nginx does not listen: %s", text)
		}
	}
	for _, path := range []string{"/shop/orders/17?notify=yes", "/shop//orders/./18"} {
		if text, err := post(path); err != nil || text != `{"item":"shoe"}` {
			t.Fatalf("%q, %v", text, err)
		}
	}
	for i, want := range []string{"/shop/orders/17?notify=yes", "/shop/orders/18?"} {
		o := p.wait(t, i+1)[i]
		if got := line(o); got != "POST http://shop.example.com:"+port+want+` 0 true 127.0.0.1 [{"item":"shoe"}]` {
			t.Error(got)
		}
		if h := o.Request.Header; h.Get("authorization") != "Bearer of-the-client" || h.Get("content-type") != "application/json" || h.Has("x-original-uri") {
			t.Errorf("%+v", h)
		}
	}
}

// FuzzPush holds that nothing that is pushed panics, and that every entry is accounted for.
func FuzzPush(f *testing.F) {
	for _, seed := range []string{
		`{"method":"GET","url":"http://a/b"}`, "[]", `[{"method":"GET","url":"http://a/b"},1]`, `{"log":{"entries":[{}]}}`, `{"log":{}}`, "{}\n{}", "[", "\n\n", `{"log":null}`,
		`{"method":"GET","url":"http://a/b","requestHeaders":{"a":["b"]},"responseBodyBase64":"AA=="}`,
	} {
		f.Add([]byte(seed))
	}
	p := &pupil{}
	s := &Server{o: Options{Answers: Assumed, Now: func() time.Time { return now }}, inbox: adapter.NewInbox(adapter.InboxOptions{Learner: p, Log: slog.New(slog.DiscardHandler)})}
	f.Fuzz(func(t *testing.T, body []byte) {
		var done receipt
		s.takeAll(body, &done)
		if len(done.Problems) > maxProblems || len(done.Problems) > done.Refused {
			t.Errorf("%+v", done)
		}
	})
}
