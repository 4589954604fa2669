// Package redis is a store of shared state on a server of Redis (4.0 or later)
// or Valkey: several gateways count and keep things together there. It bounds
// how long an exchange waits for the server, stops asking one that does not
// answer, and goes on by itself when it answers again. It does not decide what
// happens to an exchange meanwhile, and knows no clustered server.
package redis

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/valkey-io/valkey-go"

	"farrier.dev/farrier/internal/sharedstate"
)

// Options say where the server is and how to speak to it.
type Options struct {
	// Address is host:port of the server; with sentinels it is not used.
	Address            string
	Username, Password string
	// DB is the number of the database.
	DB int
	// Sentinels, when there are any, are asked for the address of the server that
	// they call SentinelMaster.
	Sentinels        []string
	SentinelMaster   string
	SentinelPassword string
	// TLS is nil for cleartext. Sentinels are spoken to in the same way.
	TLS *tls.Config
	// Prefix keeps environments apart that use the same database.
	Prefix string
	// Budget is how long one call may take; 0 stands for 15 ms.
	Budget time.Duration
	Now    func() time.Time
	Log    *slog.Logger
}

const (
	// standardBudget is how long one call may take. What a client notices is a
	// little more, and shall stay below 20 ms.
	standardBudget = 15 * time.Millisecond
	// patience is how long connecting and probing may take; no exchange waits.
	patience = time.Second
	// opening is how long Open waits for the first connection.
	opening = 500 * time.Millisecond
)

// ErrDown is why calls fail at once: the server did not answer in time, and no
// probe has been answered since.
var ErrDown = errors.New("the shared store does not answer")

// Store is a sharedstate.Store. Counters and caches have a connection each, so
// that no counter waits behind a large value.
type Store struct {
	prefix           string
	counters, caches *link
}

// Open makes the store. It does not fail because the server is down: it waits
// half a second at most for the first connection, and goes on trying for as long
// as the store is open. An error means that the options are wrong.
func Open(ctx context.Context, o Options) (*Store, error) {
	option, err := o.client()
	if err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	budget := cmp.Or(o.Budget, standardBudget)
	s := &Store{
		prefix:   "farrier:" + o.Prefix + ":",
		counters: newLink(option, budget, o.Now, log.With("store", o.Address, "use", "counters")),
		caches:   newLink(option, budget, o.Now, log.With("store", o.Address, "use", "caches")),
	}
	wait, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	for _, l := range []*link{s.counters, s.caches} {
		select {
		case <-l.first:
		case <-wait.Done():
		}
	}
	return s, nil
}

func (o Options) client() (valkey.ClientOption, error) {
	option := valkey.ClientOption{
		TLSConfig: o.TLS, Username: o.Username, Password: o.Password, SelectDB: o.DB,
		InitAddress: []string{o.Address}, ForceSingleClient: true,
		// The server may be older than the protocol that keeps caches in clients,
		// and a repeated call would count twice.
		DisableCache: true, DisableRetry: true, ClientSetInfo: valkey.DisableClientSetInfo,
		// Calls always go through the queue: one that is given up must not close
		// the connection under the others.
		AlwaysPipelining: true, PipelineMultiplex: -1, RingScaleEachConn: 12,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		ConnWriteTimeout: patience,
	}
	option.Dialer.Timeout, option.Dialer.KeepAlive = patience, patience
	switch {
	case o.Now == nil:
		return option, errors.New("opening the shared store: there is no clock")
	case len(o.Sentinels) > 0 && o.SentinelMaster == "":
		return option, errors.New("opening the shared store: the sentinels need the name of the server to ask for")
	case len(o.Sentinels) > 0:
		option.InitAddress, option.ForceSingleClient = o.Sentinels, false
		option.Sentinel = valkey.SentinelOption{
			MasterSet: o.SentinelMaster, Password: o.SentinelPassword,
			Dialer: option.Dialer, TLSConfig: o.TLS, TopologyRefreshInterval: 5 * time.Second,
		}
	case o.Address == "":
		return option, errors.New("opening the shared store: there is no address")
	case o.DB < 0:
		return option, fmt.Errorf("opening the shared store: there is no database %d", o.DB)
	}
	return option, nil
}

// Remote implements sharedstate.Store; it is true.
func (s *Store) Remote() bool { return true }

// Healthy says whether the server answered when it was asked last.
func (s *Store) Healthy() bool { return !s.counters.down.Load() && !s.caches.down.Load() }

// Counter implements sharedstate.Store.
func (s *Store) Counter(name string) sharedstate.Counter {
	return &counter{link: s.counters, prefix: s.prefix + "n:", name: name}
}

// Cache implements sharedstate.Store.
func (s *Store) Cache(name string) sharedstate.Cache {
	prefix := s.prefix + "c:{" + digest(name) + "}:"
	return &cache{link: s.caches, prefix: prefix, generation: prefix + "generation"}
}

// Close ends the connections; calls fail from then on.
func (s *Store) Close() error {
	s.counters.cancel()
	s.caches.cancel()
	<-s.counters.done
	<-s.caches.done
	return nil
}

// digest names parts that may hold anything, secrets and kilobytes included. Two
// different lists of parts have different digests.
func digest(parts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}
