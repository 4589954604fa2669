package inventory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
)

// Unadopted is an API that is called and that no instance serves.
type Unadopted struct {
	Host, Base string
	Operations int
	Requests   uint64
	Risk       int
	Upstreams  []string
}

// maxUnadopted bounds the list of what can be adopted.
const maxUnadopted = 200

// Unadopted are the APIs that are called past every instance, by host and base path,
// the riskiest first.
func (s *Service) Unadopted(ctx context.Context, p control.Principal) ([]Unadopted, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	all := map[string]*Unadopted{}
	for _, r := range pic.rows {
		if r.API != "" || r.Requests == 0 || r.Hidden() {
			continue
		}
		base := BaseOf(r.Path)
		u := all[r.Host+base]
		if u == nil {
			u = &Unadopted{Host: r.Host, Base: base}
			all[r.Host+base] = u
		}
		u.Operations++
		u.Requests += r.Requests
		u.Risk = max(u.Risk, r.Risk)
		for _, up := range r.Upstreams {
			if !slices.Contains(u.Upstreams, up) && len(u.Upstreams) < 3 {
				u.Upstreams = append(u.Upstreams, up)
			}
		}
	}
	out := make([]Unadopted, 0, len(all))
	for _, u := range all {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b Unadopted) int {
		return cmp.Or(b.Risk-a.Risk, b.Operations-a.Operations, strings.Compare(a.Host+a.Base, b.Host+b.Base))
	})
	return out[:min(len(out), maxUnadopted)], nil
}

var versionSegment = regexp.MustCompile(`^v\d+([.-]\d+)*$`)

// BaseOf guesses the base path: the first segment, and those after it as long as they
// are general words or versions.
func BaseOf(path string) string {
	base := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if part == "" || strings.Contains(part, "{") {
			break
		}
		general := part == "api" || part == "rest" || versionSegment.MatchString(part)
		if base != "" && !general && !strings.HasSuffix(base, "/api") && !strings.HasSuffix(base, "/rest") {
			break
		}
		base += "/" + part
	}
	return base
}

// Adopting is what an API is adopted with.
type Adopting struct {
	// Host and Base say which operations: those of the host at or below the base path.
	Host, Base string
	// Namespace and Name are those of the instance; Listen its address, without path;
	// Upstream where requests are sent to.
	Namespace, Name, Listen, Upstream string
}

// Plan is what an action would do, to be looked at first.
type Plan struct {
	// Name is that of the adoption; Files are what would be written, by name.
	Name, API, Policy, Kind string
	Files                   []PlannedFile
	// Why says what it is good for; Notes what to think of.
	Why   string
	Notes []string
	// Edit are settings that somebody must look at first.
	Edit []string
	// Operations is how many operations it is made of.
	Operations int
}

// PlannedFile is a file of a plan.
type PlannedFile struct{ Name, Text string }

var resourceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// check fills in what was left out, and says what is wrong.
func (a *Adopting) check(upstream string) error {
	a.Host, a.Base = strings.ToLower(strings.TrimSpace(a.Host)), "/"+strings.Trim(strings.TrimSpace(a.Base), "/")
	a.Name, a.Namespace = strings.TrimSpace(a.Name), cmp.Or(strings.TrimSpace(a.Namespace), "default")
	if a.Name == "" {
		a.Name = suggestedName(a.Host, a.Base)
	}
	a.Listen, a.Upstream = cmp.Or(strings.TrimSpace(a.Listen), "http://0.0.0.0:8081"), strings.TrimSpace(a.Upstream)
	if a.Upstream == "" {
		a.Upstream = cmp.Or(upstream, "http://"+a.Host)
	}
	switch {
	case !resourceName.MatchString(a.Name) || !resourceName.MatchString(a.Namespace):
		return wrong("name and namespace are small letters, digits and hyphens, at most 63")
	case strings.ContainsAny(a.Base, "{}") || !printable(a.Base) || len(a.Base) > maxPath:
		return wrong("the base path must not hold templates")
	}
	if a.Base == "/" {
		a.Base = ""
	}
	listen, err := url.Parse(a.Listen)
	if err != nil || listen.Scheme != "http" || listen.Path != "" || listen.RawQuery != "" || listen.User != nil {
		return wrong("the address to listen on must be http, host and port, as http://0.0.0.0:8081; TLS is a policy that you add to the manifest")
	}
	if _, err := netip.ParseAddrPort(listen.Host); err != nil {
		return wrong("the address to listen on must have an IP address and a port, as http://0.0.0.0:8081")
	}
	up, err := url.Parse(a.Upstream)
	if err != nil || up.Scheme != "http" && up.Scheme != "https" || up.Host == "" || up.User != nil || up.RawQuery != "" || !printable(a.Upstream) || len(a.Upstream) > maxPath {
		return wrong("the upstream must be an http or https URL without user and query, as http://10.0.0.7:8080")
	}
	return nil
}

// address is that of the first of some upstreams: of a service that the revision has,
// or of a host and port.
func (s *Service) address(upstreams []string) string {
	for _, name := range upstreams {
		if !strings.Contains(name, "/") {
			return "http://" + name
		}
		if rev := s.o.Serving(); rev != nil {
			for i := range rev.Services {
				if u, err := url.Parse(rev.Services[i].Address); err == nil && rev.Services[i].Name.String() == name && u.User == nil {
					return rev.Services[i].Address
				}
			}
		}
	}
	return ""
}

// suggestedName makes the name of a resource of a host and base path.
func suggestedName(host, base string) string {
	text := base
	if strings.Trim(base, "/") == "" || base == "/api" {
		text = host + base
	}
	text = strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text)), "-")
	for strings.Contains(text, "--") {
		text = strings.ReplaceAll(text, "--", "-")
	}
	return cmp.Or(strings.Trim(text[:min(len(text), 50)], "-"), "api")
}

// PlanAdoption says what adopting an API would write: an instance that passes its
// requests on, and a description of what was learned. It also completes what was left out
// of a.
func (s *Service) PlanAdoption(ctx context.Context, p control.Principal, a *Adopting) (*Plan, error) {
	pic, err := s.now(ctx, p)
	if err != nil {
		return nil, err
	}
	var upstreams []string
	var rows []*Row
	base := "/" + strings.Trim(strings.TrimSpace(a.Base), "/")
	for _, i := range pic.orders["path"] {
		r := pic.rows[i]
		if r.API == "" && r.Requests > 0 && strings.EqualFold(r.Host, strings.TrimSpace(a.Host)) && below(r.Path, base) {
			rows = append(rows, r)
			upstreams = append(upstreams, r.Upstreams...)
		}
	}
	if err := a.check(s.address(upstreams)); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, wrong("no operation that no instance serves was seen at %s%s", a.Host, a.Base)
	}
	ops, err := s.load(ctx, rows)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := s.o.Export(&text, ops, Written{Format: "openapi.yaml", Title: a.Name, Base: a.Base}); err != nil {
		return nil, err
	}
	file := a.Namespace + "-" + a.Name
	plan := &Plan{
		Name: file, Kind: "api", API: a.Namespace + "/" + a.Name, Operations: len(ops),
		Why: fmt.Sprintf("requests to %s%s pass through Farrier, which counts, records and can refuse them", a.Listen, a.Base),
		Notes: []string{
			"Point clients or the load balancer at the instance's address; until then nothing changes for them.",
			"The description is a draft of what was seen. Read it before others build on it.",
		},
		Files: []PlannedFile{{file + ".yaml", instanceManifest(a, file+".openapi.yaml")}, {file + ".openapi.yaml", text.String()}},
	}
	return plan, nil
}

// below says whether a path is a base path or lies below it.
func below(path, base string) bool {
	base = strings.TrimSuffix(base, "/")
	return path == base || strings.HasPrefix(path, base+"/")
}

// quoted is a text as YAML and JSON write it.
func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		return strconv.Quote(text)
	}
	return string(out)
}

func instanceManifest(a *Adopting, description string) string {
	return fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: %s
  namespace: %s
  annotations: {farrier/specification: %s}
spec:
  address: %s
  services:
    upstream:
      address: %s
      routes:
      - config: {destinationPath: %s}
`, quoted(a.Name), quoted(a.Namespace), quoted(description), quoted(a.Listen+cmp.Or(a.Base, "/")), quoted(a.Upstream), quoted(cmp.Or(a.Base, "/")))
}

// Adopt carries a plan of adoption out.
func (s *Service) Adopt(ctx context.Context, p control.Principal, a *Adopting) (*Plan, error) {
	plan, err := s.PlanAdoption(ctx, p, a)
	if err != nil {
		return nil, err
	}
	return plan, s.carryOut(ctx, p, plan, audit.APIAdopted)
}

// load reads operations from the store.
func (s *Service) load(ctx context.Context, rows []*Row) ([]*discovery.Operation, error) {
	if len(rows) > maxExport {
		return nil, wrong("these are %d operations; narrow the choice to %d at most", len(rows), maxExport)
	}
	t, err := s.tables()
	if err != nil {
		return nil, err
	}
	out := make([]*discovery.Operation, 0, len(rows))
	for _, r := range rows {
		op, err := t.source.Get(ctx, r.ID)
		switch {
		case isGone(err):
		case err != nil:
			return nil, err
		default:
			out = append(out, op)
		}
	}
	return out, nil
}
