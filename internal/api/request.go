package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/encoding/tree"
)

const (
	// longest bounds one request.
	longest = 30 * time.Second
	// freshness is how long a confirmation holds.
	freshness = 10 * time.Minute
	// mostDepth bounds nested JSON.
	mostDepth = 64
	// pageSize and largestPage bound lists.
	pageSize    = 50
	largestPage = 500
)

// Request is what a handler works with.
type Request struct {
	Principal control.Principal
	http      *http.Request
	body      []byte
}

// Path is a parameter of the path.
func (r *Request) Path(name string) string { return r.http.PathValue(name) }

// Query is a parameter of the query, "" for none.
func (r *Request) Query(name string) string { return r.http.URL.Query().Get(name) }

// Body is the whole body.
func (r *Request) Body() []byte { return r.body }

// Decode reads the body strictly: unknown fields, doubled names and anything behind
// the object are refused.
func (r *Request) Decode(into any) error {
	if _, err := tree.Read(&tree.Source{Name: "body", Text: r.body}, tree.Options{MaxDepth: mostDepth}); err != nil {
		return fmt.Errorf("%w: %w", control.ErrInvalid, err)
	}
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %s", control.ErrInvalid, decodeText(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON value", control.ErrInvalid)
	}
	return nil
}

// decodeText says what is wrong without Go's words for it.
func decodeText(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("field %s must not be a JSON %s", wrong.Field, wrong.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// ErrNoVersion says that a change of an existing thing came without its version.
var ErrNoVersion = errors.New("name the version you saw, as If-Match: \"7\"")

// IfMatch is the version that the caller saw, from If-Match; ErrNoVersion without.
func (r *Request) IfMatch() (int64, error) {
	text := r.http.Header.Get("If-Match")
	if text == "" {
		return 0, ErrNoVersion
	}
	version, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
	if err != nil || version < 1 {
		return 0, fmt.Errorf("%w: If-Match must be a version as the ETag gave it", control.ErrInvalid)
	}
	return version, nil
}

// DecodeSeen reads the body as Decode does, and the version that the caller saw as
// IfMatch does.
func (r *Request) DecodeSeen(into any) (version int64, err error) {
	if version, err = r.IfMatch(); err != nil {
		return 0, err
	}
	return version, r.Decode(into)
}

// Page are the parameters after and limit: where the page begins, and how many
// items it has at most.
func (r *Request) Page() (after string, limit int, err error) {
	limit = pageSize
	if text := r.Query("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > largestPage {
			return "", 0, fmt.Errorf("%w: limit must be between 1 and %d", control.ErrInvalid, largestPage)
		}
	}
	return r.Query("after"), limit, nil
}

// Before is Page for lists of numbered things, the newest first: the number that the
// page goes on below, 0 for the first page.
func (r *Request) Before() (number int64, limit int, err error) {
	after, limit, err := r.Page()
	if err != nil || after == "" {
		return 0, limit, err
	}
	if number, err = strconv.ParseInt(after, 10, 64); err != nil || number < 1 {
		return 0, 0, fmt.Errorf("%w: after must be the next of the page before", control.ErrInvalid)
	}
	return number, limit, nil
}

// admit asks who it is and whether they may, before a route's handler runs.
func (h *handler) admit(route *Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), longest)
		defer cancel()
		r = r.WithContext(ctx)
		if !control.Readable(r.URL) {
			h.fail(w, r, errAddress)
			return
		}
		answer, err := h.run(w, r, route)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		answer.write(w)
	})
}

func (h *handler) run(w http.ResponseWriter, r *http.Request, route *Route) (*answer, error) {
	req := &Request{http: r}
	if route.At != Public {
		var err error
		if req.Principal, err = h.identify(r, route); err != nil {
			return nil, err
		}
		if err := h.authorise(r.Context(), req, route); err != nil {
			return nil, err
		}
	}
	limit := route.Body
	if limit == 0 {
		limit = defaultBody
	}
	var err error
	if req.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return h.once(r, req, route)
}

// identify tells who asks: by an API token or session in the Authorization header,
// or by the console's cookie, which only counts for requests of its own pages.
func (h *handler) identify(r *http.Request, route *Route) (control.Principal, error) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !isBearer {
		cookie, err := r.Cookie(h.Cookie)
		if h.Cookie == "" || err != nil {
			return control.Principal{}, errNobody
		}
		if err := h.crossSite.Check(r); err != nil {
			return control.Principal{}, control.ErrForbidden
		}
		token = cookie.Value
	}
	p, err := h.Sessions.Identify(r.Context(), strings.TrimSpace(token))
	if err != nil {
		return control.Principal{}, err
	}
	if !p.Ready() {
		return control.Principal{}, control.ErrForbidden
	}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		p.Address = at.Addr().Unmap()
	}
	if route.Fresh && (p.Confirmed.IsZero() || h.Now().Sub(p.Confirmed) > freshness) {
		return control.Principal{}, control.ErrStale
	}
	return p, nil
}

// authorise asks for what the table says that a route needs.
func (h *handler) authorise(ctx context.Context, r *Request, route *Route) error {
	err := h.needs(ctx, r, route, route.Needs)
	if err != nil && route.Or != "" && h.needs(ctx, r, route, route.Or) == nil {
		err = nil
	}
	for _, one := range route.And {
		if err == nil {
			err = h.needs(ctx, r, route, one)
		}
	}
	return err
}

func (h *handler) needs(ctx context.Context, r *Request, route *Route, what access.Permission) error {
	switch route.At {
	case Organisation:
		return h.gate.Group(ctx, r.Principal, what, rootGroup)
	case Group:
		return h.gate.Group(ctx, r.Principal, what, r.Path("group"))
	case Environment:
		return h.gate.Environment(ctx, r.Principal, what, r.Path("environment"))
	case Self, Public:
		return nil
	}
	return control.ErrForbidden
}
