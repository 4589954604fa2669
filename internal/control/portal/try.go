package portal

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/revision"
)

// The bounds of a call.
const (
	maxCallBody = 64 << 10
	maxAnswer   = 64 << 10
	maxHeaders  = 30
	callTime    = 10 * time.Second
	maxCalls    = 8
)

// Call is a call to try.
type Call struct {
	Method string `json:"method"`
	// Path lies below the base path, with its parameters filled in; Query is without
	// the question mark.
	Path  string `json:"path"`
	Query string `json:"query,omitempty"`
	// Headers are lines "name: value".
	Headers string `json:"headers,omitempty"`
	Body    string `json:"body,omitempty"`
	// ClientID and Secret are shown where the policies of the API want them.
	ClientID string `json:"clientId,omitempty"`
	Secret   string `json:"secret,omitempty"`
}

// Answer is what the gateway answered.
type Answer struct {
	Status  int      `json:"status"`
	Headers []string `json:"headers"`
	Body    string   `json:"body"`
	// Cut says that the body is longer; Binary that it is no text and not shown.
	Cut    bool          `json:"cut,omitempty"`
	Binary bool          `json:"binary,omitempty"`
	Took   time.Duration `json:"took"`
}

// ErrBusy says that a call of the same operator is under way, or too many at all.
var ErrBusy = errors.New("a call is under way; wait for its answer")

func address(one *revision.API) string { return net.JoinHostPort(one.Host, strconv.Itoa(one.Port)) }

// listener is the open port of an API, nil for none here.
func (s *Service) listener(environment string, one *revision.API) net.Addr {
	if s.o.Listener == nil {
		return nil
	}
	return s.o.Listener(environment, address(one))
}

// Try sends a call to the gateway's own port of an API, and nowhere else: neither the
// call nor a redirect can choose another address. The gateway is told the address of
// the developer, so that no policy takes the call for one from its own machine.
func (s *Service) Try(ctx context.Context, p control.Principal, environment, api string, c Call) (*Answer, error) {
	one, err := s.find(ctx, p, environment, api)
	if err != nil {
		return nil, err
	}
	to := s.listener(environment, one)
	if to == nil {
		return nil, &InputError{"api", "its gateway can't be called from here; call " + one.Scheme + "://" + address(one) + one.BasePath}
	}
	if !p.Address.IsValid() {
		return nil, control.ErrForbidden
	}
	r, err := request(one, &c)
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Forwarded-For", p.Address.Unmap().WithZone("").String())
	if err := s.begin(p.Operator); err != nil {
		return nil, err
	}
	defer s.end(p.Operator)
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	began := s.o.Now()
	resp, err := caller(to).Do(r.WithContext(ctx))
	if err != nil {
		// The text of the error would tell of the machine's inside.
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &InputError{"api", fmt.Sprintf("no answer came within %s", callTime)}
		}
		return nil, &InputError{"api", "the gateway did not accept the call, or broke it off; an API with mutual TLS can't be called from here"}
	}
	defer func() { _ = resp.Body.Close() }()
	return answer(resp, s.o.Now().Sub(began)), nil
}

func (s *Service) begin(operator string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calling[operator] || len(s.calling) >= maxCalls {
		return ErrBusy
	}
	s.calling[operator] = true
	return nil
}

func (s *Service) end(operator string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calling, operator)
}

// caller sends everything to one address, and follows nothing.
func caller(to net.Addr) *http.Client {
	at := to.String()
	if tcp, ok := to.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		at = net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", at)
			},
			// The port is our own, reached without a name that a certificate could hold.
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see above
			DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10, DisableCompression: false,
		},
	}
}

// request makes the request of a call, or says what is wrong with it.
func request(one *revision.API, c *Call) (*http.Request, error) {
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, c.Method) {
		return nil, &InputError{"method", "must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}
	}
	if len(c.Path) > 2048 || len(c.Query) > 4096 || !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#\\") || strings.ContainsAny(c.Query, "# ") {
		return nil, &InputError{"path", "must begin with a slash and be at most 2048 bytes; the query stands beside it"}
	}
	if strings.ContainsAny(c.Path, "{}") {
		return nil, &InputError{"path", "put a value in the place of each {parameter}"}
	}
	u, err := url.Parse(one.Scheme + "://" + address(one) + one.BasePath + c.Path)
	if err != nil {
		return nil, &InputError{"path", "must be a path as in an address, with other characters escaped"}
	}
	if clean := path.Clean(u.Path); u.Host != address(one) || u.User != nil || clean != one.BasePath && !strings.HasPrefix(clean, one.BasePath+"/") {
		return nil, &InputError{"path", "must stay below the base path of the API"}
	}
	u.RawQuery = c.Query
	if len(c.Body) > maxCallBody {
		return nil, &InputError{"body", fmt.Sprintf("longer than %d KiB", maxCallBody>>10)}
	}
	r, err := http.NewRequest(c.Method, u.String(), bytes.NewReader([]byte(c.Body))) //nolint:noctx // the caller sets it
	if err != nil {
		return nil, &InputError{"path", "must be a path as in an address, with other characters escaped"}
	}
	r.Header.Set("User-Agent", "farrier-portal")
	if err := addHeaders(r, c.Headers); err != nil {
		return nil, err
	}
	if c.ClientID == "" {
		return r, nil
	}
	how := credentials(one)
	switch {
	case len(c.ClientID) > 200 || len(c.Secret) > 300 || strings.ContainsAny(c.ClientID+c.Secret, "\r\n\x00"):
		return nil, &InputError{"clientId", "client id and secret must be one line each"}
	case how == nil:
	case how.Basic:
		r.SetBasicAuth(c.ClientID, c.Secret)
	default:
		if how.ID != "" {
			r.Header[how.ID] = []string{c.ClientID}
		}
		if how.Secret != "" && c.Secret != "" {
			r.Header[how.Secret] = []string{c.Secret}
		}
	}
	return r, nil
}

// addHeaders sets what the developer wrote, but nothing that says who they are or how
// the message is framed.
func addHeaders(r *http.Request, text string) error {
	n := 0
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if n++; !ok || name == "" || n > maxHeaders || len(line) > 2048 || strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return &InputError{"headers", fmt.Sprintf("must be at most %d lines of name: value", maxHeaders)}
		}
		if strings.HasPrefix(name, "x-forwarded") || strings.HasPrefix(name, "proxy-") || slices.Contains([]string{
			"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect", "forwarded", "via", "x-real-ip", "true-client-ip",
		}, name) {
			return &InputError{"headers", name + " is set by the portal itself"}
		}
		if name == "user-agent" {
			r.Header.Set(name, value)
			continue
		}
		r.Header.Add(name, value)
	}
	return nil
}

func notToken(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

func answer(resp *http.Response, took time.Duration) *Answer {
	a := &Answer{Status: resp.StatusCode, Took: took, Headers: []string{}}
	for name, values := range resp.Header {
		for _, value := range values {
			a.Headers = append(a.Headers, clipped(strings.ToLower(name)+": "+value, 500))
		}
	}
	slices.Sort(a.Headers)
	a.Headers = a.Headers[:min(len(a.Headers), 60)]
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)) // what came is shown
	if a.Cut = len(body) > maxAnswer; a.Cut {
		body = body[:maxAnswer]
	}
	text := strings.ToValidUTF8(string(body), "")
	if !utf8.Valid(body) && len(body)-len(text) > 3 {
		a.Binary = true
		return a
	}
	a.Body = text
	var indented bytes.Buffer
	if !a.Cut && json.Indent(&indented, body, "", "  ") == nil && indented.Len() < 2*maxAnswer {
		a.Body = indented.String()
	}
	return a
}

// credentialsOf reads the settings of a policy that knows clients.
func credentialsOf(settings json.RawMessage) *Credentials {
	var s struct {
		Origin string `json:"credentialsOriginHasHttpBasicAuthenticationHeader"`
		ID     string `json:"clientIdExpression"`
		Secret string `json:"clientSecretExpression"`
	}
	if json.Unmarshal(settings, &s) != nil {
		return &Credentials{}
	}
	if s.Origin == "httpBasicAuthenticationHeader" {
		return &Credentials{Basic: true}
	}
	c := &Credentials{ID: "client_id"}
	if s.ID != "" {
		c.ID = headerOf(s.ID)
	}
	c.Secret = headerOf(s.Secret)
	return c
}

// headerOf is the header that an expression reads, empty for any other expression.
func headerOf(expression string) string {
	found := headerExpression.FindStringSubmatch(expression)
	if found == nil {
		return ""
	}
	return strings.ToLower(found[1] + found[2])
}
