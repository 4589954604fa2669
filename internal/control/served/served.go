// Package served shows operators what a gateway serves: the revision in
// service and the last change that was refused, its APIs with their bindings in
// the order in which they run, and the services behind them. No secret leaves
// it: settings are masked by their schemas.
package served

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
)

// Problem is one thing wrong with the manifests, and how to mend it.
type Problem = manifest.Problem

// Publication is the state of publishing.
type Publication struct {
	// Serving is nil before the first revision. It must not be changed.
	Serving *revision.Revision
	// Since is when it came into service.
	Since time.Time
	// FromDisk says that the last good revision serves because the manifests can't.
	FromDisk bool
	// Warnings are those of the revision in service.
	Warnings []Problem
	// RefusedAt and Refused tell of the last change that was not put into
	// service; RefusedAt is zero when the manifests as they are now serve.
	RefusedAt time.Time
	Refused   []Problem
}

// Counts is what the service asks of the traffic; *monitor.Monitor is the one
// to use.
type Counts interface {
	APIs(ctx context.Context, since time.Time) ([]monitor.Totals, error)
	Operations(ctx context.Context, api string, since time.Time) ([]monitor.Totals, error)
}

// Options are what the service works with. All are required.
type Options struct {
	// Where is the environment whose operators may ask.
	Where       access.Place
	Publication func() Publication
	Counts      Counts
	Catalogue   *policy.Catalogue
	Log         *slog.Logger
}

// Service answers operators.
type Service struct{ o Options }

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Where == nil || o.Publication == nil || o.Counts == nil || o.Catalogue == nil || o.Log == nil {
		return nil, errors.New("served: Where, Publication, Counts, Catalogue and Log are required")
	}
	return &Service{o: o}, nil
}

// Status is what is in service and what was refused.
type Status struct {
	// Number is 0 before the first revision.
	Number         uint64
	Digest         string
	Created, Since time.Time
	FromDisk       bool
	// APIs and Services are how many there are.
	APIs, Services int
	Warnings       []Problem
	RefusedAt      time.Time
	Refused        []Problem
}

// Upstream is a service as it is served.
type Upstream struct {
	Name, Address string
	Bindings      []Binding
	Source        revision.Source
}

// Status tells what is in service.
func (s *Service) Status(p control.Principal) (Status, error) {
	if err := control.Authorise(p, access.ViewAPIs, s.o.Where.At()); err != nil {
		return Status{}, err
	}
	now := s.o.Publication()
	st := Status{
		Since: now.Since, FromDisk: now.FromDisk, Warnings: now.Warnings,
		RefusedAt: now.RefusedAt, Refused: now.Refused,
	}
	if r := now.Serving; r != nil {
		st.Number, st.Digest, st.Created = r.Number, r.Digest, r.Created
		st.APIs, st.Services = len(r.APIs), len(r.Services)
	}
	return st, nil
}

// Services lists a part of the services whose name or address holds a text, and how
// many of them there are in all.
func (s *Service) Services(p control.Principal, text string, from, limit int) (list []Upstream, total int, err error) {
	if err := control.Authorise(p, access.ViewAPIs, s.o.Where.At()); err != nil {
		return nil, 0, err
	}
	r := s.o.Publication().Serving
	if r == nil {
		return nil, 0, nil
	}
	text = strings.ToLower(text)
	for i := range r.Services {
		one := &r.Services[i]
		if !strings.Contains(strings.ToLower(one.Name.String()), text) && !strings.Contains(strings.ToLower(withoutUser(one.Address)), text) {
			continue
		}
		if total++; total > from && len(list) < limit {
			list = append(list, s.upstream(one))
		}
	}
	return list, total, nil
}

// Refused says whether a change was refused since the revision in service, and
// when.
func (s *Service) Refused(p control.Principal) (at time.Time, refused bool) {
	if control.Authorise(p, access.ViewAPIs, s.o.Where.At()) != nil {
		return time.Time{}, false
	}
	at = s.o.Publication().RefusedAt
	return at, !at.IsZero()
}

// Names are the names of all APIs and of all policies bound to them or to
// services, for lists to choose from.
func (s *Service) Names(p control.Principal) (apis, policies []string) {
	r := s.o.Publication().Serving
	if control.Authorise(p, access.ViewAPIs, s.o.Where.At()) != nil || r == nil {
		return nil, nil
	}
	bound := map[string]bool{}
	note := func(bindings []revision.Binding) {
		for i := range bindings {
			bound[bindings[i].Policy] = true
		}
	}
	for i := range r.APIs {
		apis = append(apis, r.APIs[i].Name.String())
		note(r.APIs[i].Policies)
	}
	for i := range r.Services {
		note(r.Services[i].Policies)
	}
	return apis, slices.Sorted(maps.Keys(bound))
}

// API is an API as it is served, or only as it was called.
type API struct {
	Name string
	// Served says that the revision in service has it; else only its traffic is
	// known, and Address to Bindings are empty.
	Served bool
	// Address is scheme, host and port, as "http://0.0.0.0:8081".
	Address, BasePath string
	Labels            []Label
	Bindings          int
	Traffic           monitor.Totals
}

// Label is one label of an API.
type Label struct{ Name, Value string }

// APIs lists the APIs in service, and those that were called since a time.
// counted says whether the counts could be read; without them the list still
// tells what is served.
func (s *Service) APIs(ctx context.Context, p control.Principal, since time.Time) (apis []API, counted bool, err error) {
	if err := control.Authorise(p, access.ViewAPIs, s.o.Where.At()); err != nil {
		return nil, false, err
	}
	totals, err := s.o.Counts.APIs(ctx, since)
	if counted = err == nil; !counted {
		s.o.Log.ErrorContext(ctx, "no counts for the list of APIs", "component", "control", "error", err)
	}
	called := map[string]monitor.Totals{}
	for _, t := range totals {
		called[t.API] = t
	}
	if r := s.o.Publication().Serving; r != nil {
		for i := range r.APIs {
			api := outline(&r.APIs[i])
			api.Traffic = called[api.Name]
			delete(called, api.Name)
			apis = append(apis, api)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(called)) {
		apis = append(apis, API{Name: name, Traffic: called[name]})
	}
	return apis, counted, nil
}

func outline(a *revision.API) API {
	api := API{
		Name: a.Name.String(), Served: true, BasePath: a.BasePath, Address: address(a),
		Bindings: len(a.Policies),
	}
	if len(a.TLS) > 0 {
		api.Bindings++
	}
	if api.BasePath == "" {
		api.BasePath = "/"
	}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		api.Labels = append(api.Labels, Label{name, a.Labels[name]})
	}
	return api
}

// Contract is a client application's access to an API. Its secret never comes
// here.
type Contract struct {
	ID, Name, Tier string
	// State is PENDING, REJECTED or REVOKED, which give no access, or empty.
	State  string
	Limits []revision.Limit
	Source revision.Source
}

// Detail is one API with all that is served under it.
type Detail struct {
	API
	Routes     []revision.Route
	Bindings   []Binding
	Services   []Upstream
	Contracts  []Contract
	Operations []monitor.Totals
	// Counted says whether the counts could be read.
	Counted bool
	Source  revision.Source
}

// API tells of one API by its namespace/name, or control.ErrNotFound when it is
// neither in service nor was called since the time.
func (s *Service) API(ctx context.Context, p control.Principal, name string, since time.Time) (Detail, error) {
	if err := control.Authorise(p, access.ViewAPIs, s.o.Where.At()); err != nil {
		return Detail{}, err
	}
	var d Detail
	r := s.o.Publication().Serving
	if r != nil {
		if at := slices.IndexFunc(r.APIs, func(a revision.API) bool { return a.Name.String() == name }); at >= 0 {
			d = s.detail(r, &r.APIs[at])
		}
	}
	operations, err := s.o.Counts.Operations(ctx, name, since)
	if d.Counted = err == nil; !d.Counted {
		s.o.Log.ErrorContext(ctx, "no counts for an API", "component", "control", "api", name, "error", err)
	}
	if !d.Served && len(operations) == 0 {
		return Detail{}, control.ErrNotFound
	}
	d.Name, d.Operations = name, operations
	for i := range operations {
		d.Traffic.Add(operations[i].Slot)
	}
	d.Traffic.P50, d.Traffic.P95, d.Traffic.P99 = d.Traffic.Quantile(0.5), d.Traffic.Quantile(0.95), d.Traffic.Quantile(0.99)
	return d, nil
}

func (s *Service) detail(r *revision.Revision, a *revision.API) Detail {
	d := Detail{API: outline(a), Routes: a.Routes, Source: a.Source}
	if len(a.TLS) > 0 {
		d.Bindings = append(d.Bindings, s.tls("tls", a.TLS, a.Source))
	}
	for i := range a.Policies {
		d.Bindings = append(d.Bindings, s.binding(&a.Policies[i], a.Name))
	}
	for i := range a.Clients {
		c := &a.Clients[i]
		d.Contracts = append(d.Contracts, Contract{c.ID, c.Name, c.Tier, c.State, c.Limits, c.Source})
	}
	wanted := map[revision.Name]bool{}
	for i := range a.Routes {
		for j := range a.Routes[i].Targets {
			wanted[a.Routes[i].Targets[j].Service] = true
		}
	}
	for i := range r.Services {
		if wanted[r.Services[i].Name] {
			d.Services = append(d.Services, s.upstream(&r.Services[i]))
		}
	}
	return d
}

// Written tells where the bindings of an API and its services were written, by
// their namespace/name, as long as the given revision serves; else nothing.
func (s *Service) Written(p control.Principal, number uint64, api string) map[string]revision.Source {
	r := s.o.Publication().Serving
	if control.Authorise(p, access.ViewAPIs, s.o.Where.At()) != nil || r == nil || r.Number != number {
		return nil
	}
	at := slices.IndexFunc(r.APIs, func(a revision.API) bool { return a.Name.String() == api })
	if at < 0 {
		return nil
	}
	written := map[string]revision.Source{}
	for i := range r.Services {
		for _, b := range r.Services[i].Policies {
			written[b.Name.String()] = b.Source
		}
	}
	for _, b := range r.APIs[at].Policies {
		written[b.Name.String()] = b.Source
	}
	return written
}
