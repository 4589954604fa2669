package discovery

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/encoding/form"
)

// places is the order of parameters.
var places = [...]string{"path", "query", "header", "cookie"}

func rankOf(in string) int { return slices.Index(places[:], in) }

func (op *Operation) sortParameters() {
	slices.SortFunc(op.Parameters, compareParameters)
}

func compareParameters(a, b *Parameter) int {
	return cmp.Or(cmp.Compare(rankOf(a.In), rankOf(b.In)), strings.Compare(a.Name, b.Name))
}

// parameter gives a parameter by its place and name, or nil.
func (op *Operation) parameter(in, name string) *Parameter {
	for _, p := range op.Parameters {
		if p.Name == name && p.In == in {
			return p
		}
	}
	return nil
}

// take gives a parameter, and makes it where there is none. When there are too many,
// the one that came least often makes room, as long as it came in less than one call
// of a hundred.
func (op *Operation) take(in, name string, at time.Time) *Parameter {
	if p := op.parameter(in, name); p != nil {
		return p
	}
	if len(op.Parameters) >= MaxParameters {
		rare := -1
		for i, p := range op.Parameters {
			if p.In == "path" || rare >= 0 && p.Values.Count >= op.Parameters[rare].Values.Count {
				continue
			}
			rare = i
		}
		if rare < 0 || op.Parameters[rare].Values.Count > 1 && float64(op.Parameters[rare].Values.Count) >= AcceptParameter*float64(op.Sampled) {
			return nil
		}
		op.Parameters = slices.Delete(op.Parameters, rare, rare+1)
	}
	p := &Parameter{In: in, Name: strings.Clone(name), First: at, Last: at}
	i, _ := slices.BinarySearchFunc(op.Parameters, p, compareParameters)
	op.Parameters = slices.Insert(op.Parameters, i, p)
	return p
}

// Accepted says whether a parameter of the operation came often enough to be listed:
// in AcceptParameter of the sampled calls, and in AcceptParameterCalls of them.
// Parameters of the path always are.
func (op *Operation) Accepted(p *Parameter) bool {
	if p.In == "path" {
		return true
	}
	return p.Values.Count >= AcceptParameterCalls && float64(p.Values.Count) >= AcceptParameter*float64(op.Sampled)
}

// AcceptedParameters are the parameters that are listed.
func (op *Operation) AcceptedParameters() []*Parameter {
	var all []*Parameter
	for _, p := range op.Parameters {
		if op.Accepted(p) {
			all = append(all, p)
		}
	}
	return all
}

// The bounds of one call's parameters.
const (
	maxPairs      = 300
	maxParameter  = 128
	maxInstances  = 100
	maxDynamic    = 12
	maxHeaderSeen = 100
)

// parameters learns the parameters of a call.
func (l *Learner) parameters(c *call, e *entry) {
	op := e.op
	values := e.node.Values(c.Path, l.scratch.values[:0])
	for i, name := range e.names {
		if i < len(values) {
			l.parameter(c, op, "path", name, unescape(values[i]))
		}
	}
	l.scratch.values = values[:0]
	if c.Query != "" {
		l.queryParameters(c, op)
	}
	if c.Request.Header != nil {
		l.headerParameters(c, op)
	}
}

// parameter learns one value of a parameter.
func (l *Learner) parameter(c *call, op *Operation, in, name, value string) {
	p := l.seen(c, op, in, name)
	if p == nil {
		return
	}
	p.Values.Observe(l.looker, l.context(op.Path, p.Name, in), value)
}

// seen gives the parameter of a name and notes that it was seen.
func (l *Learner) seen(c *call, op *Operation, in, name string) *Parameter {
	if name == "" || len(name) > maxParameter {
		return nil
	}
	p := op.parameter(in, name)
	if p == nil && in != "path" && (l.looker.Telling(name) || in != "query" && l.tellingField(name)) {
		return nil // it holds a value, which is not to be kept
	}
	if p == nil {
		p = op.take(in, name, c.at)
	}
	if p == nil {
		l.overflow++
		return nil
	}
	if c.at.Before(p.First) {
		p.First = c.at
	}
	if c.at.After(p.Last) {
		p.Last = c.at
	}
	if p.Values.Count+1 == AcceptParameterCalls && !op.Listed.IsZero() && op.Sampled > 20 {
		op.change(c.at, "parameter-new", in+" "+p.Name, "")
	}
	return p
}

// pair is one parameter of a query.
type pair struct{ name, value string }

func (l *Learner) queryParameters(c *call, op *Operation) {
	pairs := make([]pair, 0, 16)
	it := form.Pairs(c.Query, maxPairs)
	for it.Next() {
		raw := it.Pair()
		name, _ := raw.Name.Decode()
		if name == "" || Tracking(name) {
			continue
		}
		value, _ := raw.Value.Decode()
		pairs = append(pairs, pair{op.dynamic("query", name), value})
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	var texts []string
	for from := 0; from < len(pairs); {
		to := from + 1
		for to < len(pairs) && pairs[to].name == pairs[from].name {
			to++
		}
		if to == from+1 {
			l.parameter(c, op, "query", pairs[from].name, pairs[from].value)
		} else if p := l.seen(c, op, "query", pairs[from].name); p != nil {
			texts = texts[:0]
			for _, q := range pairs[from:min(to, from+maxInstances)] {
				texts = append(texts, q.value)
			}
			p.Values.ObserveAll(l.looker, l.context(op.Path, p.Name, "query"), texts)
		}
		from = to
	}
}

// dynamic groups names such as "filter[created]" when there are many of one kind, and
// the indexes of "items[0]".
func (op *Operation) dynamic(in, name string) string {
	open := strings.IndexByte(name, '[')
	if open <= 0 || name[len(name)-1] != ']' {
		return name
	}
	inner := name[open+1 : len(name)-1]
	if inner == "" {
		return name
	}
	if strings.Trim(inner, "0123456789") == "" {
		return name[:open] + "[]"
	}
	many := 0
	for _, p := range op.Parameters {
		if p.In != in {
			continue
		}
		if p.Name == name {
			return name
		}
		if len(p.Name) > open && p.Name[:open+1] == name[:open+1] {
			many++
		}
	}
	if many >= maxDynamic {
		return name[:open] + "[*]"
	}
	return name
}

func (l *Learner) headerParameters(c *call, op *Operation) {
	h := c.Request.Header
	for i := 0; i < h.Len() && i < maxHeaderSeen; i++ {
		f := h.At(i)
		if f.Name == "cookie" || StandardHeader(f.Name) || i > 0 && h.At(i-1).Name == f.Name {
			continue
		}
		l.parameter(c, op, "header", f.Name, f.Value)
	}
	n := 0
	for cookie := range cookies(h) {
		if n++; n > maxHeaderSeen {
			return
		}
		if !trackingCookie(cookie.Name) {
			l.parameter(c, op, "cookie", cookie.Name, cookie.Value)
		}
	}
}

// context is where a value stands, for those who look for sensitive data.
func (l *Learner) context(path, name, in string) sensitive.Context {
	return sensitive.Context{Name: name, In: in, Direction: "request", Route: route(path)}
}

// route is the words of a template.
func route(path string) []string {
	var words []string
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" && segment[0] != '{' && len(words) < 8 {
			words = append(words, segment)
		}
	}
	return words
}

func unescape(value string) string {
	if strings.IndexByte(value, '%') < 0 {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// Tracking tells query parameters that trace people through campaigns or defeat
// caches; they belong to no operation and are not listed.
func Tracking(name string) bool {
	switch name {
	case "_", "__", "gclid", "gclsrc", "dclid", "fbclid", "msclkid", "yclid", "twclid", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi",
		"igshid", "cachebuster", "cache_buster", "nocache", "_dc", "_t", "_ts":
		return true
	}
	return strings.HasPrefix(name, "utm_")
}

func trackingCookie(name string) bool {
	for _, prefix := range [...]string{"_ga", "_gid", "_gat", "_fbp", "_fbc", "_hj", "_gcl", "__utm", "_pk_", "_cl", "amp_", "ajs_", "__cf", "cf_", "optimizely", "mp_", "_uet"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// StandardHeader tells request fields in lower case that are no parameters: those of
// HTTP itself, of browsers, of proxies and of tracing.
func StandardHeader(name string) bool {
	switch name {
	case "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "access-control-request-headers",
		"access-control-request-method", "authorization", "cache-control", "connection", "content-encoding", "content-length",
		"content-type", "content-md5", "content-disposition", "content-transfer-encoding", "cookie", "date", "dnt", "expect", "forwarded",
		"from", "host", "http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "keep-alive",
		"max-forwards", "origin", "pragma", "priority", "proxy-authorization", "proxy-connection", "range", "referer", "save-data", "te",
		"trailer", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "warning", "x-requested-with",
		"x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "x-amzn-trace-id",
		"x-cloud-trace-context", "traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "x-envoy-expected-rq-timeout-ms",
		"x-original-uri", "x-original-url", "x-original-method", "x-scheme", "x-request-start", "x-mirrored", "sentry-trace", "elastic-apm-traceparent",
		"device-memory", "downlink", "rtt", "dpr", "viewport-width", "width", "purpose", "x-moz", "x-purpose", "x-chrome-connected", "grpc-timeout",
		"grpc-encoding", "grpc-accept-encoding", "soapaction", "mcp-session-id", "mcp-protocol-version", "last-event-id", "x-att-deviceid", "x-wap-profile",
		"x-do-not-track", "x-uidh", "front-end-https", "proxy", "alt-used", "idempotency-key-seen", "http-referer", "postman-token":
		return true
	}
	for _, prefix := range [...]string{"sec-", "x-forwarded-", "x-b3-", "x-datadog-", "x-envoy-", "cf-", "cloudfront-", "x-newrelic-", "x-amz-cf-", "x-vercel-", "fly-", "fastly-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasPrefix(name, ":")
}
