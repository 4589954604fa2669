package app_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// seen is a request as a service read it.
type seen struct {
	port, method, target, host, body string
	header                           http.Header
}

// services are the services behind the gateway, by the ports that manifests
// name: 9001 and 9002 speak HTTP/1.1 and cleartext HTTP/2; 9443 HTTPS, its
// certificate signed by the authority that manifests trust; 9444 HTTPS, its
// certificate signed by another one.
type services struct {
	address map[string]string
	mu      sync.Mutex
	last    *seen
	// answer is what they answer, a raw HTTP response; empty for an echo.
	answer string
	// handler takes the place of the echo; nil for none.
	handler http.Handler
}

func startServices(t testing.TB, handler http.Handler) *services {
	t.Helper()
	s := &services{address: map[string]string{}, handler: handler}
	for port, config := range map[string]*tls.Config{
		"9001": nil, "9002": nil,
		"9443": {Certificates: []tls.Certificate{pki.server}, NextProtos: []string{"h2", "http/1.1"}},
		"9444": {Certificates: []tls.Certificate{pki.impostor}},
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.address[port] = ln.Addr().String()
		server := &http.Server{
			Handler: s.handle(port), ErrorLog: log.New(io.Discard, "", 0), TLSConfig: config, Protocols: new(http.Protocols),
		}
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		server.Protocols.SetHTTP2(true)
		go func() {
			if config != nil {
				_ = server.ServeTLS(ln, "", "")
				return
			}
			_ = server.Serve(ln)
		}()
		t.Cleanup(func() { _ = server.Close() })
	}
	return s
}

func (s *services) handle(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.handler != nil {
			w.Header().Set("X-Service", port)
			s.handler.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.last = &seen{port: port, method: r.Method, target: r.RequestURI, host: r.Host, body: string(body), header: r.Header}
		answer := s.answer
		s.mu.Unlock()
		if answer != "" {
			writeRaw(w, r, answer)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "%s %s %s", port, r.Method, r.RequestURI)
	})
}

func writeRaw(w http.ResponseWriter, r *http.Request, raw string) {
	head, body, _ := strings.Cut(raw, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), r)
	if err != nil {
		panic(err)
	}
	defer func() { _ = resp.Body.Close() }()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.WriteString(w, body)
}

// take is what reached a service since the last call, nil for nothing.
func (s *services) take() *seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	s.last = nil
	return last
}

func (s *services) answerWith(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = raw
}

// closedConnection says that the gateway ended a connection without an answer.
func closedConnection(err error) bool {
	var alert tls.AlertError
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &alert) ||
		errors.As(err, &op) || strings.Contains(fmt.Sprint(err), "tls:")
}
