package router

import (
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/sharedstate"
)

// An API or a service that is in the next revision as it is in the one in
// service is not compiled again but taken over, steps and all, so that a change
// costs what changed. It is taken over only when everything that it was compiled
// from is what it was: its resource, the values of the references in it, the
// versions of its policies, the surroundings of its steps, and what it leads to.

// surroundings are what the steps of a revision are bound to beside settings.
// Options.Now and Options.Expand belong here, too, but functions can't be
// compared: they must be those with which the previous table was compiled.
type surroundings struct {
	catalogue              *policy.Catalogue
	runtime                *policy.Runtime
	log                    *slog.Logger
	http                   *http.Client
	shared, local, durable sharedstate.Store
	tracing                trace.TracerProvider
	models                 policy.Models
	capture                policy.Capturer
	timeouts               revision.Timeouts
}

// around is the surroundings of this compilation.
func (c *compiler) around() surroundings {
	return surroundings{
		catalogue: c.Catalogue, runtime: c.Runtime, log: c.Log, http: c.HTTP,
		shared: c.shared, local: c.Local, durable: c.Durable, tracing: c.tracing,
		models: c.Models, capture: c.Capture, timeouts: c.rev.Settings.Timeouts,
	}
}

// equal says that steps can't tell one from the other. What can't be compared
// is never equal.
func (s surroundings) equal(other surroundings) bool {
	return reflect.ValueOf(s).Comparable() && reflect.ValueOf(other).Comparable() && s == other
}

// inputs are what a part of a table was compiled from beside its resource, and
// what it keeps alive.
type inputs struct {
	expandText func(string) (string, error)
	modules    map[string][]byte

	mu sync.Mutex
	// sealed says that compiling is over: what steps ask for while they serve
	// does not count.
	sealed bool
	// references are digests of what references stood for.
	references map[string][sha256.Size]byte
	// asked are the modules that steps asked for, and whether they were there.
	asked map[string]bool

	versions         []version
	states, compiled []string
}

type version struct {
	entry *policy.Entry
	text  string
}

// versionOf is the version of a policy, empty when it has none.
func versionOf(entry *policy.Entry) string {
	if entry.Version == nil {
		return ""
	}
	return entry.Version()
}

func resolvedDigest(text string, err error) [sha256.Size]byte {
	if err != nil {
		return sha256.Sum256([]byte("error " + err.Error()))
	}
	return sha256.Sum256([]byte("value " + text))
}

// expand is Options.Expand and remembers what it gave.
func (in *inputs) expand(text string) (string, error) {
	resolved, err := in.expandText(text)
	if err == nil && resolved == text && !strings.HasPrefix(text, "$") {
		return text, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.sealed {
		in.references[text] = resolvedDigest(resolved, err)
	}
	return resolved, err
}

// module is the module of the revision with this digest.
func (in *inputs) module(digest string) ([]byte, bool) {
	code, ok := in.modules[digest]
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.sealed {
		in.asked[digest] = ok
	}
	return code, ok
}

// begin starts to note what the next part is compiled from; end is to be called
// when it is.
func (c *compiler) begin() *inputs {
	c.inputs = &inputs{
		expandText: c.Expand, modules: c.rev.Modules,
		references: map[string][sha256.Size]byte{}, asked: map[string]bool{},
	}
	return c.inputs
}

func (c *compiler) end() {
	c.inputs.mu.Lock()
	c.inputs.sealed = true
	c.inputs.mu.Unlock()
	c.inputs = nil
}

// expand resolves a reference for the part being compiled.
func (c *compiler) expand(text string) (string, error) {
	if c.inputs == nil {
		return c.Expand(text)
	}
	return c.inputs.expand(text)
}

// unchanged says that compiling anew would take the same in.
func (c *compiler) unchanged(in *inputs) bool {
	for text, before := range in.references {
		if resolvedDigest(c.Expand(text)) != before {
			return false
		}
	}
	for digest, was := range in.asked {
		if _, is := c.rev.Modules[digest]; is != was {
			return false
		}
	}
	return !slices.ContainsFunc(in.versions, func(v version) bool { return versionOf(v.entry) != v.text })
}

// keep takes over what a part keeps alive.
func (c *compiler) keep(in *inputs) {
	for _, key := range in.states {
		c.table.states[key] = c.Previous.states[key]
	}
	for _, key := range in.compiled {
		c.table.compiled[key] = c.Previous.compiled[key]
	}
}

// builtService is a service of a table and what it was compiled from.
type builtService struct {
	*inputs
	from revision.Service
	up   *Upstream
	pool string
}

// takeService takes a service over from the previous table, if it is the same.
func (c *compiler) takeService(bare *revision.Service) bool {
	if !c.alike {
		return false
	}
	known := c.Previous.services[bare.Name]
	if known == nil || !reflect.DeepEqual(&known.from, bare) || !c.unchanged(known.inputs) {
		return false
	}
	c.keep(known.inputs)
	c.table.upstreams[known.pool] = c.Previous.upstreams[known.pool]
	c.table.services[bare.Name], c.services[bare.Name] = known, known.up
	return true
}

// builtAPI is an API of a table and what it was compiled from.
type builtAPI struct {
	*inputs
	from revision.API
	api  *API
	// tls is nil on cleartext.
	tls *tls.Config
}

// takeAPI takes an API over from the previous table, nil if it is not the same
// or leads to a service that is not.
func (c *compiler) takeAPI(bare *revision.API) *builtAPI {
	if !c.alike {
		return nil
	}
	known := c.Previous.apis[bare.Name]
	if known == nil || !reflect.DeepEqual(&known.from, bare) || !c.unchanged(known.inputs) {
		return nil
	}
	for i, r := range bare.Routes {
		for j, t := range r.Targets {
			if c.services[t.Service] != known.api.routes[i].targets[j].Upstream {
				return nil
			}
		}
	}
	c.keep(known.inputs)
	return known
}
