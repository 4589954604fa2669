package judge

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
)

// baseline is all descriptions, ready for look-ups.
type baseline struct {
	descriptions []*description
	// whole finds by the whole path, within by the path below the base path of an API.
	whole  trie
	within map[string]*trie
	// named are operations that the content names (GraphQL, SOAP), by that name.
	named map[string][]end
	// hosts are those that the servers of some description name.
	hosts    map[string]bool
	patterns [][]string
	byAPI    map[string][]*description
	// withFlows are those of projects.
	withFlows []*description
}

// description is one description, ready for look-ups.
type description struct {
	*discovery.Described
	index      int
	operations []*described
	// hosts are those of its servers, patterns those with variables.
	hosts    []string
	patterns [][]string
	views    views
	// first is the first call of anything of its API.
	first time.Time
	// flowTrie finds the flows of a project.
	flowTrie trie
}

// title is what its versions have in common.
func (d *description) title() string {
	if d.Document != nil && d.Document.Description != nil && d.Document.Description.Title != "" {
		return d.Document.Description.Title
	}
	return d.Name
}

// over says that the description as a whole is not in force at a moment.
func (d *description) over(now time.Time) bool {
	return d.Superseded || !d.Retired.IsZero() && !d.Retired.After(now)
}

// protocol tells languages whose operations are named by the content.
func (d *description) byName() bool {
	return d.Document != nil && (d.Document.Language == spec.GraphQL || d.Document.Language == spec.WSDL11)
}

func newBaseline(all []discovery.Described) *baseline {
	b := &baseline{within: map[string]*trie{}, named: map[string][]end{}, hosts: map[string]bool{}, byAPI: map[string][]*description{}}
	for i := range all {
		d := &description{Described: &all[i], index: i}
		b.descriptions = append(b.descriptions, d)
		if d.API != "" {
			b.byAPI[d.API] = append(b.byAPI[d.API], d)
		}
		if len(d.Flows) > 0 {
			d.addFlows()
			b.withFlows = append(b.withFlows, d)
		}
		if d.Document == nil || d.Document.Description == nil {
			continue
		}
		d.views = views{doc: d.Document, expanded: map[*tree.Node]*shapes{}}
		b.servers(d)
		for k := range d.Document.Description.Operations {
			op := &described{Operation: &d.Document.Description.Operations[k], index: k}
			op.sunset, _ = moment(op.Sunset)
			d.operations = append(d.operations, op)
			b.add(d, op)
		}
	}
	return b
}

func (b *baseline) servers(d *description) {
	for _, address := range d.addresses() {
		u, rest, ok := strings.Cut(address, "://")
		if !ok {
			if rest, ok = strings.CutPrefix(u, "//"); !ok {
				continue
			}
		}
		host, _, _ := strings.Cut(rest, "/")
		host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80"))
		switch {
		case host == "":
		case strings.Contains(host, "{"):
			d.patterns = append(d.patterns, parts(host))
			b.patterns = append(b.patterns, parts(host))
		default:
			d.hosts = append(d.hosts, host)
			b.hosts[host] = true
		}
	}
}

// addresses are those of the servers, with the variables that may be anything.
func (d *description) addresses() []string {
	root := d.Document.Root
	if servers := root.Get("servers"); servers.Is(tree.Array) {
		return serverAddresses(servers)
	}
	return d.Document.Description.Servers
}

// maxAddresses is how many addresses the variables of one description's servers may make.
const maxAddresses = 100

// serverAddresses opens the variables of servers: those with an enumeration, and those
// that are versions, are written out; others stay templates.
func serverAddresses(servers *tree.Node) []string {
	var all []string
	for _, s := range servers.List() {
		made := []string{s.Get("url").Str()}
		for _, v := range s.Get("variables").Fields() {
			values := textsOf(v.Value.Get("enum"))
			if len(values) == 0 && strings.Contains(strings.ToLower(v.Name), "version") {
				values = []string{v.Value.Get("default").Str()}
			}
			if len(values) == 0 {
				continue
			}
			var next []string
			for _, address := range made {
				for _, value := range values {
					if len(next) < maxAddresses && len(address) < 4096 {
						next = append(next, strings.ReplaceAll(address, "{"+v.Name+"}", value))
					}
				}
			}
			made = next
		}
		for _, address := range made {
			if len(all) < maxAddresses && !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	return all
}

func textsOf(list *tree.Node) []string {
	var all []string
	for _, item := range list.List() {
		all = append(all, item.Str())
	}
	return all
}

// pathOf is the path of an address, without a slash at its end.
func pathOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = "//" + rest
	}
	if rest, ok := strings.CutPrefix(address, "//"); ok {
		_, path, _ := strings.Cut(rest, "/")
		address = "/" + path
	}
	address, _, _ = strings.Cut(address, "?")
	address, _, _ = strings.Cut(address, "#")
	if decoded, err := url.PathUnescape(address); err == nil {
		address = decoded
	}
	if address = strings.Trim(address, "/"); address == "" {
		return ""
	}
	return "/" + address
}

// bases are the base paths of an operation; own says that they are the description's.
func (d *description) bases(op *described) (bases []string, own bool) {
	if len(d.BasePaths) > 0 {
		for _, base := range d.BasePaths {
			bases = append(bases, pathOf("/"+strings.TrimPrefix(base, "/")))
		}
		return bases, false
	}
	addresses := d.addresses()
	if item := d.Document.Root.Get("paths").Get(op.Path); item != nil {
		for _, n := range []*tree.Node{item, item.Get(strings.ToLower(op.Method))} {
			if servers := n.Get("servers"); len(servers.List()) > 0 {
				addresses = serverAddresses(servers)
			}
		}
	}
	for _, address := range addresses {
		if base := pathOf(address); !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	if len(bases) == 0 {
		bases = []string{""}
	}
	return bases, true
}

func (b *baseline) add(d *description, op *described) {
	if d.byName() {
		name := op.ID[strings.LastIndexByte(op.ID, '.')+1:]
		b.named[name] = append(b.named[name], end{description: d, operation: op})
		return
	}
	bases, own := d.bases(op)
	for _, base := range bases {
		b.whole.add(base+op.Path, end{description: d, operation: op, base: base})
		if own && d.API != "" {
			b.inside(d.API).add(base+op.Path, end{description: d, operation: op, base: base})
		}
	}
	if own && d.API != "" && !slices.Contains(bases, "") {
		b.inside(d.API).add(op.Path, end{description: d, operation: op})
	}
}

func (b *baseline) inside(api string) *trie {
	if b.within[api] == nil {
		b.within[api] = &trie{}
	}
	return b.within[api]
}

// applies says whether a description is of an operation's API or host.
func (b *baseline) applies(d *description, op *discovery.Operation) bool {
	switch {
	case d.API != "" && op.API != "":
		return d.API == op.API
	case d.Host != "" && op.Host != "*" && op.Host != "":
		return d.Host == op.Host
	case d.Host != "" || op.Host == "*" || op.Host == "":
		return true
	case len(d.hosts)+len(d.patterns) == 0:
		return true
	case b.hosts[op.Host] || fitsAny(op.Host, b.patterns):
		return slices.Contains(d.hosts, op.Host) || fitsAny(op.Host, d.patterns)
	}
	return true
}

func fitsAny(host string, patterns [][]string) bool {
	return slices.ContainsFunc(patterns, func(text []string) bool { return fits(host, text) })
}

// find gives the described operations that a learned one is, at most one of each
// description: the most specific.
func (b *baseline) find(op *discovery.Operation, method string, wide bool) []end {
	var all []end
	s := search{left: maxVisits, wide: wide, found: func(e end) {
		if e.operation.Method != method || !b.applies(e.description, op) {
			return
		}
		if !wide && slices.ContainsFunc(all, func(other end) bool { return other.description == e.description }) {
			return
		}
		all = append(all, e)
	}}
	s.walk(&b.whole, segmentsOf(op.Path))
	if inside := b.within[op.API]; inside != nil && op.API != "" {
		if below, ok := spec.Below(op.BasePath, op.Path, op.Path); ok {
			s.walk(inside, segmentsOf(below))
		}
	}
	return all
}

// findNamed gives the described operations whose name the content tells.
func (b *baseline) findNamed(op *discovery.Operation) []end {
	kind, name, two := strings.Cut(op.Name, " ")
	if !two {
		name = kind
	}
	var all []end
	for _, e := range b.named[name] {
		if !b.applies(e.description, op) {
			continue
		}
		graph := e.description.Document.Language == spec.GraphQL
		if graph != (op.Protocol == discovery.GraphQL) || graph && two && e.operation.ID != kind+"."+name {
			continue
		}
		if graph && len(e.description.BasePaths) > 0 && !slices.ContainsFunc(e.description.BasePaths, func(base string) bool {
			return pathOf("/"+strings.TrimPrefix(base, "/")) == strings.TrimSuffix(op.Path, "/")
		}) {
			continue
		}
		all = append(all, e)
	}
	return all
}

// moment reads when something ends: a time, a day, or a date as HTTP writes it.
func moment(text string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339, time.DateOnly, time.RFC1123, time.RFC850, time.DateTime} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
