package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/control"
)

// Once remembers the answers to requests that carry an Idempotency-Key, so that one
// that is repeated, since its answer was lost, does nothing twice.
type Once interface {
	// Begin takes the key for this request of an account. kept is the answer of an
	// earlier one of the same digest, nil when there is none yet. Another digest is
	// control.ErrInvalid, a first request that is not answered yet control.ErrConflict.
	Begin(ctx context.Context, operator, key, digest string) (kept []byte, err error)
	// Finish keeps the answer, sealed; nil forgets the key, since nothing was done.
	Finish(ctx context.Context, operator, key string, answer []byte) error
}

// mostKey bounds an idempotency key.
const mostKey = 128

// once runs the handler, or gives the answer that the same request got before.
func (h *handler) once(r *http.Request, req *Request, route *Route) (*answer, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || h.Once == nil || r.Method != http.MethodPost {
		return h.handle(r.Context(), req, route)
	}
	if len(key) > mostKey {
		return nil, fmt.Errorf("%w: the Idempotency-Key has more than %d characters", control.ErrInvalid, mostKey)
	}
	// By its id: an account that has the name of one that was deleted is another.
	operator := cmp.Or(req.Principal.Account, req.Principal.Operator)
	kept, err := h.Once.Begin(r.Context(), operator, key, digestOf(r, req.body))
	if err != nil {
		return nil, err
	}
	if kept != nil {
		var a answer
		if err := json.Unmarshal(kept, &a); err != nil {
			return nil, fmt.Errorf("reading a kept answer: %w", err)
		}
		a.Headers["Idempotent-Replayed"] = "true"
		return &a, nil
	}
	a, err := h.handle(r.Context(), req, route)
	var text []byte
	if err == nil {
		if text, err = json.Marshal(a); err != nil {
			return nil, fmt.Errorf("keeping the answer: %w", err)
		}
	}
	// Also when the caller has gone away: that is what the key is for.
	if finishErr := h.Once.Finish(context.WithoutCancel(r.Context()), operator, key, text); finishErr != nil {
		h.Log.Error("an answer could not be kept for its idempotency key", "component", "api", "error", finishErr)
	}
	return a, err
}

func (h *handler) handle(ctx context.Context, req *Request, route *Route) (*answer, error) {
	value, err := route.Handle(ctx, req)
	if err != nil {
		return nil, err
	}
	return answerOf(value)
}

// digestOf tells one request from another.
func digestOf(r *http.Request, body []byte) string {
	sum := sha256.New()
	for _, part := range []string{r.Method, r.URL.RequestURI(), r.Header.Get("If-Match"), string(body)} {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
