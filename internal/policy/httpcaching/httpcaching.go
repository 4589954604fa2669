// Package httpcaching is the policy http-caching-flex: it keeps responses of
// the service and gives them again, by RFC 9111 within its settings. Policies
// that run before it see every request, those behind it only what is not kept.
package httpcaching

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "http-caching-flex", Title: "HTTP Caching", Category: "Quality of service",
		Phase: policy.Shape, Schema: schema, Compile: compile, Warn: warn,
	}
}

const defaultKey = "#[attributes.requestPath]"

// Settings are what operators set.
type Settings struct {
	// HTTPCachingKey is an expression whose text names what is kept; requests for which it can't be evaluated pass by. Methods and hosts are kept apart.
	HTTPCachingKey string `json:"httpCachingKey" default:"#[attributes.requestPath]" expr:"true" minLength:"1"`
	// MaxCacheEntries is how many responses are kept; the oldest gives way.
	MaxCacheEntries int `json:"maxCacheEntries" default:"10000" min:"1" max:"1000000"`
	// TTL is for how many seconds a response is kept at most.
	TTL int64 `json:"ttl" default:"600" min:"1" max:"31536000"`
	// UseHTTPCacheHeaders says whether what requests and responses say of caching counts.
	UseHTTPCacheHeaders bool `json:"useHttpCacheHeaders" default:"true"`
	// InvalidationHeader is a header whose value "invalidate" forgets the response of the request, and "invalidate-all" all of them. Whoever can send it can empty the cache: choose a name that only you know, or remove it before.
	InvalidationHeader string `json:"invalidationHeader" default:""`
	// RequestExpression says for which requests responses are kept and given.
	RequestExpression string `json:"requestExpression" default:"#[attributes.method == 'GET' or attributes.method == 'HEAD']" expr:"true"`
	// ResponseExpression says which responses are kept.
	ResponseExpression string `json:"responseExpression" default:"#[[200,203,204,206,300,301,404,405,410,414,501] contains attributes.statusCode]" expr:"true"`
	// Distributed keeps responses in the store that gateways share.
	Distributed bool `json:"distributed" default:"false"`
	// PersistCache keeps them across restarts of this gateway, in its data folder.
	PersistCache bool `json:"persistCache" default:"false"`
}

// maxEntry is how many bytes the body of a kept response may have.
const maxEntry = 1 << 20

type cacher struct {
	Settings
	key, request, response *dataweave.Expression
	invalidation           string
	// personal says that the key tells callers apart.
	personal bool
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	c := &cacher{}
	if err := policy.DecodeWithDefaults(schema, settings, &c.Settings); err != nil {
		return nil, err
	}
	c.invalidation = traffic.LowerName(c.InvalidationHeader)
	if c.Distributed && c.PersistCache {
		return nil, errors.New("persistCache: what is distributed is kept by the shared store; remove one of the two")
	}
	for _, e := range []struct {
		name, text string
		to         **dataweave.Expression
	}{
		{"httpCachingKey", c.HTTPCachingKey, &c.key},
		{"requestExpression", c.RequestExpression, &c.request},
		{"responseExpression", c.ResponseExpression, &c.response},
	} {
		compiled, err := dataweave.Compile(e.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		*e.to = compiled
	}
	c.personal = slices.Contains(c.key.Roots(), "authentication")
	return c, nil
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.DecodeWithDefaults(schema, settings, &s) != nil {
		return nil
	}
	var warnings []string
	if s.HTTPCachingKey == defaultKey {
		warnings = append(warnings, "httpCachingKey: the query is no part of it, so requests that differ only in it share a response; write #[attributes.requestUri]")
	}
	if !s.UseHTTPCacheHeaders {
		warnings = append(warnings, "useHttpCacheHeaders: what services mark as private is kept for everybody")
	}
	return warnings
}

// cache is one binding's.
type cache struct {
	*cacher
	now     func() time.Time
	entries sharedstate.Cache
	order   *order
}

// Bind implements policy.Compiled.
func (c *cacher) Bind(env policy.Env) (policy.Step, error) {
	store := env.Local
	switch {
	case c.Distributed:
		store = env.Shared
	case c.PersistCache:
		store = env.Durable
	}
	kept, ok := env.State("order", func() any { return newOrder(c.MaxCacheEntries) }).(*order)
	if !ok {
		return policy.Step{}, fmt.Errorf("what is kept for %s is of another kind", env.Binding)
	}
	b := &cache{cacher: c, now: env.Now, entries: store.Cache("http-caching " + env.API + " " + env.Binding), order: kept}
	return policy.Step{
		RequestBody: policy.PayloadNeed(c.key, c.request),
		ResponseBody: policy.Need{
			Mode: policy.Buffered, Limit: maxEntry, Partial: true, BestEffort: true,
			When: func(x *traffic.Exchange) bool { return x.Carried(b) != nil && !x.Response.Streaming },
		},
		OnStream: policy.SkipStream,
		Request:  b.lookUp,
		Response: b.keep,
	}, nil
}

// lookUp answers a request from the cache, or marks it as one whose response
// may be kept.
func (b *cache) lookUp(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if x.Request.Streaming {
		return policy.Go()
	}
	scope := &policy.Scope{Exchange: x}
	key, err := b.key.EvalString(scope)
	if err != nil {
		return policy.GoBecause("the key can't be evaluated for this request")
	}
	key = origin(x) + key
	if v := b.invalidate(ctx, x, key); v.Reason != "" {
		return v
	}
	if wanted, err := b.request.EvalBool(scope); err != nil || !wanted || b.unkeyed(x) {
		return policy.Go()
	}
	asked := directives(x.Request.Header.Joined("cache-control"))
	if !b.UseHTTPCacheHeaders || !asked.has("no-cache") && x.Request.Header.Get("pragma") != "no-cache" {
		if e := b.find(ctx, x, key, asked); e != nil {
			return b.answer(x, e)
		}
		if b.UseHTTPCacheHeaders && asked.has("only-if-cached") {
			return policy.Reply(policy.Answer{Status: http.StatusGatewayTimeout, Error: "The response is not kept."}, "only-if-cached, and nothing is kept")
		}
	}
	if b.UseHTTPCacheHeaders && asked.has("no-store") {
		return policy.Go()
	}
	x.Carry(b, &asking{key: key, header: x.Request.Header.Clone(), personal: b.forOne(x)})
	return policy.Go()
}

// origin is what keeps responses apart whatever the key says: method, scheme and
// host, of which services make links.
func origin(x *traffic.Exchange) string {
	req := &x.Request
	return req.Method + " " + req.Scheme + "://" + req.Host + " " +
		req.Header.Joined("x-forwarded-proto") + " " + req.Header.Joined("x-forwarded-host") + " "
}

// asking is a request whose response may be kept, as the cache saw it: steps
// behind may change it.
type asking struct {
	key      string
	header   traffic.Header
	personal bool
}

// forOne says that what answers a request may be meant for its caller alone:
// somebody is known, or shows what services know people by (RFC 9111 §3.5 speaks
// of authorization only), and the key does not tell callers apart.
func (b *cache) forOne(x *traffic.Exchange) bool {
	header := &x.Request.Header
	return !b.personal && (header.Has("authorization") || header.Has("cookie") || x.Auth.Principal != "")
}

// unkeyed says that something else than the key decides what the service
// answers, so that one caller could choose what others read.
func (b *cache) unkeyed(x *traffic.Exchange) bool {
	header := &x.Request.Header
	for _, name := range [...]string{"range", "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"} {
		if header.Has(name) {
			return true
		}
	}
	bodiless := x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
	return bodiless && !x.Request.Body.Empty() && !b.key.UsesPayload()
}

func (b *cache) invalidate(ctx context.Context, x *traffic.Exchange, key string) policy.Verdict {
	if b.invalidation == "" {
		return policy.Verdict{}
	}
	var err error
	what := ""
	switch x.Request.Header.Get(b.invalidation) {
	case "invalidate":
		what, err = "the response was forgotten", b.entries.Delete(ctx, key)
	case "invalidate-all":
		what, err = "all responses were forgotten", b.entries.Clear(ctx)
	}
	x.Request.Header.Del(b.invalidation)
	if err != nil {
		// Whoever asked would go on to read what is out of date.
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the store of responses did not answer, so nothing was forgotten")
	}
	if what == "" {
		return policy.Verdict{}
	}
	return policy.GoBecause(what)
}

// find is what is kept for a request, nil when there is nothing that may be
// given.
func (b *cache) find(ctx context.Context, x *traffic.Exchange, key string, asked cacheControl) *entry {
	text, ok, err := b.entries.Get(ctx, key)
	if err != nil || !ok {
		return nil
	}
	e, err := decode(text)
	if err != nil || !e.fits(x) {
		return nil
	}
	if b.forOne(x) && !e.Public {
		return nil
	}
	if most, set := asked.seconds("max-age"); b.UseHTTPCacheHeaders && set && e.age(b.now()) > most {
		return nil
	}
	return e
}

func (b *cache) answer(x *traffic.Exchange, e *entry) policy.Verdict {
	header := slices.Clone(e.Header)
	header = append(header, traffic.Field{Name: "age", Value: seconds(e.age(b.now()))})
	answer := policy.Answer{Status: e.Status, Header: header, Body: e.body}
	if tag := e.etag(); tag != "" && matches(x.Request.Header.Joined("if-none-match"), tag) {
		answer.Status, answer.Body = http.StatusNotModified, nil
	}
	return policy.Reply(answer, "the response was kept")
}

// whole says that a response with this status is one by itself: not a part of
// one, and none that only a client that has it understands.
func whole(status int) bool {
	return status >= http.StatusOK && status != http.StatusPartialContent && status != http.StatusNotModified
}

// keep keeps a response of the service.
func (b *cache) keep(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	by, ok := x.Carried(b).(*asking)
	if !ok || policy.OwnError(x) || x.Response.Streaming || x.Response.Body.Partial() || !whole(x.Response.Status) {
		return policy.Go()
	}
	if wanted, err := b.response.EvalBool(&policy.Scope{Exchange: x, Response: true}); err != nil || !wanted {
		return policy.Go()
	}
	e, life := b.entryOf(x, by)
	if e == nil {
		return policy.Go()
	}
	text, err := e.encode()
	if err != nil {
		return policy.GoBecause("the response can't be kept")
	}
	if err := b.entries.Set(ctx, by.key, text, life); err != nil {
		return policy.GoBecause("the response was not kept: the store did not answer")
	}
	for _, old := range b.order.add(by.key) {
		_ = b.entries.Delete(ctx, old) // what stays ends by itself
	}
	return policy.Go()
}
