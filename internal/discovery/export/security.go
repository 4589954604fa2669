package export

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// The share of calls without credentials up to which they are required, in
// thousandths, and the calls from which an operation by itself tells that.
const (
	lackingAllowed = 1
	requiredAfter  = 20
)

// security writes by which credentials an operation is called, and tells which
// parameters are such. Only places where credentials were seen are named.
func (d *description) security(u *union, out map[string]any) map[place]bool {
	keys := map[place]bool{}
	var alternatives []any
	add := func(name string, scheme map[string]any) {
		alternatives = append(alternatives, map[string]any{d.scheme(name, scheme): []any{}})
	}
	var all, lacking uint64
	for _, n := range u.authentication {
		all += n
	}
	for _, kind := range names(u.authentication) {
		kind, n := discovery.Authentication(kind), u.authentication[discovery.Authentication(kind)]
		var placed uint64
		for _, at := range u.credentials(kind) {
			keys[at] = true
			placed += u.parameters[at].Count
			add(word(kind)+title(at.in)+title(at.name), map[string]any{"type": "apiKey", "in": at.in, "name": visible(at.name)})
		}
		if placed > 0 && share(placed, u.sampled)+0.01 >= share(n, all) {
			continue
		}
		if name, scheme := schemeOf(kind); scheme != nil && (placed == 0 || kind != discovery.APIKey) {
			add(name, scheme)
		} else {
			lacking += n
		}
	}
	if len(alternatives) == 0 {
		return keys
	}
	if lacking*1000 > all*lackingAllowed || all < requiredAfter && d.mixed {
		alternatives = append(alternatives, map[string]any{})
	}
	out["security"] = alternatives
	return keys
}

// mixes says whether an operation is called with and without credentials.
func mixes(op *discovery.Operation) bool {
	return len(op.Authentication) > 1 && op.Authentication[discovery.NoAuthentication] > 0
}

// scheme names a scheme, the same one always by the same name.
func (d *description) scheme(name string, scheme map[string]any) string {
	name = plainName(name, "credentials")
	free := name
	for n := 2; d.schemes[free] != nil && !reflect.DeepEqual(d.schemes[free], scheme); n++ {
		free = name + strconv.Itoa(n)
	}
	d.schemes[free] = scheme
	return free
}

// word is how schemes of a kind begin.
func word(kind discovery.Authentication) string {
	if kind == discovery.SessionCookie {
		return "session"
	}
	return camel(strings.Split(string(kind), "-"))
}

// schemeOf gives the scheme of credentials that stand in the Authorization field or in
// the connection, with its name; nil for kinds that a description can not name.
func schemeOf(kind discovery.Authentication) (string, map[string]any) {
	web := func(name, scheme string) (string, map[string]any) {
		return name, map[string]any{"type": "http", "scheme": scheme}
	}
	switch kind {
	case discovery.Bearer:
		return web("bearer", "bearer")
	case discovery.JWTBearer:
		return "jwt", map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
	case discovery.Basic:
		return web("basic", "basic")
	case discovery.Digest:
		return web("digest", "digest")
	case discovery.Negotiate:
		return web("negotiate", "negotiate")
	case discovery.AWSSignature:
		return web("awsSignature", "AWS4-HMAC-SHA256")
	case discovery.HMACSignature:
		return web("hmac", "hmac")
	case discovery.Certificate:
		return "certificate", map[string]any{"type": "mutualTLS"}
	case discovery.APIKey:
		return "apiKeyHeaderAuthorization", map[string]any{"type": "apiKey", "in": "header", "name": "Authorization"}
	default:
		return "", nil
	}
}

// credentials are the parameters that hold credentials of a kind, those that most
// calls had first.
func (u *union) credentials(kind discovery.Authentication) []place {
	var found []place
	for at, v := range u.parameters {
		if at.in != "path" && discovery.CredentialName(at.in, at.name) == kind && v.Count*100 >= u.sampled {
			found = append(found, at)
		}
	}
	slices.SortFunc(found, func(a, b place) int {
		return cmp.Or(cmp.Compare(u.parameters[b].Count, u.parameters[a].Count), strings.Compare(a.in+a.name, b.in+b.name))
	})
	return found
}

// medias tell which media types go together in the messages of an API: where some
// operations answer JSON and XML, one that was seen a few times may, too.
type medias struct {
	together map[[2]string]float64
	alone    map[string]float64
}

// aloneFrom is how often a message of one media type only must have come to tell that
// there is no other.
const aloneFrom = 10

// mediasOf learns from the requests, or the good answers, of all operations.
func mediasOf(unions []*union, answers bool) *medias {
	m := &medias{together: map[[2]string]float64{}, alone: map[string]float64{}}
	for _, u := range unions {
		for _, set := range u.mediaSets(answers) {
			for a, n := range set {
				if len(set) == 1 && n >= aloneFrom {
					m.alone[a]++
				}
				for b := range set {
					if a != b {
						m.together[[2]string{a, b}]++
					}
				}
			}
		}
	}
	return m
}

// mediaSets are the media types of the requests, or of each good status, with how often
// they came.
func (u *union) mediaSets(answers bool) map[int]map[string]uint64 {
	sets := map[int]map[string]uint64{}
	from := u.bodies
	if answers {
		from = u.answers
	}
	for at, m := range from {
		if at.media == "" || answers && at.status/100 != 2 {
			continue
		}
		if sets[at.status] == nil {
			sets[at.status] = map[string]uint64{}
		}
		sets[at.status][at.media] = m.count
	}
	return sets
}

// expected are the media types that may come where only those of set came: more often
// than in one of five hundred messages.
func (m *medias) expected(set map[string]uint64) []string {
	var n uint64
	for _, count := range set {
		n += count
	}
	more := map[string]bool{}
	for pair, together := range m.together {
		if _, seen := set[pair[0]]; !seen || together < 2 {
			continue
		}
		if _, seen := set[pair[1]]; !seen && together/(together+m.alone[pair[0]])/float64(n+2) > 0.002 {
			more[pair[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(more))
}
