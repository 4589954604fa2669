package acme

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxAnswer bounds one answer of a directory, in bytes.
	maxAnswer = 1 << 20
	// requestTime bounds one request with its answer.
	requestTime = 20 * time.Second
	// tries is how often a request is repeated at most that the authority can't answer
	// at the moment.
	tries = 4
	// longestRetry is how long is waited at most before that.
	longestRetry = 10 * time.Second
)

var (
	errTooLong   = &ProblemError{Text: "the directory answers with more than 1 MiB"}
	errInsecure  = &ProblemError{Text: "the directory names an address that does not begin with https://"}
	errRedirects = &ProblemError{Text: "the directory sends us elsewhere (a redirect), where we don't go; give the address itself"}
)

// bounded is a client that reads short answers, and goes only where it was sent to.
func bounded(through *http.Client) *http.Client {
	next := through.Transport
	if next == nil {
		next = new(http.Transport)
	}
	c := *through
	c.Transport = transport{next}
	c.Timeout = requestTime
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirects }
	return &c
}

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errInsecure
	}
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 == 3 {
		return nil, errors.Join(errRedirects, res.Body.Close())
	}
	res.Body = &answer{res.Body, maxAnswer}
	return res, nil
}

// CloseIdleConnections is for http.Client.
func (t transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// answer is a body that ends with an error when it is too long.
type answer struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (a *answer) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > a.left {
		p = p[:a.left]
	}
	n, err := a.ReadCloser.Read(p)
	a.left -= int64(n)
	return n, err
}

// backoff is how long is waited before a request is repeated, 0 for no more.
func backoff(n int, _ *http.Request, res *http.Response) time.Duration {
	if n > tries {
		return 0
	}
	pause := firstLook << n
	if res != nil {
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
			if pause = time.Duration(seconds) * time.Second; pause > longestRetry || seconds > int(longestRetry/time.Second) {
				return 0 // not worth keeping the attempt open
			}
		}
	}
	return pause
}
