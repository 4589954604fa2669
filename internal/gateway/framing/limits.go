// Package framing is the gateway's own reader below net/http: it accepts
// connections, shakes TLS hands, reads PROXY headers, and lets net/http see
// only HTTP/1 requests whose framing leaves nothing to interpretation. A
// request that two parsers could read in two ways is refused, never repaired:
// in its place net/http gets a harmless synthetic request, and the handler
// finds the refusal beside it ([Next]), so that it is answered and recorded
// like any other. HTTP/2 connections are handed on bare. It is not a router,
// knows no policy, and changes no byte of a good request.
package framing

import (
	"errors"
	"fmt"
	"time"
)

// Limits bounds what one connection may ask for. A zero field takes its
// default.
type Limits struct {
	// HeadBytes bounds a request head: request line, header lines and the
	// empty line. Default 16384, at least 1024, at most 65536. Beyond it: 431.
	HeadBytes int
	// RequestLineBytes bounds the request line. Default 8192. Beyond it: 414.
	RequestLineBytes int
	// HeaderLines bounds the number of header lines. Default 100. Beyond it: 431.
	HeaderLines int
	// ChunkExtensionBytes bounds the chunk extensions of one body together.
	// Default 1024.
	ChunkExtensionBytes int
	// TrailerBytes bounds the trailer section of a chunked body. Default 2048,
	// at most 4000, which is what net/http can read.
	TrailerBytes int
	// TrailerLines bounds the number of trailer lines. Default 16.
	TrailerLines int
	// HeaderTimeout bounds the time from the first byte of a head to its last,
	// and from accepting a connection to its first head. Default 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next request. Default 60 s.
	IdleTimeout time.Duration
	// WriteTimeout bounds the time in which a client takes 64 KiB of an answer.
	// Default 30 s.
	WriteTimeout time.Duration
	// HandshakeTimeout bounds PROXY header and TLS handshake together.
	// Default 10 s.
	HandshakeTimeout time.Duration
	// MaxConns bounds the open connections of all listeners together. Default
	// 10000. A connection beyond it is closed at once.
	MaxConns int
	// MaxConnsPerAddr bounds the open connections of one client address (IPv6:
	// of one /64 network). Default 1000. A connection beyond it is closed at once.
	MaxConnsPerAddr int
	// MaxStreams bounds the concurrent streams of one HTTP/2 connection.
	// Default 100.
	MaxStreams int
}

// smallBuffer is what every connection holds; a longer head borrows a larger
// buffer while it is read.
const smallBuffer = 4096

// withDefaults fills zero fields and refuses values that could not be kept.
func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name             string
		value            *int
		standard, lo, hi int
	}{
		{"HeadBytes", &l.HeadBytes, 16 << 10, 1 << 10, 64 << 10},
		{"RequestLineBytes", &l.RequestLineBytes, 8 << 10, 64, 64 << 10},
		{"HeaderLines", &l.HeaderLines, 100, 1, 10_000},
		{"ChunkExtensionBytes", &l.ChunkExtensionBytes, 1 << 10, 1, 4000},
		{"TrailerBytes", &l.TrailerBytes, 2 << 10, 2, 4000},
		{"TrailerLines", &l.TrailerLines, 16, 1, 1000},
		{"MaxConns", &l.MaxConns, 10_000, 1, 1 << 24},
		{"MaxConnsPerAddr", &l.MaxConnsPerAddr, 1000, 1, 1 << 24},
		{"MaxStreams", &l.MaxStreams, 100, 1, 1000},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < f.lo || *f.value > f.hi {
			return l, fmt.Errorf("%s is %d: use %d to %d", f.name, *f.value, f.lo, f.hi)
		}
	}
	for _, f := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&l.HeaderTimeout, 10 * time.Second},
		{&l.IdleTimeout, 60 * time.Second},
		{&l.WriteTimeout, 30 * time.Second},
		{&l.HandshakeTimeout, 10 * time.Second},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value < 0 {
			return l, errors.New("timeouts must be positive")
		}
	}
	return l, nil
}
