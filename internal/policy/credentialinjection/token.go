package credentialinjection

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

const (
	// maxTokenAnswer bounds what a token service may answer, in bytes.
	maxTokenAnswer = 64 << 10
	// maxToken bounds one token, in bytes: it must fit into a header.
	maxToken = 12 << 10
	// maxSkew is how long before its end a token is no longer used; of a short
	// life it is a tenth.
	maxSkew = 30 * time.Second
	// unknownLife is how long a token is used whose life nobody tells.
	unknownLife = 5 * time.Minute
	// restAfterFailure is how long a failure is remembered, so that a service
	// that is down is not asked for every request.
	restAfterFailure = time.Second
	// leastAge is how old a token must be to be dropped because the service
	// refused it: a client that provokes refusals must not provoke fetches.
	leastAge = 10 * time.Second
)

// token is what a token service gave.
type token struct {
	value            string
	fetched, expires time.Time
}

// fetchError is why there is no token. It holds nothing that the token service
// said beyond an error code of RFC 6749.
type fetchError struct {
	reason string
	// code is that of RFC 6749 §5.2, empty when there is none.
	code string
}

func (e *fetchError) Error() string {
	if e.code != "" {
		return e.reason + " (" + e.code + ")"
	}
	return e.reason
}

// tokenService is where tokens come from and how to ask.
type tokenService struct {
	url string
	// json sends the parameters as JSON, otherwise as a form.
	json   bool
	header http.Header
	// life bounds the use of a token, 0 for what the service says.
	life, timeout time.Duration
}

// ask fetches one token.
func (s *tokenService) ask(ctx context.Context, client *http.Client, parameters url.Values, now func() time.Time) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := s.request(ctx, parameters)
	if err != nil {
		return nil, &fetchError{reason: "the call of the token service could not be made"}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, &fetchError{reason: "the token service did not answer"}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	if err != nil || len(text) > maxTokenAnswer {
		return nil, &fetchError{reason: "the answer of the token service broke off or is too long"}
	}
	var answer struct {
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
		Error   string      `json:"error"`
	}
	readErr := json.Unmarshal(text, &answer)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, &fetchError{fmt.Sprintf("the token service answered with status %d", resp.StatusCode), errorCode(answer.Error)}
	}
	switch {
	case readErr != nil:
		return nil, &fetchError{reason: "the answer of the token service is not JSON of RFC 6749"}
	case !validToken(answer.Token):
		return nil, &fetchError{"the answer of the token service holds no usable access_token", errorCode(answer.Error)}
	}
	return s.made(answer.Token, answer.Expires, now()), nil
}

func (s *tokenService) request(ctx context.Context, parameters url.Values) (*http.Request, error) {
	body, media := parameters.Encode(), "application/x-www-form-urlencoded"
	if s.json {
		object := make(map[string]string, len(parameters))
		for name := range parameters {
			object[name] = parameters.Get(name)
		}
		text, err := json.Marshal(object)
		if err != nil {
			return nil, err //nolint:wrapcheck // told in one place by the caller
		}
		body, media = string(text), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		return nil, err //nolint:wrapcheck // told in one place by the caller
	}
	req.Header.Set("Accept", "application/json")
	for name, values := range s.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", media)
	return req, nil
}

// made is a token with the time until which it is used.
func (s *tokenService) made(value string, expiresIn json.Number, now time.Time) *token {
	life := unknownLife
	const year = 365 * 24 * 3600
	if seconds, err := expiresIn.Float64(); err == nil {
		life = time.Duration(min(max(seconds, 0), year) * float64(time.Second))
		life -= min(life/10, maxSkew)
	} else if s.life > 0 {
		life = s.life
	}
	if s.life > 0 {
		life = min(life, s.life)
	}
	return &token{value, now, now.Add(life)}
}

// errorCode is an error of RFC 6749 §5.2, or nothing when it is anything else
// than a word.
func errorCode(text string) string {
	if len(text) > 40 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return text
}

// validToken says whether a token may stand in a header (RFC 6750 §2.1).
func validToken(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return text != "" && len(text) <= maxToken
}

// key tells tokens apart by whom they are for, without holding a secret.
type key [sha256.Size]byte

// tokens keeps what was fetched, and lets callers that want the same token
// wait for one fetch. It lives as long as the binding and its settings.
type tokens struct {
	// most is how many are kept; the oldest goes first.
	most int
	// rest is how long a failure is remembered.
	rest time.Duration

	mu      sync.Mutex
	flights map[key]*flight
	kept    map[key]*token
	order   []key
	failure error
	until   time.Time
}

// flight is one fetch; what came of it stands there when done is closed.
type flight struct {
	done  chan struct{}
	token *token
	err   error
}

func newTokens(most int, rest time.Duration) *tokens {
	return &tokens{most: most, rest: rest, flights: map[key]*flight{}, kept: map[key]*token{}}
}

var errCallerGone = errors.New("the client went away before there was a token")

// get gives the token of a key. fetch runs at most once at a time for a key,
// under a context that does not end with that of the caller.
func (t *tokens) get(ctx context.Context, k key, now func() time.Time, fetch func(context.Context) (*token, error)) (*token, error) {
	t.mu.Lock()
	if kept := t.kept[k]; kept != nil && now().Before(kept.expires) {
		t.mu.Unlock()
		return kept, nil
	}
	if t.failure != nil && now().Before(t.until) {
		defer t.mu.Unlock()
		return nil, t.failure
	}
	if f := t.flights[k]; f != nil {
		t.mu.Unlock()
		select {
		case <-f.done:
			return f.token, f.err
		case <-ctx.Done():
			return nil, errCallerGone
		}
	}
	f := &flight{done: make(chan struct{}), err: &fetchError{reason: "fetching the token panicked"}}
	t.flights[k] = f
	t.mu.Unlock()
	defer t.landed(k, f, now)
	f.token, f.err = fetch(context.WithoutCancel(ctx))
	return f.token, f.err
}

// landed keeps what a flight brought and wakes those who wait for it.
func (t *tokens) landed(k key, f *flight, now func() time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.flights, k)
	close(f.done)
	if f.err != nil {
		if t.rest > 0 {
			t.failure, t.until = f.err, now().Add(t.rest)
		}
		return
	}
	t.failure = nil
	if _, known := t.kept[k]; !known {
		if len(t.order) >= t.most {
			delete(t.kept, t.order[0])
			t.order = append(t.order[:0], t.order[1:]...)
		}
		t.order = append(t.order, k)
	}
	t.kept[k] = f.token
}

// refused drops a token that the service did not take, unless it is very young.
func (t *tokens) refused(k key, used *token, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[k] != used || now.Sub(used.fetched) < leastAge {
		return false
	}
	used.expires = time.Time{}
	return true
}

// carriedToken is what a step keeps between its hooks.
type carriedToken struct {
	key   key
	token *token
}

// drop is the response side of both policies with tokens: a service that
// answers 401 may have seen a token that was revoked.
func (t *tokens) drop(step any, x *traffic.Exchange, now func() time.Time) bool {
	used, ok := x.Carried(step).(carriedToken)
	if !ok || x.Response.Local || x.Response.Status != http.StatusUnauthorized {
		return false
	}
	return t.refused(used.key, used.token, now())
}
