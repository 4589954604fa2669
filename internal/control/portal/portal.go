// Package portal is what developers see of APIs: which there are, what their
// descriptions say, and what a call answers. An API is shown to nobody until its
// manifest says to whom, by the label portal: "public" means everybody who may use
// the portal in its environment, and the path of a business group, as "root/7",
// those who may use it there.
package portal

import (
	"cmp"
	"context"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/revision"
)

// Label is the label of an API that says to whom it is shown; Public its value for
// everybody who may use the portal in the environment.
const (
	Label  = "portal"
	Public = "public"
)

// Options are what the service works with; all but Listener are required.
type Options struct {
	Tree control.Tree
	// Serving is the revision in service in an environment, nil for none that is known
	// here.
	Serving func(environment string) *revision.Revision
	// Listener finds the open port of the gateway for an address of an API, as
	// 0.0.0.0:8081; nil for none here. Calls go nowhere else.
	Listener func(environment, address string) net.Addr
	Now      func() time.Time
}

// Service shows APIs to developers. It is safe for concurrent use.
type Service struct {
	o Options

	mu sync.Mutex
	// read are the descriptions by file.
	read map[string]*described
	// calling are the operators whose calls are under way.
	calling map[string]bool
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Tree == nil || o.Serving == nil || o.Now == nil {
		return nil, errors.New("portal: Tree, Serving and Now are required")
	}
	return &Service{o: o, read: map[string]*described{}, calling: map[string]bool{}}, nil
}

// API is an API as developers see it.
type API struct {
	Environment string `json:"environment"`
	// Name is namespace/name.
	Name string `json:"name"`
	// Title, Version and Summary are those of its description.
	Title   string   `json:"title"`
	Version string   `json:"version,omitempty"`
	Summary string   `json:"summary,omitempty"`
	Tags    []string `json:"tags"`
	// Address is where it listens, with its base path.
	Address   string `json:"address"`
	Lifecycle string `json:"lifecycle,omitempty"`
	// Described says that there is a description to read.
	Described bool `json:"described"`
	// Credentials say how a caller shows client id and secret; nil when no policy asks.
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials say where client id and secret stand in a request.
type Credentials struct {
	// Basic says that they are user name and password of HTTP Basic authentication.
	Basic bool `json:"basic,omitempty"`
	// ID and Secret are names of headers, empty when not asked for.
	ID     string `json:"id,omitempty"`
	Secret string `json:"secret,omitempty"`
}

// shown reports whether an API is published to a principal; at is the scope of its
// environment.
func shown(p control.Principal, labels map[string]string, at access.Scope) bool {
	switch to := labels[Label]; to {
	case "":
		return false
	case Public:
		return p.May(access.UsePortal, at)
	default:
		// Grants reach upwards in no case: a name that is no path covers nothing.
		return p.May(access.UsePortal, access.Scope{Group: to})
	}
}

// visible are the APIs of an environment that are published to a principal.
func (s *Service) visible(ctx context.Context, p control.Principal, environment string) ([]*revision.API, error) {
	at, err := s.o.Tree.ScopeOf(ctx, environment)
	if errors.Is(err, access.ErrUnknown) {
		return nil, control.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	var list []*revision.API
	if rev := s.o.Serving(environment); rev != nil && p.Ready() {
		for i := range rev.APIs {
			if shown(p, rev.APIs[i].Labels, at) {
				list = append(list, &rev.APIs[i])
			}
		}
	}
	if len(list) == 0 {
		return nil, control.Authorise(p, access.UsePortal, at)
	}
	return list, nil
}

// Published is nil for an API that a principal may find, and control.ErrNotFound for
// any other.
func (s *Service) Published(ctx context.Context, p control.Principal, environment, api string) error {
	_, err := s.find(ctx, p, environment, api)
	return err
}

func (s *Service) find(ctx context.Context, p control.Principal, environment, api string) (*revision.API, error) {
	list, err := s.visible(ctx, p, environment)
	if err != nil && !errors.Is(err, control.ErrForbidden) {
		return nil, err
	}
	for _, one := range list {
		if one.Name.String() == api {
			return one, nil
		}
	}
	return nil, control.ErrNotFound
}

// List finds APIs of an environment whose name, title, tags or description hold all
// words of a text; an empty text finds all. Those whose name holds them come first.
func (s *Service) List(ctx context.Context, p control.Principal, environment, text string) ([]API, error) {
	list, err := s.visible(ctx, p, environment)
	if err != nil {
		return nil, err
	}
	if len(text) > 200 {
		return nil, &InputError{"q", "longer than 200 bytes"}
	}
	words := strings.Fields(strings.ToLower(text))
	type hit struct {
		API
		rank int
	}
	var hits []hit
	for _, one := range list {
		a := s.api(environment, one)
		named := strings.ToLower(a.Name + " " + a.Title)
		rest := named + " " + strings.ToLower(strings.Join(a.Tags, " ")+" "+a.Summary)
		rank := 0
		for _, word := range words {
			if !strings.Contains(rest, word) {
				rank = -1
				break
			}
			if !strings.Contains(named, word) {
				rank = 1
			}
		}
		if rank >= 0 {
			hits = append(hits, hit{a, rank})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)), strings.Compare(a.Name, b.Name))
	})
	out := make([]API, len(hits))
	for i := range hits {
		out[i] = hits[i].API
	}
	return out, nil
}

// InputError says which field is wrong. It is a control.ErrInvalid.
type InputError struct{ Field, Message string }

// Error is the field and the message.
func (e *InputError) Error() string { return e.Field + ": " + e.Message }

// Unwrap makes it a control.ErrInvalid.
func (e *InputError) Unwrap() error { return control.ErrInvalid }

// api is what the list shows of an API.
func (s *Service) api(environment string, one *revision.API) API {
	a := API{
		Environment: environment, Name: one.Name.String(), Title: one.Name.Name, Tags: []string{}, Lifecycle: one.Labels["lifecycle"],
		Address: one.Scheme + "://" + address(one) + one.BasePath, Credentials: credentials(one),
	}
	if d := s.description(one); d != nil {
		a.Described = len(d.docs.Operations) > 0
		a.Title, a.Version, a.Summary = cmp.Or(d.docs.Title, a.Title), d.docs.Version, clipped(d.docs.Description, 400)
		a.Tags = append(a.Tags, d.docs.Tags...)
	}
	for _, name := range []string{"layer", "tag", "domain"} {
		if value := one.Labels[name]; value != "" {
			a.Tags = append(a.Tags, value)
		}
	}
	slices.Sort(a.Tags)
	a.Tags = slices.Compact(a.Tags)
	return a
}

var headerExpression = regexp.MustCompile(`^#\[\s*attributes\.headers(?:\[['"]([A-Za-z0-9_-]+)['"]\]|\.([A-Za-z0-9_]+))\s*\]$`)

// credentials reads how the policies of an API want to be shown a client.
func credentials(one *revision.API) *Credentials {
	for i := range one.Policies {
		b := &one.Policies[i]
		switch b.Policy {
		case "client-id-enforcement-flex", "rate-limiting-sla-based-flex", "throttling-sla-based":
		default:
			continue
		}
		return credentialsOf(b.Settings)
	}
	return nil
}

// Page is all that the page of an API shows.
type Page struct {
	API
	Docs *Docs `json:"docs,omitempty"`
	// Callable says that a call can be tried from here.
	Callable bool `json:"callable"`
}

// Page gives one API with its documentation.
func (s *Service) Page(ctx context.Context, p control.Principal, environment, api string) (*Page, error) {
	one, err := s.find(ctx, p, environment, api)
	if err != nil {
		return nil, err
	}
	out := &Page{API: s.api(environment, one), Callable: s.listener(environment, one) != nil}
	if d := s.description(one); d != nil {
		out.Docs = d.docs
	}
	return out, nil
}
