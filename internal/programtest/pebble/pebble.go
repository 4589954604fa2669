// Package pebble runs Let's Encrypt's small ACME authority in the process of a test. It
// is imported by tests alone.
package pebble

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/net/dns/dnsmessage"
)

// Options say how an authority behaves.
type Options struct {
	// Port is where it looks for the answers to http-01, for every name on 127.0.0.1.
	Port int
	// Accounts are the keys of external accounts by their ids, in base64url. When there
	// are any, every account must be bound to one.
	Accounts map[string]string
	// Forbidden are domains for which it issues nothing.
	Forbidden []string
	// BadNonces is how many percent of the good nonces it refuses.
	BadNonces string
	// Seconds is how long its certificates hold; 0 for 90 days.
	Seconds uint64
}

// Authority is one that runs.
type Authority struct {
	// Directory is the URL to give to clients, Roots the PEM with which they verify it.
	Directory, Roots string
	// Root signs what it issues, in DER.
	Root []byte

	orders   atomic.Int64
	accounts atomic.Int64
	down     atomic.Bool
	before   atomic.Pointer[func(r *http.Request)]
}

// Start starts an authority that ends with the test.
func Start(t testing.TB, o Options) *Authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	if o.BadNonces == "" {
		o.BadNonces = "0"
	}
	t.Setenv("PEBBLE_WFE_NONCEREJECT", o.BadNonces)
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	for id, key := range o.Accounts {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range o.Forbidden {
		if err := store.AddBlockedDomain(name); err != nil {
			t.Fatal(err)
		}
	}
	issuer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "for tests", ValidityPeriod: o.Seconds}})
	verifier := va.New(silent, o.Port, 0, true, names(t), store)
	front := wfe.New(silent, store, verifier, issuer, []string{"authority.example"}, true, len(o.Accounts) > 0, 0, 0)
	handler := front.Handler()
	a := &Authority{Root: issuer.GetRootCert(0).DER}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hook := a.before.Load(); hook != nil {
			(*hook)(r)
		}
		switch {
		case a.down.Load():
			panic(http.ErrAbortHandler)
		case strings.HasPrefix(r.URL.Path, "/order-plz"):
			a.orders.Add(1)
		case strings.HasPrefix(r.URL.Path, "/sign-me-up"):
			a.accounts.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = silent
	t.Cleanup(server.Close)
	a.Directory = server.URL + wfe.DirectoryPath
	a.Roots = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return a
}

// Orders is how many orders were asked for, Accounts how many accounts.
func (a *Authority) Orders() int64 { return a.orders.Load() }

// Accounts is how many accounts were asked for.
func (a *Authority) Accounts() int64 { return a.accounts.Load() }

// Down cuts every connection off, or no more.
func (a *Authority) Down(is bool) { a.down.Store(is) }

// Before is called with every request before it is answered.
func (a *Authority) Before(hook func(r *http.Request)) { a.before.Store(&hook) }

// HMAC is a key of an external account as Options takes it.
func HMAC(key []byte) string { return base64.RawURLEncoding.EncodeToString(key) }

// names is the address of a server of DNS over TCP that finds every name at 127.0.0.1.
func names(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for answerName(conn) == nil { // until the other side ends it
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func answerName(conn net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	if len(m.Questions) != 1 {
		return errors.New("one question at a time")
	}
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	text, err := answer.Pack()
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)) //nolint:gosec // far below 64 KiB
	return err
}
