package router

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
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

// state is what the steps of one binding keep across revisions.
type state struct {
	mu     *sync.Mutex
	values map[string]any
}

// Compile makes the table of a revision, or says all that is wrong with it.
// The previous table goes on serving untouched.
func Compile(rev *revision.Revision, o Options) (*Table, error) {
	c := &compiler{
		Options: o, rev: rev,
		table: &Table{
			Revision: rev, Listeners: map[string]*Listener{}, states: map[string]state{},
			compiled: map[string]policy.Compiled{}, upstreams: map[string]*pooled{},
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
}

// surroundings opens what all steps of the revision use.
func (c *compiler) surroundings() {
	if c.Local == nil {
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
}

func (c *compiler) fail(at revision.Source, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if at.File != "" {
		err = fmt.Errorf("%s:%d: %w", at.File, at.Line, err)
	}
	c.problems = append(c.problems, err)
}

func (c *compiler) service(s *revision.Service) {
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
	c.services[s.Name] = up
}

func (c *compiler) api(a *revision.API) {
	name := a.Name.String()
	clients, err := c.clients(a.Clients)
	if err != nil {
		c.fail(a.Source, "API %s: %w", name, err)
	}
	api := &API{Name: name, BasePath: a.BasePath, Labels: a.Labels, Chain: c.chain(name, a.Policies, clients)}
	for i, r := range a.Routes {
		compiled, err := c.route(r)
		if err != nil {
			c.fail(a.Source, "API %s: route %d: %w", name, i+1, err)
			continue
		}
		api.routes = append(api.routes, compiled)
	}
	address := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	l := c.table.Listeners[address]
	if l == nil {
		l = &Listener{Address: address}
		c.table.Listeners[address] = l
	}
	if err := l.add(api); err != nil {
		c.fail(a.Source, "API %s: %w", name, err)
	}
	if a.TLS == nil {
		return
	}
	resolved, err := c.resolve("tls", a.TLS)
	if err != nil {
		c.fail(a.Source, "API %s: tls: %w", name, err)
		return
	}
	if l.TLS, err = tlsinbound.Config(resolved); err != nil {
		c.fail(a.Source, "API %s: tls: %w", name, err)
	}
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

func (c *compiler) clients(list []revision.Client) (*policy.Clients, error) {
	made := make([]*policy.Client, 0, len(list))
	denied := map[string]string{}
	for _, one := range list {
		if one.State != "" {
			denied[one.ID] = one.State
			continue
		}
		secret, err := c.Expand(one.Secret)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", one.ID, err)
		}
		limits := make([]policy.Limit, len(one.Limits))
		for i, l := range one.Limits {
			limits[i] = policy.Limit{Max: l.MaximumRequests, Period: l.TimePeriodInMilliseconds, Burst: l.Burst}
		}
		made = append(made, policy.NewClient(one.ID, one.Name, secret, one.Tier, limits))
	}
	clients, err := policy.NewClients(made)
	if err != nil {
		return nil, err
	}
	for id, state := range denied {
		clients.Deny(id, state)
	}
	return clients, nil
}

func (c *compiler) chain(target string, bindings []revision.Binding, clients *policy.Clients) *policy.Chain {
	links := make([]policy.Link, 0, len(bindings))
	for i := range bindings {
		b := &bindings[i]
		link, err := c.link(target, b, clients)
		if err != nil {
			c.fail(b.Source, "%s: policy %s: %w", target, b.Policy, err)
			continue
		}
		links = append(links, link)
	}
	chain, err := policy.NewChain(c.Runtime, links)
	if err != nil {
		c.fail(revision.Source{}, "%s: %w", target, err)
	}
	return chain
}

func (c *compiler) link(target string, b *revision.Binding, clients *policy.Clients) (policy.Link, error) {
	rules, err := compileRules(b.Rules)
	if err != nil {
		return policy.Link{}, err
	}
	entry := c.Catalogue.Find(b.Policy)
	if entry == nil {
		return policy.Link{}, errors.New("it is not in the catalogue")
	}
	settings, err := c.resolve(b.Policy, b.Settings)
	if err != nil {
		return policy.Link{}, err
	}
	key := digest(entry.Name, string(settings))
	if entry.Version != nil {
		key = digest(key, entry.Version())
	}
	compiled := c.table.compiled[key]
	if compiled == nil && c.Previous != nil {
		compiled = c.Previous.compiled[key]
	}
	if compiled == nil {
		if compiled, err = entry.Compile(settings); err != nil {
			return policy.Link{}, err
		}
	}
	c.table.compiled[key] = compiled
	name := b.Name.String()
	step, err := compiled.Bind(policy.Env{
		Now: c.Now, API: target, Binding: name, Clients: clients, HTTP: c.HTTP, Models: c.Models, Capture: c.Capture,
		Shared: c.shared, Local: c.Local, Durable: c.Durable, Tracing: c.tracing, Expand: c.Expand, Module: c.module, Load: c.Runtime.Load,
		Log:   c.Log.With("api", target, "binding", name, "policy", entry.Name),
		State: c.state(digest("state", target, name, key)),
	})
	if err != nil {
		return policy.Link{}, err
	}
	return policy.Link{
		Binding: name, Policy: entry.Name, Mule: strings.HasSuffix(b.As, "-mule"),
		Match: matcher(rules), Step: step,
	}, nil
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

// module is a module of WebAssembly that the revision carries.
func (c *compiler) module(digest string) ([]byte, bool) {
	m, ok := c.rev.Modules[digest]
	return m, ok
}

// state finds what a binding kept in the previous revision, or begins anew.
func (c *compiler) state(key string) func(string, func() any) any {
	s, ok := c.table.states[key]
	if !ok && c.Previous != nil {
		s, ok = c.Previous.states[key]
	}
	if !ok {
		s = state{mu: new(sync.Mutex), values: map[string]any{}}
	}
	c.table.states[key] = s
	return func(name string, make func() any) any {
		s.mu.Lock()
		defer s.mu.Unlock()
		value, ok := s.values[name]
		if !ok {
			value = make()
			s.values[name] = value
		}
		return value
	}
}

// resolve replaces references and checks the result by the policy's schema.
func (c *compiler) resolve(name string, settings json.RawMessage) (json.RawMessage, error) {
	entry := c.Catalogue.Find(name)
	if entry == nil {
		return nil, errors.New("it is not in the catalogue")
	}
	resolved, err := entry.Resolve(settings, c.Expand)
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
