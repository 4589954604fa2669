package framing

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// scripted is a client that has sent pieces and then closed.
type scripted struct {
	net.Conn
	pieces [][]byte
}

func (s *scripted) Read(p []byte) (int, error) {
	for len(s.pieces) > 0 && len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	s.pieces[0] = s.pieces[0][n:]
	return n, nil
}

func (s *scripted) SetReadDeadline(time.Time) error { return nil }

func testSettings(tb testing.TB) *settings {
	tb.Helper()
	l, err := Limits{}.withDefaults()
	if err != nil {
		tb.Fatal(err)
	}
	return newSettings(l, time.Now)
}

func (c conversation) conn(tb testing.TB, pieces ...[]byte) *Conn {
	tb.Helper()
	return newConn(&scripted{pieces: pieces}, testSettings(tb), &Info{})
}

// outcome tells what a handler above net/http's own reader sees.
func outcome(c *Conn) []string {
	var out []string
	br := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(br)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				out = append(out, "net/http: "+err.Error())
			}
			return out
		}
		c.begin()
		if r := c.current.Refusal; r != nil {
			if req.Method != "GET" || req.RequestURI != "/" || !req.Close || req.ContentLength != 0 {
				return append(out, "a synthetic request that is not harmless")
			}
			return append(out, fmt.Sprintf("refuse %d %s", r.Status, r.Reason))
		}
		body, err := io.ReadAll(req.Body)
		line := "pass " + req.Method + " " + req.RequestURI
		if len(body) > 0 && err == nil {
			line += " " + strconv.Quote(string(body))
		}
		out = append(out, line)
		var read *Refusal
		r := c.current.BodyRefusal()
		switch {
		case errors.As(err, &read) && read != r, r != nil && err == nil:
			return append(out, "the facts and the body disagree")
		case r != nil:
			return append(out, fmt.Sprintf("broken %d %s", r.Status, r.Reason))
		case err != nil:
			return append(out, "broken "+err.Error())
		}
		c.finish()
	}
}

type conversation struct {
	name string
	send []byte
	want []string
}

func conversations(tb testing.TB) []conversation {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		tb.Fatal(err)
	}
	var all []conversation
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		for i := 0; i < len(a.Files); i += 2 {
			if i+1 == len(a.Files) || a.Files[i+1].Name != "want" || a.Files[i].Name == "want" {
				tb.Fatalf("%s: %q has no want section behind it", name, a.Files[i].Name)
			}
			c := conversation{name: filepath.Base(name) + ": " + a.Files[i].Name, send: unescape(tb, string(a.Files[i].Data))}
			for l := range strings.Lines(string(a.Files[i+1].Data)) {
				c.want = append(c.want, strings.TrimSuffix(l, "\n"))
			}
			all = append(all, c)
		}
	}
	tb.Logf("%d conversations in %d files", len(all), len(files))
	if len(all) < 120 {
		tb.Fatalf("only %d conversations were found", len(all))
	}
	return all
}

func unescape(tb testing.TB, s string) []byte {
	tb.Helper()
	var out []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\n':
			out = append(out, "\r\n"...)
		case s[i] != '\\':
			out = append(out, s[i])
		default:
			i++
			switch s[i] {
			case '\n':
			case 'r':
				out = append(out, '\r')
			case 'n':
				out = append(out, '\n')
			case 't':
				out = append(out, '\t')
			case '0':
				out = append(out, 0)
			case 'x':
				b, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
				if err != nil {
					tb.Fatal(err)
				}
				out = append(out, byte(b))
				i += 2
			default:
				tb.Fatalf("unknown escape \\%c", s[i])
			}
		}
	}
	return out
}

func TestConversations(t *testing.T) {
	reasons := map[string]bool{}
	for _, c := range conversations(t) {
		t.Run(c.name, func(t *testing.T) {
			got := outcome(c.conn(t, bytes.Clone(c.send)))
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("sent %q\ngot:\n%s\nwant:\n%s", c.send, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
		for _, w := range c.want {
			if !strings.HasPrefix(w, "pass") {
				reasons[w] = true
			}
		}
	}
	t.Logf("%d different reasons", len(reasons))
}

// TestSplits: how the bytes arrive changes nothing.
func TestSplits(t *testing.T) {
	n := 0
	for _, c := range conversations(t) {
		want := strings.Join(c.want, "\n")
		check := func(how string, pieces ...[]byte) {
			n++
			if got := strings.Join(outcome(c.conn(t, pieces...)), "\n"); got != want {
				t.Errorf("%s, %s:\ngot:\n%s\nwant:\n%s", c.name, how, got, want)
			}
		}
		for i := 1; i < len(c.send); i++ {
			check(fmt.Sprintf("split at %d", i), bytes.Clone(c.send[:i]), bytes.Clone(c.send[i:]))
		}
		var single [][]byte
		for _, b := range c.send {
			single = append(single, []byte{b})
		}
		check("byte by byte", single...)
	}
	t.Logf("%d ways of arriving", n)
	if n < 5000 {
		t.Fatal("too few")
	}
}

// TestLongLimits: the limits of length hold wherever the stream is split.
func TestLongLimits(t *testing.T) {
	const head = "GET / HTTP/1.1\r\nHost: a\r\n"
	chunked := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	line := func(n int) string {
		return "GET /" + strings.Repeat("a", n-len("GET / HTTP/1.1\r\n")) + " HTTP/1.1\r\n"
	}
	lines := func(n int) string { return strings.Repeat("X: 1\r\n", n) }
	pad := func(n int) string {
		return head + "X: " + strings.Repeat("a", n-len(head)-len("X: \r\n\r\n")) + "\r\n\r\n"
	}
	for _, tt := range []struct{ name, send, want string }{
		{"request line at the limit", line(8192) + "Host: a\r\n\r\n", "pass"},
		{"request line above the limit", line(8193) + "Host: a\r\n\r\n", "refuse 414 the request line is too long"},
		{"request line without end", strings.Repeat("A", 1<<20), "refuse 414 the request line is too long"},
		{"head at the limit", pad(16384), "pass"},
		{"head above the limit", pad(16385), "refuse 431 the request head is too long"},
		{"a header of 1 MB", pad(1 << 20), "refuse 431 the request head is too long"},
		{"100 header lines", head + lines(99) + "\r\n", "pass"},
		{"101 header lines", head + lines(100) + "\r\n", "refuse 431 too many header lines"},
		{"40000 header lines", head + lines(40_000) + "\r\n", "refuse 431 too many header lines"},
		{"extensions at the limit", chunked + "1;" + strings.Repeat("a", 1023) + "\r\nx\r\n0\r\n\r\n", "pass"},
		{"extensions above the limit", chunked + "1;" + strings.Repeat("a", 1024) + "\r\nx\r\n0\r\n\r\n", "broken 400 the chunk extensions are too long"},
		{"extensions in many chunks", chunked + strings.Repeat("1;a\r\nx\r\n", 600) + "0\r\n\r\n", "broken 400 the chunk extensions are too long"},
		{"trailers above the limit", chunked + "0\r\nX: " + strings.Repeat("a", 2048) + "\r\n\r\n", "broken 400 the trailer section is too long"},
		{"17 trailers", chunked + "0\r\n" + lines(17) + "\r\n", "broken 400 too many trailer lines"},
		{"16 trailers", chunked + "0\r\n" + lines(16) + "\r\n", "pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1 << 21, 4096, 4095, 1000, 7} {
				var pieces [][]byte
				for s := []byte(tt.send); len(s) > 0; {
					n := min(size, len(s))
					pieces = append(pieces, bytes.Clone(s[:n]))
					s = s[n:]
				}
				got := outcome(conversation{}.conn(t, pieces...))
				if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], tt.want) {
					t.Fatalf("pieces of %d: got %.200q, want %q", size, got, tt.want)
				}
			}
		})
	}
}

// messages reads everything that the connection lets through, one entry per
// request head, and the facts of each.
func messages(c *Conn, size int) (all [][]byte, facts []Facts) {
	p := make([]byte, size)
	for {
		n, err := c.Read(p)
		if n > 0 {
			if int(c.parsed) > len(all) {
				c.begin()
				f := c.current
				all = append(all, nil)
				facts = append(facts, Facts{
					Refusal: f.Refusal, ContentLength: f.ContentLength, Chunked: f.Chunked,
					HeaderCount: f.HeaderCount, HeadBytes: f.HeadBytes, Upgrade: f.Upgrade,
				})
				if f.Refusal != nil {
					return all, facts
				}
				c.finish()
			}
			all[len(all)-1] = append(all[len(all)-1], p[:n]...)
		}
		if err != nil {
			return all, facts
		}
	}
}

// agree checks a stream against net/http: what passes is a prefix of what was
// sent, and net/http finds the same messages, ends and framing in it.
func agree(t interface{ Fatalf(string, ...any) }, c *Conn, sent []byte, size int) (passed int) {
	all, facts := messages(c, size)
	rest := sent
	for i, m := range all {
		f := &facts[i]
		if f.Refusal != nil {
			return passed
		}
		if !bytes.HasPrefix(rest, m) {
			t.Fatalf("request %d was changed: sent %q, passed %q", i, rest, m)
		}
		rest = rest[len(m):]
		last := i == len(all)-1
		br := bufio.NewReader(bytes.NewReader(m))
		req, err := http.ReadRequest(br)
		if err != nil {
			// net/http's own refusal ends the connection; nothing may follow that
			// another reader could take for a request of its own.
			return passed
		}
		passed++
		headers := len(req.Header["Host"])
		if req.Host != "" {
			headers = 1
		}
		for _, vs := range req.Header {
			headers += len(vs)
		}
		if req.TransferEncoding != nil {
			headers++ // net/http takes it out of the headers, as it does Trailer
		}
		if headers != f.HeaderCount && req.Trailer == nil {
			t.Fatalf("request %d: %d headers for net/http, %d for us: %q", i, headers, f.HeaderCount, m)
		}
		chunked := len(req.TransferEncoding) == 1 && req.TransferEncoding[0] == "chunked"
		if chunked != f.Chunked || !chunked && req.ContentLength != max(f.ContentLength, 0) {
			t.Fatalf("request %d: net/http frames by %v/%d, we by %v/%d: %q", i,
				chunked, req.ContentLength, f.Chunked, f.ContentLength, m)
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			if !last {
				t.Fatalf("request %d: net/http says %v and yet a request follows: %q", i, err, m)
			}
			return passed
		}
		if left, _ := io.ReadAll(br); len(left) > 0 {
			t.Fatalf("request %d: net/http sees its end %d bytes earlier: %q", i, len(left), m)
		}
	}
	return passed
}

func TestAgreesWithNetHTTP(t *testing.T) {
	passed := 0
	for _, c := range conversations(t) {
		for _, size := range []int{1, 5, 4096} {
			passed += agree(t, c.conn(t, bytes.Clone(c.send)), c.send, size)
		}
	}
	t.Logf("%d requests compared", passed)
	if passed < 60 {
		t.Fatal("too few")
	}
}

// TestMutatedStreams glues, cuts and alters conversations; net/http and this
// package must still agree on whatever passes, however it arrives.
func TestMutatedStreams(t *testing.T) {
	if err := flag.Set("rapid.checks", "3000"); err != nil {
		t.Fatal(err)
	}
	seeds := conversations(t)
	passed, played := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		played++
		var sent []byte
		for range rapid.IntRange(1, 3).Draw(rt, "requests") {
			sent = append(sent, seeds[rapid.IntRange(0, len(seeds)-1).Draw(rt, "seed")].send...)
		}
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			at := rapid.IntRange(0, len(sent)-1).Draw(rt, "at")
			switch rapid.IntRange(0, 2).Draw(rt, "change") {
			case 0:
				sent[at] = rapid.SampledFrom([]byte("\r\n\t\x00 :;,0aGT/_-")).Draw(rt, "byte")
			case 1:
				sent = append(sent[:at], sent[at+1:]...)
			default:
				sent = bytes.Join([][]byte{sent[:at], []byte(rapid.SampledFrom([]string{
					"\r\n", "\n", " ", "0\r\n\r\n", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "\r\n\r\n",
				}).Draw(rt, "insert")), sent[at:]}, nil)
			}
			if len(sent) == 0 {
				return
			}
		}
		passed += checkStream(rt, t, sent, rapid.IntRange(1, 64).Draw(rt, "piece"), rapid.IntRange(1, 64).Draw(rt, "size"))
	})
	t.Logf("%d streams, %d requests passed", played, passed)
	if passed < 500 {
		t.Fatal("too few requests passed to mean anything")
	}
}

// checkStream compares with net/http, and the stream whole with the stream in
// pieces.
func checkStream(t interface{ Fatalf(string, ...any) }, tb testing.TB, sent []byte, piece, size int) int {
	var pieces [][]byte
	for s := sent; len(s) > 0; {
		n := min(piece, len(s))
		pieces = append(pieces, bytes.Clone(s[:n]))
		s = s[n:]
	}
	whole := outcome(conversation{}.conn(tb, bytes.Clone(sent)))
	split := outcome(conversation{}.conn(tb, pieces...))
	if strings.Join(whole, "\n") != strings.Join(split, "\n") {
		t.Fatalf("sent %q\nwhole: %q\nsplit: %q", sent, whole, split)
	}
	return agree(t, conversation{}.conn(tb, bytes.Clone(sent)), sent, size)
}

func FuzzConn(f *testing.F) {
	for _, c := range conversations(f) {
		f.Add(c.send, uint8(5), uint8(3))
	}
	f.Fuzz(func(t *testing.T, sent []byte, piece, size uint8) {
		checkStream(t, t, sent, int(piece)+1, int(size)+1)
	})
}

// endless is a client that sends the same request again and again.
type endless struct {
	net.Conn
	request []byte
}

func (e *endless) Read(p []byte) (int, error)      { return copy(p, e.request), nil }
func (e *endless) SetReadDeadline(time.Time) error { return nil }

const tenHeaders = "POST /api/v1/customers/4711/orders?limit=50&sort=desc HTTP/1.1\r\n" +
	"Host: orders.example.com\r\nUser-Agent: AHC/1.0\r\nAccept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n" +
	"Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl\r\n" +
	"client_id: 8a1b2c3d4e5f60718293a4b5c6d7e8f9\r\nX-Correlation-ID: 0f8fad5b-d9cb-469f-a165-70867728950e\r\n" +
	"Content-Length: 16\r\n\r\n{\"id\":4711,\"n\":1}"

func one(tb testing.TB, c *Conn, p []byte) {
	for {
		n, err := c.Read(p)
		if err != nil {
			tb.Fatal(err)
		}
		if n > 0 && c.phase == inHead && c.r == c.v {
			break
		}
	}
	c.begin()
	if c.current.Refusal != nil {
		tb.Fatal(c.current.Refusal)
	}
	c.finish()
}

func TestGoodRequestsAllocateNothing(t *testing.T) {
	request := []byte(strings.Replace(tenHeaders, "Content-Length: 16", "Content-Length: 17", 1))
	for _, r := range [][]byte{
		request,
		[]byte("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, TE\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
		[]byte("GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 3000) + "\r\n\r\n"),
	} {
		c := newConn(&endless{request: r}, testSettings(t), &Info{})
		p := make([]byte, 4096)
		if n := testing.AllocsPerRun(1000, func() { one(t, c, p) }); n != 0 {
			t.Errorf("%.40q: %v allocations per request", r, n)
		}
	}
}

func BenchmarkTenHeaders(b *testing.B) {
	request := []byte(strings.Replace(tenHeaders, "Content-Length: 16", "Content-Length: 17", 1))
	c := newConn(&endless{request: request}, testSettings(b), &Info{})
	p := make([]byte, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(request)))
	for b.Loop() {
		one(b, c, p)
	}
}
