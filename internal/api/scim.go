package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/scim"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/provision"
)

// SCIMPrefix is where identity providers keep users and groups.
const SCIMPrefix = "/scim/v2"

// SCIMOptions are what SCIM works with; all are required.
type SCIMOptions struct {
	Sessions Sessions
	Service  *provision.Service
	Now      func() time.Time
	Log      *slog.Logger
}

// SCIMRoute is one operation of SCIM, below SCIMPrefix.
type SCIMRoute struct {
	Method, Path string
	handle       func(ctx context.Context, r *scimRequest) (scimAnswer, error)
}

// scimRequest is what a handler works with.
type scimRequest struct {
	principal control.Principal
	id, match string
	values    url.Values
	body      []byte
}

// scimAnswer is what goes back; its status is 200 or 204 when it is zero.
type scimAnswer struct {
	status int
	scim.Resource
}

// whole answers with a body.
func whole(body map[string]any, err error) (scimAnswer, error) {
	return scimAnswer{Resource: scim.Resource{Body: body}}, err
}

// with answers with a resource.
func with(status int, r scim.Resource, err error) (scimAnswer, error) {
	return scimAnswer{status, r}, err
}

// SCIMRoutes lists all operations of SCIM.
func SCIMRoutes(s *provision.Service) []SCIMRoute {
	list := make([]SCIMRoute, 0, 20)
	for _, name := range []string{"ServiceProviderConfig", "ResourceTypes", "Schemas"} {
		about := func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			return whole(s.About(ctx, r.principal, name, r.id))
		}
		list = append(list, SCIMRoute{http.MethodGet, "/" + name, about})
		if name != "ServiceProviderConfig" {
			list = append(list, SCIMRoute{http.MethodGet, "/" + name + "/{id}", about})
		}
	}
	list = append(list, scimKind("/Users", scimService{s.Users, s.User, s.CreateUser, s.ReplaceUser, s.PatchUser, s.DeleteUser})...)
	return append(list, scimKind("/Groups", scimService{s.Groups, s.Group, s.CreateGroup, s.ReplaceGroup, s.PatchGroup, s.DeleteGroup})...)
}

// scimService is what can be done with one kind of resource.
type scimService struct {
	list           func(context.Context, control.Principal, url.Values) (map[string]any, error)
	get            func(context.Context, control.Principal, string, url.Values) (scim.Resource, error)
	create         func(context.Context, control.Principal, []byte) (scim.Resource, error)
	replace, patch func(context.Context, control.Principal, string, string, []byte) (scim.Resource, error)
	remove         func(context.Context, control.Principal, string, string) error
}

func scimKind(at string, s scimService) []SCIMRoute {
	one := at + "/{id}"
	return []SCIMRoute{
		{http.MethodGet, at, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			return whole(s.list(ctx, r.principal, r.values))
		}},
		{http.MethodGet, one, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			it, err := s.get(ctx, r.principal, r.id, r.values)
			return with(http.StatusOK, it, err)
		}},
		{http.MethodPost, at, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			it, err := s.create(ctx, r.principal, r.body)
			return with(http.StatusCreated, it, err)
		}},
		{http.MethodPut, one, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			it, err := s.replace(ctx, r.principal, r.id, r.match, r.body)
			return with(http.StatusOK, it, err)
		}},
		{http.MethodPatch, one, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			it, err := s.patch(ctx, r.principal, r.id, r.match, r.body)
			if at == "/Groups" { // of thousands of members one changed
				it.Body = nil
			}
			return with(0, it, err)
		}},
		{http.MethodDelete, one, func(ctx context.Context, r *scimRequest) (scimAnswer, error) {
			return scimAnswer{}, s.remove(ctx, r.principal, r.id, r.match)
		}},
	}
}

// scimHandler serves SCIM.
type scimHandler struct {
	sessions Sessions
	mux      *http.ServeMux
	// problems tells of what is not foreseen.
	problems *handler
}

// NewSCIM makes the handler of everything below SCIMPrefix.
func NewSCIM(o SCIMOptions) (http.Handler, error) {
	if o.Sessions == nil || o.Service == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("api: SCIM needs Sessions, Service, Now and Log")
	}
	h := &scimHandler{sessions: o.Sessions, mux: http.NewServeMux(), problems: &handler{Options: Options{Now: o.Now, Log: o.Log}}}
	for _, route := range SCIMRoutes(o.Service) {
		h.mux.Handle(route.Method+" "+SCIMPrefix+route.Path, h.admit(route))
	}
	h.mux.HandleFunc("/", h.unknown)
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *scimHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shield(w)
	defer func() {
		switch what := recover(); what {
		case nil:
		case http.ErrAbortHandler:
			panic(what)
		default:
			h.fail(w, r, fmt.Errorf("panic: %v\n%s", what, debug.Stack()))
		}
	}()
	h.mux.ServeHTTP(w, r)
}

func (h *scimHandler) unknown(w http.ResponseWriter, r *http.Request) {
	for _, known := range []string{"/Me", "/Bulk"} {
		if strings.TrimPrefix(r.URL.Path, SCIMPrefix) == known {
			h.fail(w, r, &scim.Error{Status: http.StatusNotImplemented, Detail: known + " is not served; /ServiceProviderConfig tells what is."})
			return
		}
	}
	h.fail(w, r, &scim.Error{Status: http.StatusNotFound, Detail: "There is no such endpoint or method."})
}

var errNoToken = errors.New("send an API token of an account that manages access, as Authorization: Bearer frr_…; sessions are not taken")

// identify tells who asks: by an API token alone.
func (h *scimHandler) identify(r *http.Request) (control.Principal, error) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token = strings.TrimSpace(token); !isBearer || !strings.HasPrefix(token, access.TokenPrefix) {
		return control.Principal{}, errNoToken
	}
	p, err := h.sessions.Identify(r.Context(), token)
	if err != nil {
		return control.Principal{}, err
	}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		p.Address = at.Addr().Unmap()
	}
	return p, nil
}

// admit asks who it is before a route's handler runs.
func (h *scimHandler) admit(route SCIMRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), longest)
		defer cancel()
		r = r.WithContext(ctx)
		answer, err := h.run(w, r, route)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		if answer.status == http.StatusCreated {
			w.Header().Set("Location", answer.Location)
		}
		if answer.Version != "" {
			w.Header().Set("ETag", answer.Version)
		}
		status := answer.status
		switch {
		case answer.Body == nil:
			w.WriteHeader(http.StatusNoContent)
			return
		case status == 0:
			status = http.StatusOK
		}
		h.write(w, r, status, answer.Body)
	})
}

func (h *scimHandler) run(w http.ResponseWriter, r *http.Request, route SCIMRoute) (scimAnswer, error) {
	p, err := h.identify(r)
	if err != nil {
		return scimAnswer{}, err
	}
	req := &scimRequest{principal: p, id: r.PathValue("id"), match: strings.Join(r.Header.Values("If-Match"), ","), values: r.URL.Query()}
	if req.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, scim.MaxBody)); err != nil {
		return scimAnswer{}, fmt.Errorf("reading the body: %w", err)
	}
	return route.handle(r.Context(), req)
}

// fail answers with a refusal of SCIM.
func (h *scimHandler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var told *scim.Error
	switch {
	case errors.As(err, &told):
	case errors.Is(err, errNoToken):
		told = &scim.Error{Status: http.StatusUnauthorized, Detail: sentence(err)}
	case errors.Is(err, control.ErrForbidden):
		told = &scim.Error{Status: http.StatusForbidden, Detail: sentence(errors.New(strings.TrimPrefix(err.Error(), control.ErrForbidden.Error()+": ")))}
	default:
		p := h.problems.explain(r, err)
		told = &scim.Error{Status: p.Status, Detail: p.Detail}
		if p.Instance != "" {
			told.Detail += " Instance " + p.Instance + "."
		}
	}
	if told.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="farrier"`)
	}
	h.write(w, r, told.Status, told.JSON())
}

func (h *scimHandler) write(w http.ResponseWriter, r *http.Request, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		h.problems.Log.ErrorContext(r.Context(), "an answer can't be written", "component", "scim", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", scim.Media)
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
}
