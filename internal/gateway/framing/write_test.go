package framing

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestUnreadAnswersEnd holds that a client which reads no answers is left, be
// they one large or many small ones, and one that reads is not.
func TestUnreadAnswersEnd(t *testing.T) {
	h := &recorder{next: func(w http.ResponseWriter, r *http.Request) {
		size := 1 << 10
		if r.URL.Path == "/large" {
			size = 64 << 20
		}
		_, _ = w.Write(make([]byte, size))
	}}
	s := newTestServer(t, h, Limits{WriteTimeout: 100 * time.Millisecond})
	addr := listen(t, s, ListenOptions{})
	for _, target := range []string{"/large", "/small"} {
		before := s.Stats().Accepted
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		request := "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"
		many := strings.Repeat(request, 1000)
		go func() {
			for {
				if _, err := io.WriteString(conn, many); err != nil {
					return
				}
			}
		}()
		end := time.Now().Add(30 * time.Second)
		for s.Stats().Accepted == before || s.Stats().Open > 0 {
			if time.Now().After(end) {
				t.Fatalf("%s: a client that reads nothing is waited for", target)
			}
			time.Sleep(time.Millisecond)
		}
		_ = conn.Close()
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, conn); err != nil || n < 64<<20 {
		t.Errorf("a client that reads got %d bytes: %v", n, err)
	}
}
