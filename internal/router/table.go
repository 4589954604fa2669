// Package router is a revision compiled: listeners, routes, chains and
// upstreams, immutable and ready to serve. It decides where an exchange goes
// and makes no connection for it.
package router

import (
	"crypto/tls"
	"math/rand/v2"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/traffic"
)

// Table is a compiled revision.
type Table struct {
	Revision *revision.Revision
	// Listeners are by address, as "0.0.0.0:8081".
	Listeners map[string]*Listener

	states    map[string]state
	compiled  map[string]policy.Compiled
	upstreams map[string]*pooled
}

// Listener is one port and the APIs behind it.
type Listener struct {
	// Address is host:port to listen on.
	Address string
	// TLS is nil on cleartext.
	TLS *tls.Config
	// apis are sorted by base path, the longest first.
	apis []*API
}

// API is one API instance, ready to serve.
type API struct {
	// Name is namespace/name.
	Name, BasePath string
	Labels         map[string]string
	Chain          *policy.Chain

	routes []route
}

type route struct {
	rules   []rule
	targets []Target
	weights int
}

// Target is where an exchange goes.
type Target struct {
	Upstream *Upstream
	// path is the service's path and the route's destinationPath, joined.
	path   string
	weight int
}

// Find is the API that serves a normalised path, nil when there is none, and
// the path behind its base path.
func (l *Listener) Find(path string) (api *API, sub string) {
	for _, one := range l.apis {
		rest, ok := strings.CutPrefix(path, one.BasePath)
		switch {
		case !ok:
		case rest == "":
			return one, "/"
		case rest[0] == '/':
			return one, rest
		}
	}
	return nil, ""
}

// Route chooses the target of an exchange and the path that it will see there;
// nil when no route matches.
func (a *API) Route(x *traffic.Exchange) (target *Target, path string) {
	for i := range a.routes {
		r := &a.routes[i]
		if len(r.rules) == 0 {
			t := r.pick()
			return t, t.rewrite(x.SubPath)
		}
		for j := range r.rules {
			if r.rules[j].matches(x) {
				t := r.pick()
				return t, t.rewrite(r.rules[j].path.remaining(x.SubPath))
			}
		}
	}
	return nil, ""
}

func (r *route) pick() *Target {
	if len(r.targets) == 1 {
		return &r.targets[0]
	}
	n := rand.IntN(r.weights) //nolint:gosec // spreads load, guards nothing
	for i := range r.targets {
		if n -= r.targets[i].weight; n < 0 {
			return &r.targets[i]
		}
	}
	return &r.targets[len(r.targets)-1]
}

// rewrite puts the destination in front of the remaining path.
func (t *Target) rewrite(remaining string) string {
	if t.path == "" {
		// A rule's groups may leave any beginning; a path has one slash there, or
		// the service would read an authority.
		return "/" + strings.TrimLeft(remaining, "/")
	}
	switch {
	case remaining == "":
		return t.path
	case strings.HasSuffix(t.path, "/") && remaining[0] == '/':
		return t.path + remaining[1:]
	case !strings.HasSuffix(t.path, "/") && remaining[0] != '/':
		return t.path + "/" + remaining
	}
	return t.path + remaining
}

// CloseIdle closes the idle connections of upstreams that next does not use.
func (t *Table) CloseIdle(next *Table) {
	for key, up := range t.upstreams {
		if next != nil && next.upstreams[key] == up {
			continue
		}
		if transport, ok := up.transport.(*http.Transport); ok {
			transport.CloseIdleConnections()
		}
	}
}
