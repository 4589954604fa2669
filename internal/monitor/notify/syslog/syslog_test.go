package syslog

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

func TestCEF(t *testing.T) {
	cases := []struct {
		e    notify.Event
		want string
	}{
		{notify.Event{ID: "1", Name: "a", Text: "b", Severity: 3, At: notifytest.Noon, Stream: "audit"}, `CEF:0|Farrier|Farrier|1|a|b|3|externalId=1 rt=1772452800000 cat=audit`},
		{notify.Event{Name: "a|b", Text: `c\d=e`, At: notifytest.Noon}, `CEF:0|Farrier|Farrier|1|a\|b|c\\d=e|0|rt=1772452800000`},
		{notify.Event{Name: "a", Text: "two\r\nlines\nCEF:0", At: notifytest.Noon, Actor: "x=y|z\\"}, `CEF:0|Farrier|Farrier|1|a|two lines CEF:0|0|rt=1772452800000 suser=x\=y|z\\`},
		{notify.Event{Name: "a", Text: "ü", Severity: 99, At: notifytest.Noon, Object: "o\np\rq\r\nr"}, `CEF:0|Farrier|Farrier|1|a|ü|10|rt=1772452800000 cs2Label=object cs2=o\np\rq\nr`},
		{notify.Event{Name: "", Text: "", Severity: -1, At: notifytest.Noon, Fields: map[string]string{"b": "2", "a": "1"}}, `CEF:0|Farrier|Farrier|1|||0|rt=1772452800000 msg=a: 1; b: 2`},
	}
	for _, tt := range cases {
		if got := CEF(&tt.e); got != tt.want {
			t.Errorf("%s\nwant %s", got, tt.want)
		}
	}
}

func FuzzCEF(f *testing.F) {
	f.Add("a", "b|c=d\\\r\n", "e")
	f.Fuzz(func(t *testing.T, name, text, actor string) {
		got := CEF(&notify.Event{Name: name, Text: text, Actor: actor, At: notifytest.Noon})
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q has more than one line", got)
		}
		if n := len(regexp.MustCompile(`(?:^|[^\\])(?:\\\\)*\|`).FindAllString(strings.SplitN(got, "|rt=", 2)[0], -1)); n != 6 && !strings.Contains(name+text, "|rt=") {
			t.Errorf("%q has %d fields", got, n)
		}
	})
}

var frame = regexp.MustCompile(`^<(\d+)>1 2026-03-02T12:00:0\d\.000Z gate farrier - (\w+) - CEF:0\|`)

// receive reads messages with octet counting.
func receive(t *testing.T, conn net.Conn) []string {
	t.Helper()
	r := bufio.NewReader(conn)
	var out []string
	for {
		size, err := r.ReadString(' ')
		if err != nil {
			return out
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, " "))
		if err != nil {
			t.Errorf("%q is no length", size)
			return out
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			t.Error(err)
			return out
		}
		out = append(out, string(text))
	}
}

func TestForward(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificate, root := web.TLS.Certificates[0], web.Certificate()
	web.Close()
	for _, transport := range []string{"tcp", "tls"} {
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if transport == "tls" {
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
		}
		got := make(chan []string, 1)
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				got <- nil
				return
			}
			got <- receive(t, conn)
		}()
		env := notifytest.Env()
		env.TLS.RootCAs = x509.NewCertPool()
		env.TLS.RootCAs.AddCert(root)
		forward(t, env, transport, ln.Addr().String())
		lines := <-got
		_ = ln.Close()
		check(t, transport, lines)
	}
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	forward(t, notifytest.Env(), "udp", pc.LocalAddr().String())
	var lines []string
	for range 2 {
		text := make([]byte, 10_000)
		n, _, err := pc.ReadFrom(text)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text[:n]))
	}
	check(t, "udp", lines)
}

func forward(t *testing.T, env notify.Env, transport, address string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	k := Kind()
	s, err := k.Check(notify.Settings{"host": host, "port": port, "transport": transport, "hostname": "gate"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Open(s, env)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := c.(notify.Forwarder)
	if err := f.Forward(t.Context(), notifytest.Events()); err != nil {
		t.Fatalf("%s: %v", transport, err)
	}
}

func check(t *testing.T, transport string, lines []string) {
	t.Helper()
	if len(lines) != 2 {
		t.Fatalf("%s: %q", transport, lines)
	}
	for i, want := range []string{"108 audit", "106 findings"} {
		m := frame.FindStringSubmatch(lines[i])
		if m == nil || m[1]+" "+m[2] != want {
			t.Errorf("%s: %q", transport, lines[i])
		}
	}
}

func TestRefused(t *testing.T) {
	c := notifytest.Open(t, Kind(), notify.Settings{"host": "127.0.0.1", "port": "1", "transport": "tcp"})
	if err := c.Send(t.Context(), notifytest.Message()); err == nil {
		t.Error("nobody listens, but it was sent")
	}
}
