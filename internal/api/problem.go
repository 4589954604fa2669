package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/traffic"
)

// Problem is a refusal by RFC 9457.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Instance names an error of ours in the log.
	Instance string `json:"instance,omitempty"`

	retryAfter int // seconds
}

var errNobody = errors.New("sign in, or send an API token as Authorization: Bearer frr_…")

var errAddress = errors.New("the path and the query must be UTF-8 text without NUL characters")

func problem(status int, title string, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: title, Status: status, Detail: detail}
}

// explain finds what to tell of an error. What is not foreseen is logged, and the
// caller learns no more than where.
func (h *handler) explain(r *http.Request, err error) *Problem {
	var (
		throttled *session.ThrottledError
		large     *http.MaxBytesError
	)
	switch {
	case errors.Is(err, errAddress):
		return problem(http.StatusBadRequest, "The address is no text", sentence(err))
	case errors.Is(err, errNobody), errors.Is(err, session.ErrNoSession):
		return problem(http.StatusUnauthorized, "Not signed in", sentence(err))
	case errors.Is(err, control.ErrStale):
		return problem(http.StatusForbidden, "Confirm who you are", "This needs a sign-in that was confirmed in the last ten minutes. API tokens can not do it.")
	case errors.Is(err, control.ErrForbidden):
		return problem(http.StatusForbidden, "Not allowed", "You may not do this.")
	case errors.Is(err, control.ErrNotFound):
		return problem(http.StatusNotFound, "Not found", "There is no such thing, or none that you may see.")
	case errors.Is(err, ErrNoVersion):
		return problem(http.StatusPreconditionRequired, "Which version?", sentence(err))
	case errors.Is(err, control.ErrConflict) && r.Header.Get("If-Match") != "":
		return problem(http.StatusPreconditionFailed, "It was changed meanwhile", sentence(err))
	case errors.Is(err, control.ErrConflict):
		return problem(http.StatusConflict, "Conflict", sentence(err))
	case errors.Is(err, control.ErrReadOnly):
		return problem(http.StatusConflict, "Managed by a file", sentence(err))
	case errors.Is(err, control.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, "This can not be accepted", sentence(err))
	case control.IsAway(err):
		h.Log.ErrorContext(r.Context(), "the database can't be asked", "component", "api", "route", r.Pattern, "error", err)
		p := problem(http.StatusServiceUnavailable, "The database can't be reached", "Nothing can be shown or changed until it answers; gateways serve on regardless.")
		p.retryAfter = databaseRetry
		return p
	case errors.Is(err, auditlog.ErrUnwritable):
		return problem(http.StatusServiceUnavailable, "Nothing can be changed now", "The audit log can't be written, so nothing was changed. The log of Farrier says why.")
	case errors.As(err, &throttled):
		p := problem(http.StatusTooManyRequests, "Too many attempts", sentence(err))
		p.retryAfter = int(math.Ceil(throttled.RetryAfter.Seconds()))
		return p
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "The request is too large", fmt.Sprintf("The body may have %d bytes at most.", large.Limit))
	}
	return h.unforeseen(r, err)
}

// databaseRetry is when it is worth to ask for the database again, in seconds.
const databaseRetry = 5

func (h *handler) unforeseen(r *http.Request, err error) *Problem {
	id := traffic.NewID(h.Now())
	if !errors.Is(err, context.Canceled) {
		h.Log.ErrorContext(r.Context(), "a request to the API failed", "component", "api", "route", r.Pattern, "instance", id, "error", err)
	}
	p := problem(http.StatusInternalServerError, "This could not be done",
		"Something failed inside Farrier; gateways serve on regardless. The log has the details under the instance.")
	if errors.Is(err, context.DeadlineExceeded) {
		p = problem(http.StatusServiceUnavailable, "This took too long", "The answer was not ready in time; nothing is known of the outcome.")
	}
	p.Instance = id
	return p
}

// sentence is the text of an error as people read it.
func sentence(err error) string {
	text := err.Error()
	text = strings.TrimPrefix(text, control.ErrInvalid.Error()+": ")
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// fail answers with a problem.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := h.explain(r, err)
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="farrier"`)
	}
	text, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
}

// recovered turns a panic into a problem that tells nothing of it.
func (h *handler) recovered(w http.ResponseWriter, r *http.Request) {
	switch what := recover(); what {
	case nil:
	case http.ErrAbortHandler:
		panic(what)
	default:
		h.fail(w, r, fmt.Errorf("panic: %v\n%s", what, debug.Stack()))
	}
}
