package healthcheck

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Verdict is what one check came to.
type Verdict string

// The verdicts. What answers, but too slowly or with a certificate that ends soon, is
// Degraded.
const (
	Up       Verdict = "up"
	Degraded Verdict = "degraded"
	Down     Verdict = "down"
)

// Result is one check that was made.
type Result struct {
	At      time.Time     `json:"at"`
	Verdict Verdict       `json:"verdict"`
	Took    time.Duration `json:"took"`
	// Problem says why it is not up. It holds nothing of the answer's content.
	Problem string `json:"problem,omitempty"`
}

// maxContent bounds how much of an answer is searched for text, in bytes.
const maxContent = 1 << 20

// Target is where a check of an API goes.
type Target struct {
	// URL is the API's address, with its base path.
	URL string
	// Dial is the host:port that is connected to whatever the URL names.
	Dial string
}

// probe makes one check. guarded is the way to configured addresses; an API's own
// listener is dialled itself, and whose name stands in its certificate does not matter.
func probe(ctx context.Context, guarded *http.Client, target Target, spec *Spec, now func() time.Time) Result {
	client := *guarded
	if target.Dial != "" {
		transport := &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, target.Dial)
			},
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // our own listener
			DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		}
		defer transport.CloseIdleConnections()
		client.Transport = transport
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = time.Duration(spec.TimeoutMillis) * time.Millisecond
	begun := now()
	result := Result{At: begun}
	problem, degraded := ask(ctx, &client, target.URL, spec, now)
	result.Took = now().Sub(begun)
	switch {
	case problem != "":
		result.Verdict, result.Problem = Down, problem
	case degraded != "":
		result.Verdict, result.Problem = Degraded, degraded
	case spec.LatencyMillis > 0 && result.Took > time.Duration(spec.LatencyMillis)*time.Millisecond:
		result.Verdict, result.Problem = Degraded, fmt.Sprintf("it took %d ms, more than %d ms", result.Took.Milliseconds(), spec.LatencyMillis)
	default:
		result.Verdict = Up
	}
	return result
}

// ask sends the request and judges the answer.
func ask(ctx context.Context, client *http.Client, address string, spec *Spec, now func() time.Time) (problem, degraded string) {
	request, err := http.NewRequestWithContext(ctx, spec.Method, address, nil)
	if err != nil {
		return "the address can't be asked", ""
	}
	request.Header.Set("User-Agent", "farrier-health-check")
	answer, err := client.Do(request)
	if err != nil {
		return reason(err), ""
	}
	defer func() { _ = answer.Body.Close() }()
	if spec.Status != 0 && answer.StatusCode != spec.Status {
		return fmt.Sprintf("it answered %d, not %d", answer.StatusCode, spec.Status), ""
	}
	if spec.Status == 0 && answer.StatusCode >= http.StatusBadRequest {
		return fmt.Sprintf("it answered %d", answer.StatusCode), ""
	}
	if spec.Header != "" {
		if got := answer.Header.Get(spec.Header); got == "" || spec.HeaderValue != "" && got != spec.HeaderValue {
			return "the header " + spec.Header + " is not as expected", ""
		}
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxContent))
	switch {
	case err != nil:
		return "the answer broke off", ""
	case spec.Contains != "" && !bytes.Contains(content, []byte(spec.Contains)):
		return "the expected text is not in the answer", ""
	}
	if spec.CertificateDays > 0 && answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		left := answer.TLS.PeerCertificates[0].NotAfter.Sub(now())
		switch {
		case left <= 0:
			return "its certificate has expired", ""
		case left < time.Duration(spec.CertificateDays)*24*time.Hour:
			return "", fmt.Sprintf("its certificate expires in %d days", left/(24*time.Hour))
		}
	}
	return "", ""
}

// reason says why there is no answer, without addresses.
func reason(err error) string {
	var (
		timeout net.Error
		name    *net.DNSError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.As(err, &name):
		return "its name is not known"
	case strings.Contains(err.Error(), "private or reserved"):
		return "its address is private; an administrator must allow its network first"
	case strings.Contains(err.Error(), "certificate"):
		return "its certificate is not trusted"
	case errors.As(err, &op) && op.Op == "dial":
		return "it can not be connected to"
	}
	return "the connection broke off"
}

// State is how a check stands.
type State struct {
	Verdict Verdict `json:"verdict,omitempty"`
	// Since is when Verdict began.
	Since time.Time `json:"since,omitzero"`
	// Failures counts the checks in a row that were down.
	Failures int    `json:"failures,omitempty"`
	Last     Result `json:"last,omitzero"`
}

// Next is how a check stands after a result: it is down after so many failures in a
// row, and up with the first that is. changed says that the verdict is another; the
// first one is none.
func (s State) Next(r Result, failures int) (next State, changed bool) {
	next = s
	next.Last = r
	verdict := r.Verdict
	if verdict == Down {
		if next.Failures++; next.Failures < failures {
			verdict = s.Verdict // not yet
			if verdict == "" {
				return next, false
			}
		}
	} else {
		next.Failures = 0
	}
	if verdict == s.Verdict {
		return next, false
	}
	next.Verdict, next.Since = verdict, r.At
	return next, s.Verdict != "" || verdict == Down
}
