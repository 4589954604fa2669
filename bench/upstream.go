//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// answer is what the service says to every request: 1,104 bytes of JSON.
var answer = func() []byte {
	const begin, end = `{"id":4711,"state":"shipped","lines":"`, `"}`
	body := begin + strings.Repeat("0123456789abcdef", 70)[:1104-len(begin)-len(end)] + end
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\n\r\n%s", len(body), body)
}()

// serveUpstream is the service behind all targets: it answers each request
// without a body and costs as little as it can.
func serveUpstream(ctx context.Context, args []string, _ io.Writer) error {
	if len(args) != 1 {
		return errors.New("upstream: address")
	}
	ln, err := listen(ctx, args[0])
	if err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return closed(ctx, err)
		}
		go answerAll(c)
	}
}

func answerAll(c net.Conn) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 16<<10)
	held := 0
	for {
		n, err := c.Read(buf[held:])
		if err != nil || held+n == len(buf) {
			return
		}
		if held += n; !bytes.HasSuffix(buf[:held], []byte("\r\n\r\n")) {
			continue // the generator sends no second request before the first answer
		}
		held = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// serveReverseProxy is what the others are compared with: as little as a Go
// programmer writes who knows where httputil.ReverseProxy is slow.
func serveReverseProxy(ctx context.Context, args []string, _ io.Writer) error {
	if len(args) != 2 {
		return errors.New("reverseproxy: address service")
	}
	service, err := url.Parse("http://" + args[1])
	if err != nil {
		return fmt.Errorf("reading the service's address: %w", err)
	}
	ln, err := listen(ctx, args[0])
	if err != nil {
		return err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: &httputil.ReverseProxy{
			Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(service) },
			Transport:  &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
			BufferPool: &copyBuffers{sync.Pool{New: func() any { return new([32 << 10]byte) }}},
			ErrorLog:   log.New(io.Discard, "", 0),
		},
	}
	return closed(ctx, server.Serve(ln))
}

// copyBuffers is a pool of the buffers that bodies are copied through.
type copyBuffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *copyBuffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return buf[:]
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *copyBuffers) Put(buf []byte) { b.pool.Put((*[32 << 10]byte)(buf)) }

// listen opens a port that closes when ctx ends.
func listen(ctx context.Context, address string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = ln.Close() })
	return ln, nil
}

// closed is nil when the port was closed because ctx ended.
func closed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // as it says
	}
	return fmt.Errorf("serving: %w", err)
}
