package console

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/control/inventory"
	"farrier.dev/farrier/internal/control/projects"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/traffic"
)

// problemError is a refusal as people read it, and as RFC 9457 writes it.
type problemError struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Instance names an error of ours in the log.
	Instance string `json:"instance,omitempty"`

	retryAfter int // seconds
}

// Error is the title and detail.
func (p *problemError) Error() string { return p.Title + ": " + p.Detail }

func problem(status int, title, detail string) *problemError {
	return &problemError{Type: "about:blank", Title: title, Status: status, Detail: detail}
}

// explain finds what to tell of an error. What is not foreseen is logged, and
// the reader learns no more than where.
func (c *console) explain(r *request, err error) *problemError {
	var (
		told      *problemError
		throttled *session.ThrottledError
		large     *http.MaxBytesError
		input     *projects.InputError
		asked     *inventory.InputError
	)
	switch {
	case errors.As(err, &told):
		return told
	case errors.Is(err, session.ErrNoSession):
		return problem(http.StatusUnauthorized, "Not signed in", "The session has ended or there is none. Sign in again.")
	case errors.Is(err, control.ErrForbidden):
		return problem(http.StatusForbidden, "Not allowed", "You may not see this page.")
	case errors.Is(err, control.ErrNotFound):
		return problem(http.StatusNotFound, "Not found", "There is nothing at this address, or not any more.")
	case errors.Is(err, control.ErrStale):
		return problem(http.StatusForbidden, "Confirm who you are", "This is only done for somebody who confirmed who they are in the last ten minutes. Confirm on your profile page, then repeat it.")
	case errors.Is(err, control.ErrConflict), errors.Is(err, control.ErrReadOnly):
		return problem(http.StatusConflict, "This can't be done", spoken(err.Error()))
	case errors.Is(err, control.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, "This can't be done", spoken(strings.TrimPrefix(err.Error(), control.ErrInvalid.Error()+": ")))
	case errors.As(err, &input):
		return problem(http.StatusUnprocessableEntity, "This can't be done", input.Error()+".")
	case errors.As(err, &asked):
		return problem(http.StatusUnprocessableEntity, "This can't be done", spoken(asked.Error()))
	case errors.As(err, &throttled):
		p := problem(http.StatusTooManyRequests, "Too many attempts", throttled.Error()+".")
		p.retryAfter = int(math.Ceil(throttled.RetryAfter.Seconds()))
		return p
	case control.IsAway(err):
		c.Log.ErrorContext(r.Context(), "the database can't be asked", "component", "console", "path", logged(r.URL.Path), "error", err)
		p := problem(http.StatusServiceUnavailable, "The database can't be reached",
			"Nothing can be shown or changed until it answers; nothing has to be started again then. Gateways serve on regardless, and what they record waits for it.")
		p.retryAfter = databaseRetry
		return p
	case errors.Is(err, auditlog.ErrUnwritable):
		c.Log.ErrorContext(r.Context(), "a change was refused, for the audit log can't be written", "component", "console", "path", logged(r.URL.Path), "error", err)
		return problem(http.StatusServiceUnavailable, "Nothing was changed", "The audit log can't be written, and nothing may be changed without a record of it. Mend the database, then repeat what you did.")
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "The request is too large", "The console accepts forms of 64 KiB at most.")
	}
	id := traffic.NewID(c.Now())
	if !errors.Is(err, context.Canceled) {
		c.Log.ErrorContext(r.Context(), "a page could not be shown", "component", "console", "path", logged(r.URL.Path), "instance", id, "error", err)
	}
	p := problem(http.StatusInternalServerError, "This page could not be shown",
		"Something failed inside Farrier; the gateway serves on regardless. The log has the details under the number below.")
	if errors.Is(err, context.DeadlineExceeded) {
		p = problem(http.StatusServiceUnavailable, "This took too long", "The answer was not ready in time. Choose a shorter time range or a narrower filter.")
	}
	p.Instance = id
	return p
}

// databaseRetry is when it is worth to ask for the database again, in seconds.
const databaseRetry = 5

// logged bounds text that a client chose.
func logged(text string) string { return strings.ToValidUTF8(text[:min(len(text), 200)], "?") }

// fail answers with the page of a problem, or its JSON where that is asked for.
func (c *console) fail(w http.ResponseWriter, r *request, err error) {
	p := c.explain(r, err)
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	accept := r.Header.Get("Accept")
	if !strings.Contains(accept, "json") {
		if renderErr := c.render(w, r, p.Status, "problem", p.Title, p); renderErr == nil {
			return
		}
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

func (c *console) notFound(http.ResponseWriter, *request) error { return control.ErrNotFound }
