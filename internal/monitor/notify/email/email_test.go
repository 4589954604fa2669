package email

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/monitor/notify/notifytest"
)

// server speaks SMTP as RFC 5321 has it, with STARTTLS and AUTH.
type server struct {
	ln        net.Listener
	tls       *tls.Config
	noTLS     bool
	mechanism string
	reject    map[string]string // an answer by the beginning of a command

	mu    sync.Mutex
	mails []string
	auths []string
	clear bool // credentials came in the clear
}

func serve(t *testing.T, change func(*server)) (*server, notify.Env, string) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	certificate := web.TLS.Certificates[0]
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	web.Close()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ln: ln, tls: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, mechanism: "PLAIN LOGIN", reject: map[string]string{}}
	if change != nil {
		change(s)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.talk(conn)
		}
	}()
	env := notifytest.Env()
	env.TLS.RootCAs = roots
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return s, env, port
}

func (s *server) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	_, secure := conn.(*tls.Conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	read := func() string { line, _ := r.ReadString('\n'); return strings.TrimRight(line, "\r\n") }
	say("220 test ESMTP")
	for {
		line := read()
		if line == "" {
			return
		}
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		if answer := s.reject[verb]; answer != "" {
			say(answer)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-test")
			if !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			say("250 AUTH " + s.mechanism)
		case "STARTTLS":
			say("220 go on")
			upgraded := tls.Server(conn, s.tls)
			if upgraded.Handshake() != nil {
				return
			}
			conn, r, secure = upgraded, bufio.NewReader(upgraded), true
		case "AUTH":
			credentials := line
			if strings.HasPrefix(line, "AUTH LOGIN") {
				say("334 " + base64.StdEncoding.EncodeToString([]byte("Username:")))
				user := read()
				say("334 " + base64.StdEncoding.EncodeToString([]byte("Password:")))
				credentials = "LOGIN " + user + " " + read()
			}
			s.mu.Lock()
			s.auths, s.clear = append(s.auths, credentials), s.clear || !secure
			s.mu.Unlock()
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line := read()
				if line == "." {
					break
				}
				b.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func channelAt(t *testing.T, env notify.Env, port string, s notify.Settings) (notify.Channel, error) {
	t.Helper()
	settings := notify.Settings{"host": "127.0.0.1", "port": port, "from": "Färrier <farrier@example.com>", "to": "a@example.com\nB <b@example.com>", "user": "farrier", "password": notifytest.Secret}
	for name, value := range s {
		settings[name] = value
	}
	k := Kind()
	checked, err := k.Check(settings)
	if err != nil {
		return nil, err
	}
	return k.Open(checked, env)
}

func TestSend(t *testing.T) {
	for _, mechanism := range []string{"PLAIN LOGIN", "LOGIN"} {
		s, env, port := serve(t, func(s *server) { s.mechanism = mechanism })
		c, err := channelAt(t, env, port, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := notifytest.Message()
		m.Title = "Alerting\r\nBcc: victim@example.com\r\n\r\nbody ü"
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if err := c.Send(t.Context(), notifytest.Resolved()); err != nil {
			t.Fatal(err)
		}
		if len(s.mails) != 2 || len(s.auths) != 2 || s.clear {
			t.Fatalf("%s: %d mails, %d sign-ins, in the clear %v", mechanism, len(s.mails), len(s.auths), s.clear)
		}
		first, err := mail.ReadMessage(strings.NewReader(s.mails[0]))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(first.Header.Get("Subject"))
		if err != nil || first.Header.Get("Bcc") != "" || !strings.Contains(subject, "Bcc: victim@example.com") || !strings.Contains(subject, "ü") {
			t.Errorf("subject %q, Bcc %q, %v", subject, first.Header.Get("Bcc"), err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(first.Body))
		if err != nil || !strings.Contains(string(body), "default/orders: 120") || !strings.Contains(string(body), "https://console.example/alerts") {
			t.Errorf("%s, %v", body, err)
		}
		second, err := mail.ReadMessage(strings.NewReader(s.mails[1]))
		if err != nil || second.Header.Get("In-Reply-To") != first.Header.Get("Message-ID") {
			t.Errorf("the second mail answers %q, the first is %q", second.Header.Get("In-Reply-To"), first.Header.Get("Message-ID"))
		}
	}
}

func TestRefusals(t *testing.T) {
	s, env, port := serve(t, func(s *server) { s.noTLS = true })
	c, err := channelAt(t, env, port, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), notifytest.Message()); !errors.Is(err, notify.ErrPermanent) || len(s.auths) > 0 {
		t.Errorf("a server without encryption: %v, %d sign-ins", err, len(s.auths))
	}
	// A certificate of somebody else.
	_, env, port = serve(t, nil)
	env.TLS.RootCAs = x509.NewCertPool()
	if c, err = channelAt(t, env, port, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), notifytest.Message()); err == nil || !strings.Contains(err.Error(), "encryption") {
		t.Errorf("an unknown certificate: %v", err)
	}
	for answer, permanent := range map[string]bool{"550 no such " + notifytest.Secret: true, "450 later": false} {
		_, env, port = serve(t, func(s *server) { s.reject["RCPT"] = answer })
		if c, err = channelAt(t, env, port, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Send(t.Context(), notifytest.Message()); err == nil || errors.Is(err, notify.ErrPermanent) != permanent || strings.Contains(err.Error(), notifytest.Secret) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	for want, s := range map[string]notify.Settings{
		"on this machine": {"host": "smtp.example.com", "encryption": "none"}, "no e-mail address": {"to": "nobody"}, "from is no": {"from": "x"},
		"1 to 20": {"to": strings.Repeat("a@example.com\n", 21)}, "host name": {"host": "smtp://x"},
	} {
		if _, err := channelAt(t, env, port, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
