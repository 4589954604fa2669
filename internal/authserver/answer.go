package authserver

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// refused is an answer that a client reads. Its text never holds anything the
// request brought.
type refused struct {
	status            int
	code, description string
	// challenge says that the client used the Authorization header and is told so.
	challenge bool
	retry     time.Duration
}

// Error implements error.
func (e *refused) Error() string { return e.code + ": " + e.description }

// refusal is an error of RFC 6749 §5.2 or §4.1.2.1.
func refusal(code, description string) error {
	return &refused{status: http.StatusBadRequest, code: code, description: description}
}

// invalidGrant never says which of the reasons it was.
func invalidGrant() error {
	return refusal("invalid_grant", "the code or token is not valid, or is not this client's")
}

func invalidClient(header bool) error {
	return &refused{status: http.StatusUnauthorized, code: "invalid_client", description: "the client is not known, or its credentials are wrong", challenge: header}
}

// refusedBy makes any error one that a client may read; what it was stands in
// the log.
func (s *Server) refusedBy(r *http.Request, err error) *refused {
	var e *refused
	if errors.As(err, &e) {
		return e
	}
	if r.Context().Err() == nil {
		s.o.Log.Error("a request could not be answered", "path", r.URL.Path, "error", err)
	}
	return &refused{status: http.StatusInternalServerError, code: "server_error", description: "the request could not be answered"}
}

// writeRefusal answers a client.
func (s *Server) writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	e := s.refusedBy(r, err)
	if e.challenge {
		w.Header().Set("WWW-Authenticate", `Basic realm="oauth", charset="UTF-8"`)
	}
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.retry+time.Second-1)/time.Second), 10))
	}
	writeJSON(w, e.status, map[string]string{"error": e.code, "error_description": e.description})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away is none of our business
}

func readAll(r io.Reader) (string, error) {
	text, err := io.ReadAll(r)
	return string(text), err
}
