package router

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"farrier.dev/farrier/internal/policy"
	tlsinbound "farrier.dev/farrier/internal/policy/tls"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/sharedstate"
)

// Options are what compiling needs beside the revision.
type Options struct {
	Catalogue *policy.Catalogue
	// Expand resolves one string of settings: a reference becomes what it
	// stands for, anything else stays.
	Expand func(string) (string, error)
	// Runtime is handed to every chain.
	Runtime *policy.Runtime
	Now     func() time.Time
	Log     *slog.Logger
	// HTTP makes the calls of policies themselves, unless the revision has settings
	// of TLS for them.
	HTTP *http.Client
	// Shared gives the store that gateways share for a revision's settings; Local
	// and Durable are those of this process and of its folder.
	Shared         func(revision.SharedStorage) (sharedstate.Store, error)
	Local, Durable sharedstate.Store
	// Tracing gives what makes spans for a revision's settings, nil for nothing.
	Tracing func(revision.Tracing) (trace.TracerProvider, error)
	// Models and Capture are handed to policies; nil when nobody learns or keeps.
	Models  policy.Models
	Capture policy.Capturer
	// Previous is the table in service, whose state is carried over; nil at start.
	Previous *Table
}

// Compile makes the table of a revision, or says all that is wrong with it.
// The previous table goes on serving untouched.
func Compile(rev *revision.Revision, o Options) (*Table, error) {
	c := &compiler{
		Options: o, rev: rev,
		table: &Table{
			Revision: rev, Listeners: map[string]*Listener{}, states: map[string]state{},
			compiled: map[string]policy.Compiled{}, upstreams: map[string]*pooled{},
			apis: map[revision.Name]*builtAPI{}, services: map[revision.Name]*builtService{}, serverTLS: map[string]*tls.Config{},
		},
		services: map[revision.Name]*Upstream{},
	}
	c.surroundings()
	for i := range rev.Services {
		c.service(&rev.Services[i])
	}
	for i := range rev.APIs {
		c.api(&rev.APIs[i])
	}
	if len(c.problems) > 0 {
		c.table.Retire(c.Previous)
		return nil, errors.Join(c.problems...)
	}
	return c.table, nil
}

type compiler struct {
	Options
	rev      *revision.Revision
	table    *Table
	services map[revision.Name]*Upstream
	problems []error
	// shared and tracing are what the revision's settings ask for.
	shared  sharedstate.Store
	tracing trace.TracerProvider
	// alike says that the previous table stands in the same surroundings; inputs
	// are those of the part being compiled.
	alike  bool
	inputs *inputs
}

// surroundings opens what all steps of the revision use.
func (c *compiler) surroundings() {
	switch {
	case c.Local != nil:
	case c.Previous != nil:
		c.Local = c.Previous.around.local
	default:
		c.Local = sharedstate.NewMemory(c.Now)
	}
	if c.Durable == nil {
		c.Durable = c.Local
	}
	c.shared = c.Local
	var err error
	if c.Shared != nil && c.rev.Settings.SharedStorage.Address != "" {
		if c.shared, err = c.Shared(c.rev.Settings.SharedStorage); err != nil {
			c.fail(c.rev.Settings.SharedStorage.Source, "sharedStorage: %w", err)
		}
	}
	if calls := c.rev.Settings.PolicyCalls; calls != nil {
		if c.HTTP, err = c.policyCalls(calls); err != nil {
			c.fail(revision.Source{}, "defaultTLS.outboundPolicyCalls: %w", err)
		}
	}
	if c.Tracing != nil && c.rev.Settings.Tracing.Address != "" {
		if c.tracing, err = c.Tracing(c.rev.Settings.Tracing); err != nil {
			c.fail(c.rev.Settings.Tracing.Source, "tracing: %w", err)
		}
	}
	c.table.around = c.around()
	c.alike = c.Previous != nil && c.table.around.equal(c.Previous.around)
}

func (c *compiler) fail(at revision.Source, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if at.File != "" {
		err = fmt.Errorf("%s:%d: %w", at.File, at.Line, err)
	}
	c.problems = append(c.problems, err)
}

func (c *compiler) service(s *revision.Service) {
	bare := s.Bare()
	if c.takeService(&bare) {
		return
	}
	built := &builtService{inputs: c.begin(), from: bare}
	defer c.end()
	tlsSettings := s.TLS
	if s.TLS != nil {
		resolved, err := c.resolve("tls-outbound", s.TLS)
		if err != nil {
			c.fail(s.Source, "service %s: tls-outbound: %w", s.Name, err)
			return
		}
		tlsSettings = resolved
	}
	up, err := newUpstream(s, c.rev.Settings.Timeouts, tlsSettings)
	if err != nil {
		c.fail(s.Source, "service %s: %w", s.Name, err)
		return
	}
	key := digest("upstream", s.Name.String(), s.Address, string(tlsSettings), fmt.Sprint(c.rev.Settings.Timeouts))
	if c.Previous != nil && c.Previous.upstreams[key] != nil {
		c.table.upstreams[key] = c.Previous.upstreams[key]
	} else {
		c.table.upstreams[key] = up.pooled
	}
	up.pooled = c.table.upstreams[key]
	up.Chain = c.chain(s.Name.String(), s.Policies, nil)
	built.up, built.pool = up, key
	c.services[s.Name], c.table.services[s.Name] = up, built
}

// api puts an API behind its port, taken over or compiled.
func (c *compiler) api(a *revision.API) {
	bare := a.Bare()
	built := c.takeAPI(&bare)
	if built == nil {
		built = c.buildAPI(a)
		built.from = bare
	}
	c.table.apis[a.Name] = built
	address := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	l := c.table.Listeners[address]
	if l == nil {
		l = &Listener{Address: address}
		c.table.Listeners[address] = l
	}
	if err := l.add(built.api); err != nil {
		c.fail(a.Source, "API %s: %w", a.Name, err)
	}
	if built.tls != nil {
		l.TLS = built.tls
	}
}

func (c *compiler) buildAPI(a *revision.API) *builtAPI {
	name := a.Name.String()
	built := &builtAPI{inputs: c.begin()}
	defer c.end()
	clients, err := c.clients(a.Clients)
	if err != nil {
		c.fail(a.Source, "API %s: %w", name, err)
	}
	built.api = &API{Name: name, BasePath: a.BasePath, Labels: a.Labels, Chain: c.chain(name, a.Policies, clients)}
	for i, r := range a.Routes {
		compiled, err := c.route(r)
		if err != nil {
			c.fail(a.Source, "API %s: route %d: %w", name, i+1, err)
			continue
		}
		built.api.routes = append(built.api.routes, compiled)
	}
	if a.TLS == nil {
		return built
	}
	if built.tls, err = c.serverTLS(a.TLS); err != nil {
		c.fail(a.Source, "API %s: tls: %w", name, err)
	}
	return built
}

// serverTLS makes the server's side of TLS, once for the equal settings of the
// APIs of a port.
func (c *compiler) serverTLS(settings json.RawMessage) (*tls.Config, error) {
	resolved, err := c.resolve("tls", settings)
	if err != nil {
		return nil, err
	}
	key := digest("tls", string(resolved))
	if c.table.serverTLS[key] == nil {
		config, err := tlsinbound.Config(resolved)
		if err != nil {
			return nil, err
		}
		c.table.serverTLS[key] = config
	}
	return c.table.serverTLS[key], nil
}

func (c *compiler) route(r revision.Route) (route, error) {
	rules, err := compileRules(r.Rules)
	if err != nil {
		return route{}, err
	}
	compiled := route{rules: rules}
	for _, t := range r.Targets {
		up := c.services[t.Service]
		if up == nil {
			return route{}, fmt.Errorf("there is no service %s", t.Service)
		}
		weight := max(t.Weight, 1)
		compiled.weights += weight
		compiled.targets = append(compiled.targets, Target{Upstream: up, path: joinPath(up.Path, t.DestinationPath), weight: weight})
	}
	if len(compiled.targets) == 0 {
		return route{}, errors.New("it has no target")
	}
	return compiled, nil
}

func joinPath(base, destination string) string {
	if destination == "" {
		return base
	}
	return base + "/" + strings.TrimPrefix(destination, "/")
}

// policyCalls makes the client of policies by settings of TLS, or takes that of
// the table in service when they are the same.
func (c *compiler) policyCalls(settings json.RawMessage) (*http.Client, error) {
	resolved, err := c.resolve("tls-outbound", settings)
	if err != nil {
		return nil, err
	}
	if c.Previous != nil && c.Previous.policyCalls.settings == string(resolved) {
		c.table.policyCalls = c.Previous.policyCalls
		return c.table.policyCalls.client, nil
	}
	config, err := clientTLS(resolved)
	if err != nil {
		return nil, err
	}
	c.table.policyCalls = policyCalls{string(resolved), PolicyClient(config)}
	return c.table.policyCalls.client, nil
}

// resolve replaces references and checks the result by the policy's schema.
func (c *compiler) resolve(name string, settings json.RawMessage) (json.RawMessage, error) {
	entry := c.Catalogue.Find(name)
	if entry == nil {
		return nil, errors.New("it is not in the catalogue")
	}
	resolved, err := entry.Resolve(settings, c.expand)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, p := range entry.Check(resolved) {
		problems = append(problems, errors.New(p.String()))
	}
	return resolved, errors.Join(problems...)
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
