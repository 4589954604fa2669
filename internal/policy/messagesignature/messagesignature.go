// Package messagesignature is the policy message-signature: it lets a request
// pass only when it is signed by a known key, by one of four schemes: HTTP message
// signatures (RFC 9421), a detached JWS (RFC 7515 appendix F, RFC 7797), an HMAC
// in a header as webhooks have it, or WS-Security with an X.509 token. It signs
// nothing.
package messagesignature

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

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
		Name: "message-signature", Title: "Message Signature", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// bodyLimit is the length in bytes beyond which a body is refused: a signature
// covers all of it.
const bodyLimit = 1 << 20

// scheme judges the signature of a request. An error is a *refusal.
type scheme interface {
	verify(m *message) (*proof, error)
}

// message is what a signature may cover.
type message struct {
	x   *traffic.Exchange
	now time.Time
	// body is the content as it was sent, before any content coding is opened.
	body []byte
}

// proof is what a good signature says.
type proof struct {
	// signer is the id of the key, or the subject of the certificate.
	signer string
	// once is what must not come twice, "" for nothing, and until when it is to be
	// remembered.
	once  string
	until time.Time
}

// refusal is why a signature is not good.
type refusal struct {
	status         int
	public, reason string
}

// Error is the reason, for operators.
func (r *refusal) Error() string { return r.reason }

func missing(reason string) *refusal {
	return &refusal{http.StatusUnauthorized, "Signature is missing.", reason}
}

func malformed(reason string) *refusal {
	return &refusal{http.StatusBadRequest, "Signature is malformed.", reason}
}

func invalid(reason string) *refusal {
	return &refusal{http.StatusUnauthorized, "Signature is not valid.", reason}
}

// verifier is a compiled policy.
type verifier struct {
	scheme
}

type step struct {
	*verifier
	now  func() time.Time
	seen sharedstate.Cache
}

// Bind implements policy.Compiled.
func (v *verifier) Bind(env policy.Env) (policy.Step, error) {
	s := &step{verifier: v, now: env.Now}
	if env.Shared != nil {
		s.seen = env.Shared.Cache("message-signature/" + env.API + "/" + env.Binding)
	}
	return policy.Step{
		Request:     s.check,
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: bodyLimit},
	}, nil
}

func (s *step) check(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	m := &message{x: x, now: s.now()}
	if sent, _ := x.Request.Body.Forward(); sent != nil {
		var err error
		// The body is loaded, so this copies memory and can't be longer than the limit
		// of coded bytes.
		if m.body, err = io.ReadAll(io.LimitReader(sent, bodyLimit+1)); err != nil || len(m.body) > bodyLimit {
			return policy.Refuse(http.StatusRequestEntityTooLarge, "Request body too large.", "the body can't be read whole")
		}
	}
	p, err := s.verify(m)
	if err != nil {
		var why *refusal
		if !errors.As(err, &why) {
			return policy.Fail(http.StatusInternalServerError, "Internal error.", err.Error())
		}
		v := policy.Refuse(why.status, why.public, why.reason)
		if why.status == http.StatusUnauthorized {
			v.Answer.Header = []traffic.Field{{Name: "www-authenticate", Value: "Signature"}}
		}
		return v
	}
	if p.once != "" {
		if v := s.remember(ctx, p, m.now); v.Stops() {
			return v
		}
	}
	if x.Auth.Principal == "" {
		x.Auth.Principal = p.signer
	}
	x.Auth.SetProperty("signatureKeyId", p.signer)
	return policy.Go()
}

// remember notes a signature that must not come again.
func (s *step) remember(ctx context.Context, p *proof, now time.Time) policy.Verdict {
	if s.seen == nil {
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "there is no store for what was seen")
	}
	sum := sha256.Sum256([]byte(p.signer + "\x00" + p.once))
	added, err := s.seen.Add(ctx, hex.EncodeToString(sum[:]), []byte{1}, max(p.until.Sub(now), time.Second))
	switch {
	case err != nil:
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", "whether the signature was seen before is unknown: "+err.Error())
	case !added:
		return policy.Refuse(http.StatusUnauthorized, "Signature is not valid.", "the signature was used before",
			traffic.Field{Name: "www-authenticate", Value: "Signature"})
	}
	return policy.Go()
}

// window bounds the time of a signature.
type window struct{ age, skew time.Duration }

// check says what is wrong with a signature made at this time.
func (w window) check(made, now time.Time) error {
	switch {
	case made.After(now.Add(w.skew)):
		return invalid("the signature is from the future")
	case now.Sub(made) > w.age+w.skew:
		return invalid("the signature is too old")
	}
	return nil
}

// until is when a signature made at this time is too old for certain.
func (w window) until(made time.Time) time.Time { return made.Add(w.age + w.skew + time.Second) }

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := defaults()
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	keys, err := readKeys(s.Keys)
	if err != nil {
		return nil, err
	}
	w := window{time.Duration(s.MaxAge) * time.Second, time.Duration(s.ClockSkew) * time.Second}
	v := &verifier{}
	switch s.Scheme {
	case schemeHTTP:
		v.scheme, err = compileHTTP(&s, keys, w)
	case schemeJWS:
		v.scheme, err = compileDetached(&s, keys, w)
	case schemeHMAC:
		v.scheme, err = compileHMAC(&s, keys, w)
	case schemeWSS:
		v.scheme, err = compileWSS(&s, w)
	default:
		err = errors.New("scheme: unknown")
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}
