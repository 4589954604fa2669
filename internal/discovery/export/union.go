package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// union is what one operation of a description has: of one operation that was learned,
// or of several that a description can not tell apart.
type union struct {
	route  route
	method string
	of     []*discovery.Operation

	sampled, requests, good uint64
	first, last             time.Time
	parameters              map[place]*discovery.Values
	bodies, answers         map[content]*message
	statuses                map[int]uint64
	authentication          map[discovery.Authentication]uint64
}

type place struct{ in, name string }

type content struct {
	status int
	media  string
}

type message struct {
	count, read uint64
	schema      *discovery.Schema
}

// unite groups the operations by what a description calls one.
func unite(ops []*discovery.Operation, base string) []*union {
	type key struct{ same, method string }
	byKey := map[key]*union{}
	routes := map[string]route{} // by same: the first one names the templates
	var out []*union
	for _, op := range byRequests(ops) {
		r := routeOf(strings.TrimPrefix(op.Path, base))
		if known, ok := routes[r.same]; ok {
			known.original = r.original
			r = known
		}
		routes[r.same] = r
		k := key{r.same, strings.ToUpper(op.Method)}
		u := byKey[k]
		if u == nil {
			u = &union{
				route: r, method: k.method, parameters: map[place]*discovery.Values{}, bodies: map[content]*message{},
				answers: map[content]*message{}, statuses: map[int]uint64{}, authentication: map[discovery.Authentication]uint64{},
			}
			byKey[k] = u
			out = append(out, u)
		}
		u.add(op, r)
	}
	slices.SortFunc(out, func(a, b *union) int {
		return cmp.Or(strings.Compare(a.route.path, b.route.path), strings.Compare(a.method, b.method))
	})
	return out
}

// byRequests puts the operations that are called most first.
func byRequests(ops []*discovery.Operation) []*discovery.Operation {
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(a, b *discovery.Operation) int { return cmp.Compare(b.Requests, a.Requests) })
	return sorted
}

func (u *union) add(op *discovery.Operation, r route) {
	u.of = append(u.of, op)
	u.sampled += op.Sampled
	u.requests += op.Requests
	u.good += op.Good
	if u.first.IsZero() || !op.First.IsZero() && op.First.Before(u.first) {
		u.first = op.First
	}
	if op.Last.After(u.last) {
		u.last = op.Last
	}
	for _, p := range op.Parameters {
		at := place{p.In, p.Name}
		if p.In == "path" {
			i := slices.Index(r.original, p.Name)
			if i < 0 {
				continue
			}
			at.name = r.names[i]
		}
		if p.In == "header" {
			at.name = strings.ToLower(p.Name)
		}
		if u.parameters[at] == nil {
			u.parameters[at] = &discovery.Values{}
		}
		u.parameters[at].Merge(&p.Values)
	}
	addMessages(u.bodies, op.Bodies)
	addMessages(u.answers, op.Answers)
	for status, n := range op.Statuses {
		u.statuses[status] += n
	}
	for kind, n := range op.Authentication {
		u.authentication[kind] += n
	}
}

func addMessages(to map[content]*message, bodies []*discovery.Body) {
	for _, b := range bodies {
		at := content{b.Status, mediaType(b.Media)}
		m := to[at]
		if m == nil {
			m = &message{}
			to[at] = m
		}
		m.count += b.Count
		m.read += b.Read
		if b.Schema == nil {
			continue
		}
		if m.schema == nil {
			m.schema = b.Schema.Clone()
		} else {
			m.schema.Merge(b.Schema)
		}
	}
}

// mediaType gives a media type that can be a key of a description; empty stays empty.
func mediaType(media string) string {
	if media == "" {
		return ""
	}
	kind, sub, ok := strings.Cut(strings.ToLower(media), "/")
	if !ok || !isToken(kind) || !isToken(sub) {
		return "application/octet-stream"
	}
	return kind + "/" + sub
}

// isToken tells a token of HTTP.
func isToken(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return true
}

// some gives the different values of something that the operations have, sorted.
func (u *union) some(of func(*discovery.Operation) string) []string {
	set := map[string]bool{}
	for _, op := range u.of {
		if text := of(op); text != "" {
			set[text] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
