package extauthz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// partialBody tells the service whether it reads the whole body, as Envoy does.
const partialBody = "x-envoy-auth-partial-body"

// overHTTP asks over HTTP: the request itself, without its body, is sent to the
// service, and 200 permits it.
type overHTTP struct {
	*compiled
	client *http.Client
}

// pool is the connections to the service; they outlive revisions.
type pool struct{ client *http.Client }

// Close implements io.Closer.
func (p *pool) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

func newHTTP(c *compiled, env policy.Env) *overHTTP {
	made, _ := env.State("pool", func() any {
		client := &http.Client{Transport: env.HTTP.Transport}
		if t, ok := env.HTTP.Transport.(*http.Transport); ok {
			t = t.Clone()
			t.MaxIdleConnsPerHost, t.DisableCompression = 64, true
			t.ResponseHeaderTimeout = 0 // the context bounds all of it
			client.Transport = t
		}
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		return &pool{client}
	}).(*pool)
	return &overHTTP{compiled: c, client: made.client}
}

func (h *overHTTP) ask(ctx context.Context, x *traffic.Exchange) (decision, error) {
	request, err := h.request(ctx, x)
	if err != nil {
		return decision{}, err
	}
	resp, err := h.client.Do(request)
	if err != nil {
		return decision{}, unreachable(ctx)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return decision{}, unreachable(ctx)
	case len(body) > maxAnswer:
		return decision{}, errors.New("the answer of the authorization service is longer than 1 MiB")
	case resp.StatusCode >= 500 || resp.StatusCode < 200:
		return decision{}, fmt.Errorf("the authorization service answers with status %d", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return decision{status: resp.StatusCode, body: body, client: h.denied(resp.Header)}, nil
	}
	return h.permitted(resp.Header), nil
}

// unreachable says what went wrong without what a peer may have put in it.
func unreachable(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("the authorization service did not answer in time")
	}
	return errors.New("the authorization service could not be reached or broke off")
}

func (h *overHTTP) request(ctx context.Context, x *traffic.Exchange) (*http.Request, error) {
	scheme := "http"
	if h.service.Secure {
		scheme = "https"
	}
	u, err := url.Parse(scheme + "://" + h.service.Authority + h.service.Path + h.PathPrefix + x.Request.Path)
	if err != nil {
		return nil, errors.New("the path of the request makes no URL")
	}
	u.RawQuery = x.Request.RawQuery
	var body io.Reader = http.NoBody
	if h.WithRequestBody != nil && len(x.Request.Body.Bytes()) > 0 {
		body = bytes.NewReader(x.Request.Body.Bytes())
	}
	r, err := http.NewRequestWithContext(ctx, x.Request.Method, u.String(), body)
	if err != nil {
		return nil, errors.New("the request can't be asked about over HTTP")
	}
	r.Host = x.Request.Host
	decoded := body != http.NoBody
	for f := range x.Request.Header.All() {
		if (f.Name == "authorization" || h.allowed[f.Name]) && !policy.Untouchable(f.Name) && (f.Name != "content-encoding" || !decoded) {
			name := textproto.CanonicalMIMEHeaderKey(f.Name)
			r.Header[name] = append(r.Header[name], f.Value)
		}
	}
	if h.WithRequestBody != nil {
		r.Header.Set(partialBody, fmt.Sprint(x.Request.Body.Partial()))
	}
	for _, own := range h.ServiceRequestHeadersToAdd {
		r.Header.Set(own.Key, own.Value)
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header["User-Agent"] = []string{""} // or net/http sends its own
	}
	return r, nil
}

// denied are the headers of a denial for the client.
func (h *overHTTP) denied(from http.Header) []policy.FieldEdit {
	names := h.ServiceResponseClientHeaders
	if len(names) > 0 {
		names = append(slices.Clip(names), "content-type", "location", "www-authenticate")
	}
	return picked(from, func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }, policy.OverwriteField)
}

func (h *overHTTP) permitted(from http.Header) decision {
	among := func(names []string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	d := decision{allowed: true}
	for _, list := range from.Values("X-Envoy-Auth-Headers-To-Remove") {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				d.upstream = append(d.upstream, policy.FieldEdit{Name: name, Action: policy.RemoveField})
			}
		}
	}
	d.upstream = append(d.upstream, picked(from, among(h.ServiceResponseUpstreamHeaders), policy.OverwriteField)...)
	d.upstream = append(d.upstream, picked(from, among(h.ServiceResponseUpstreamHeadersToAppend), policy.AppendField)...)
	d.client = picked(from, among(h.ServiceResponseClientHeadersOnSuccess), policy.OverwriteField)
	return d
}

// picked are changes that set the fields whose lower-case names are wanted;
// further values of one name follow the first.
func picked(from http.Header, wanted func(string) bool, action policy.FieldAction) []policy.FieldEdit {
	var edits []policy.FieldEdit
	for name, values := range from {
		name = traffic.LowerName(name)
		if !wanted(name) {
			continue
		}
		for i, v := range values {
			edit := policy.FieldEdit{Name: name, Value: v, Action: action}
			if i > 0 || name == "set-cookie" {
				edit.Action = policy.AppendField
			}
			edits = append(edits, edit)
		}
	}
	return edits
}
