// Package idempotency is the policy idempotency-key: a request that a client
// repeats under the same key is carried out once, and the first answer is given
// again. It follows the draft of the header Idempotency-Key
// (draft-ietf-httpapi-idempotency-key-header).
package idempotency

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

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
		Name: "idempotency-key", Title: "Idempotency Key", Category: "Quality of service",
		Phase: policy.Shape, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. Answers are kept in the store that gateways
// share, in clear: use one that nobody else reads.
type Settings struct {
	// Header is the name of the header with the key.
	Header string `json:"header" default:"idempotency-key" minLength:"1"`
	// Methods are those of requests that may be repeated.
	Methods []string `json:"methods" default:"[\"POST\",\"PATCH\"]" minItems:"1"`
	// Required refuses requests of these methods without a key.
	Required bool `json:"required" default:"false"`
	// TTLSeconds is for how long an answer is given again.
	TTLSeconds int64 `json:"ttlSeconds" default:"86400" min:"1" max:"2592000"`
	// LockSeconds is for how long the first request may be under way; afterwards a repeat is carried out.
	LockSeconds int64 `json:"lockSeconds" default:"60" min:"1" max:"3600"`
	// BodyLimit is how many bytes a request, and an answer that is kept, may have.
	BodyLimit int64 `json:"bodyLimit" default:"1048576" min:"1" max:"16777216"`
	// KeepErrors keeps answers with a status of 500 and above too, and refuses a repeat with 409 when the first answer never came; otherwise such a request may be tried again under its key.
	KeepErrors bool `json:"keepErrors" default:"false"`
	// OnStoreDown says what happens while the store does not answer: requests with a key are refused, or carried out unprotected (pass), which is recorded.
	OnStoreDown string `json:"onStoreDown" default:"refuse" enum:"refuse|pass"`
}

// maxKey is the number of bytes that a key may have.
const maxKey = 255

type keeper struct {
	Settings
	header string
}

func compile(settings json.RawMessage) (policy.Compiled, error) {
	k := &keeper{}
	if err := policy.DecodeWithDefaults(schema, settings, &k.Settings); err != nil {
		return nil, err
	}
	k.header = traffic.LowerName(k.Header)
	if !httpguts.ValidHeaderFieldName(k.header) {
		return nil, fmt.Errorf("header: %q is no name of a header", k.Header)
	}
	return k, nil
}

// kept is what the store knows of a key. Without a Status the first request is
// under way; with Lost its answer was too long to be kept.
type kept struct {
	Fingerprint string          `json:"f"`
	Status      int             `json:"s,omitempty"`
	Lost        bool            `json:"l,omitempty"`
	Header      []traffic.Field `json:"h,omitempty"`
	Body        []byte          `json:"b,omitempty"`
}

// underway is what one exchange carries from its request to its end.
type underway struct {
	key, fingerprint string
	settled          bool
}

type guard struct {
	*keeper
	answers sharedstate.Cache
}

// Bind implements policy.Compiled.
func (k *keeper) Bind(env policy.Env) (policy.Step, error) {
	g := &guard{k, env.Shared.Cache("idempotency " + env.API + " " + env.Binding)}
	return policy.Step{
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: k.BodyLimit, When: g.concerns},
		ResponseBody: policy.Need{
			Mode: policy.Buffered, Limit: k.BodyLimit, Partial: true, BestEffort: true,
			When: func(x *traffic.Exchange) bool { return x.Carried(g) != nil && !x.Response.Streaming },
		},
		OnStream: policy.SkipStream,
		Request:  g.request,
		Response: g.response,
		End:      g.end,
	}, nil
}

func (g *guard) concerns(x *traffic.Exchange) bool {
	return slices.Contains(g.Methods, x.Request.Method) && x.Request.Header.Has(g.header)
}

func (g *guard) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	if !g.concerns(x) {
		if g.Required && slices.Contains(g.Methods, x.Request.Method) {
			return policy.Refuse(http.StatusBadRequest, "The header "+g.Header+" is required.", "the request has no idempotency key")
		}
		return policy.Go()
	}
	values := x.Request.Header.Values(g.header)
	if len(values) != 1 || values[0].Value == "" || len(values[0].Value) > maxKey {
		return policy.Refuse(http.StatusBadRequest, "The header "+g.Header+" must hold one key of at most 255 bytes.", "the idempotency key is empty, too long or given twice")
	}
	u := &underway{key: keyOf(x, values[0].Value), fingerprint: fingerprint(x)}
	added, err := g.answers.Add(ctx, u.key, encode(kept{Fingerprint: u.fingerprint}), time.Duration(g.LockSeconds)*time.Second)
	switch {
	case err != nil:
		return g.storeDown()
	case added:
		x.Carry(g, u)
		return policy.Go()
	}
	return g.repeat(ctx, u)
}

func (g *guard) storeDown() policy.Verdict {
	if g.OnStoreDown == "pass" {
		return policy.GoBecause("the store of answers did not answer; onStoreDown is pass")
	}
	return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "the store of answers did not answer")
}

// repeat answers a request whose key is known.
func (g *guard) repeat(ctx context.Context, u *underway) policy.Verdict {
	text, ok, err := g.answers.Get(ctx, u.key)
	if err != nil {
		return g.storeDown()
	}
	var first kept
	if ok && json.Unmarshal(text, &first) != nil {
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "what is kept for the key can't be read")
	}
	switch {
	case ok && first.Fingerprint != u.fingerprint:
		return policy.Refuse(http.StatusUnprocessableEntity, "The idempotency key was used for another request.", "the key stands for another request")
	case ok && first.Lost:
		return policy.Refuse(http.StatusConflict, "The request was carried out; its answer is no longer known.", "the first answer was too long to be kept, or never came")
	case !ok || first.Status == 0:
		// One that ended this moment without an answer may be tried again.
		return policy.Refuse(http.StatusConflict, "The first request with this idempotency key is under way.", "the first request with the key is under way",
			traffic.Field{Name: "retry-after", Value: "1"})
	}
	header := append(slices.Clone(first.Header), traffic.Field{Name: "idempotent-replayed", Value: "true"})
	return policy.Reply(policy.Answer{Status: first.Status, Header: header, Body: first.Body}, "the first answer is given again")
}

func (g *guard) response(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	u, ok := x.Carried(g).(*underway)
	if !ok || !g.settles(x) {
		return policy.Go()
	}
	answer := kept{Fingerprint: u.fingerprint, Status: x.Response.Status, Header: fields(&x.Response.Header)}
	if x.Response.Streaming || x.Response.Body.Partial() || x.Upstream.Failed {
		answer = kept{Fingerprint: u.fingerprint, Lost: true}
	} else {
		answer.Body = x.Response.Body.Bytes()
	}
	if err := g.answers.Set(ctx, u.key, encode(answer), time.Duration(g.TTLSeconds)*time.Second); err != nil {
		// The lock still stands: the request is not carried out twice within it.
		return policy.GoBecause("the answer could not be kept for repeats: the store did not answer")
	}
	u.settled = true
	return policy.Go()
}

// settles says that a request has been carried out, so that a repeat must not
// be. What the service did whose answer never came is not known: it counts as
// errors do.
func (g *guard) settles(x *traffic.Exchange) bool {
	switch {
	case x.Upstream.Failed:
		return g.KeepErrors
	case policy.OwnError(x):
		return false
	}
	return g.KeepErrors || x.Response.Status < http.StatusInternalServerError
}

// end gives a key free whose request brought no answer to keep. One whose answer
// could not be read here stays.
func (g *guard) end(x *traffic.Exchange) {
	u, ok := x.Carried(g).(*underway)
	if !ok || u.settled {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if x.Response.Status != 0 && g.settles(x) {
		_ = g.answers.Set(ctx, u.key, encode(kept{Fingerprint: u.fingerprint, Lost: true}), time.Duration(g.TTLSeconds)*time.Second)
		return // or the lock ends by itself
	}
	if err := g.answers.Delete(ctx, u.key); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return // the lock ends by itself
	}
}

// keyOf is the key under which the store knows a request: a client can neither
// read nor occupy the keys of another.
func keyOf(x *traffic.Exchange, key string) string {
	// Behind one client may stand many people, whom only the service tells apart.
	header := &x.Request.Header
	shown, address := "", ""
	if x.Auth.Principal == "" {
		shown = header.Joined("authorization")
		if shown == "" {
			shown = header.Joined("cookie")
		}
	}
	if x.Auth.ClientID+x.Auth.Principal+shown == "" {
		address = x.Request.Client.String()
	}
	return digest(x.Auth.ClientID, x.Auth.Principal, shown, address, key)
}

func fingerprint(x *traffic.Exchange) string {
	return digest(x.Request.Method, x.Request.Path, x.Request.RawQuery, x.Request.Header.Get("content-type"), string(x.Request.Body.Bytes()))
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fields are those of an answer that belong to it for good.
func fields(header *traffic.Header) []traffic.Field {
	var list []traffic.Field
	for f := range header.All() {
		switch f.Name {
		case "connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "age", "trailer", "upgrade", "x-correlation-id":
		default:
			list = append(list, f)
		}
	}
	return list
}

func encode(k kept) []byte {
	text, err := json.Marshal(k)
	if err != nil {
		return nil // texts, numbers and bytes always marshal
	}
	return text
}
