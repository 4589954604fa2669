// Package router is a revision compiled: listeners, routes, chains and
// upstreams, immutable and ready to serve. It decides where an exchange goes
// and makes no connection for it.
package router

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

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
	// policyCalls makes the calls of policies when the revision has settings for them.
	policyCalls policyCalls
	// What the next table takes over where nothing changed.
	around    surroundings
	apis      map[revision.Name]*builtAPI
	services  map[revision.Name]*builtService
	serverTLS map[string]*tls.Config
}

type policyCalls struct {
	settings string
	client   *http.Client
}

// Listener is one port and the APIs behind it.
type Listener struct {
	// Address is host:port to listen on.
	Address string
	// TLS is nil on cleartext.
	TLS *tls.Config
	// apis are by base path; deepest is the number of segments of the longest.
	apis    map[string]*API
	deepest int
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
// the path behind its base path. It looks up the beginnings of the path that
// end where a segment does, the longest first, and none that is deeper than the
// deepest base path, so that its cost does not grow with the number of APIs.
func (l *Listener) Find(path string) (api *API, sub string) {
	var ends [maxDepth]int
	depth := 0
	for i := 1; i <= len(path) && depth < l.deepest; i++ {
		if i == len(path) || path[i] == '/' {
			ends[depth] = i
			depth++
		}
	}
	for ; depth > 0; depth-- {
		end := ends[depth-1]
		if api = l.apis[path[:end]]; api != nil {
			if end == len(path) {
				return api, "/"
			}
			return api, path[end:]
		}
	}
	if api = l.apis[""]; api != nil {
		return api, path
	}
	return nil, ""
}

// maxDepth is how many segments a base path may have.
const maxDepth = 64

// add puts one more API behind the port.
func (l *Listener) add(api *API) error {
	depth := strings.Count(api.BasePath, "/")
	if depth > maxDepth {
		return fmt.Errorf("its base path has %d segments; at most %d are served", depth, maxDepth)
	}
	if l.apis == nil {
		l.apis = map[string]*API{}
	}
	l.apis[api.BasePath], l.deepest = api, max(l.deepest, depth)
	return nil
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

// grace is how long what a revision used stays open behind it, for the
// exchanges that are still under way.
const grace = time.Minute

// Retire lets go of what next, the table in service now, does not use: idle
// connections at once, and what steps kept after a while. A nil next is the
// end: everything is closed at once.
func (t *Table) Retire(next *Table) {
	for key, up := range t.upstreams {
		if next == nil || next.upstreams[key] != up {
			up.closeIdle()
		}
	}
	var unused []state
	for key, s := range t.states {
		if next == nil || next.states[key].mu != s.mu {
			unused = append(unused, s)
		}
	}
	switch {
	case next == nil:
		closeAll(unused)
	case len(unused) > 0:
		time.AfterFunc(grace, func() { closeAll(unused) })
	}
}

func closeAll(states []state) {
	for _, s := range states {
		s.mu.Lock()
		for _, value := range s.values {
			if c, ok := value.(io.Closer); ok {
				_ = c.Close()
			}
		}
		s.mu.Unlock()
	}
}
