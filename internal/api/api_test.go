package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/spec/openapi"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// operators signs in whoever the token names.
type operators map[string]control.Principal

func (p operators) Identify(_ context.Context, token string) (control.Principal, error) {
	if who, ok := p[token]; ok {
		return who, nil
	}
	return control.Principal{}, session.ErrNoSession
}

// places has two business groups with an environment each.
type places struct{}

var scopes = map[string]access.Scope{
	"root": {Group: "root"}, "own": {Group: "root/own"}, "foreign": {Group: "root/foreign"},
	"own-production": {Group: "root/own", Environment: "own-production"}, "foreign-production": {Group: "root/foreign", Environment: "foreign-production"},
}

func (places) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if s, ok := scopes[environment]; ok && s.Environment != "" {
		return s, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func (places) GroupScope(_ context.Context, group string) (access.Scope, error) {
	if s, ok := scopes[group]; ok && s.Environment == "" {
		return s, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func newHandler(t *testing.T, who operators, routes []Route) *handler {
	t.Helper()
	h := &handler{
		Options: Options{Sessions: who, Tree: places{}, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler), Cookie: "farrier"},
		gate:    control.Gate{Tree: places{}}, mux: http.NewServeMux(), crossSite: http.NewCrossOriginProtection(),
	}
	for i := range routes {
		if err := routes[i].check(); err != nil {
			t.Fatal(err)
		}
		h.mux.Handle(routes[i].Method+" "+Prefix+routes[i].Path, h.admit(&routes[i]))
	}
	h.mux.HandleFunc("/", h.unknown)
	return h
}

func ask(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, Prefix+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestMatrix plays every route, as every role, granted in a business group of its
// own, in a foreign one, and against the top: only what the role's permission and
// scope allow reaches a handler. A new route is played without being named here.
func TestMatrix(t *testing.T) {
	who := operators{}
	for _, role := range access.Roles() {
		who[string(role)] = control.Principal{
			Operator: "ann", Confirmed: noon,
			Grants: []access.Grant{{Role: role, Scope: scopes["own"]}},
		}
	}
	routes := Routes(&Services{})
	for i := range routes {
		routes[i].Handle = func(context.Context, *Request) (any, error) { return map[string]string{"reached": "yes"}, nil }
	}
	h := newHandler(t, who, routes)
	played, reached := 0, 0
	for i := range routes {
		route := &routes[i]
		for _, place := range []string{"own", "foreign"} {
			path := strings.NewReplacer("{group}", place, "{environment}", place+"-production", "...}", "}").Replace(route.Path)
			for _, name := range pathParameters(path) {
				path = strings.ReplaceAll(path, "{"+name+"}", "x")
			}
			for _, role := range append(access.Roles(), "nobody") {
				w := ask(h, route.Method, path, "{}", "Authorization", "Bearer "+string(role))
				played++
				want := expected(route, role, place)
				if w.Code != want {
					t.Errorf("%s %s as %s in the %s group: %d, want %d", route.Method, route.Path, role, place, w.Code, want)
				}
				if w.Code == http.StatusOK {
					reached++
				}
			}
		}
	}
	if t.Logf("%d routes, %d requests, %d reached a handler", len(routes), played, reached); played < 24 {
		t.Error("too few requests were played")
	}
}

// expected is the status that the rules ask for.
func expected(route *Route, role access.Role, place string) int {
	switch {
	case route.At == Public:
		return http.StatusOK
	case role == "nobody":
		return http.StatusUnauthorized
	case route.At == Self:
		return http.StatusOK
	case route.At == Organisation || place == "foreign":
		return http.StatusNotFound
	case (role.Allows(route.Needs) || route.Or != "" && role.Allows(route.Or)) && !slices.ContainsFunc(route.And, func(one access.Permission) bool { return !role.Allows(one) }):
		return http.StatusOK
	}
	return http.StatusForbidden
}

// TestRoutesWithoutRule: a route that forgot something can't be served.
func TestRoutesWithoutRule(t *testing.T) {
	good := Route{
		Method: "GET", Path: "/environments/{environment}/things", Summary: "List things", Needs: access.ViewAPIs, At: Environment,
		Handle: func(context.Context, *Request) (any, error) { return nil, nil },
	}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(r *Route){
		"must need a permission":              func(r *Route) { r.Needs = "" },
		"which is no permission":              func(r *Route) { r.Needs = "apis:all" },
		"{environment} stands":                func(r *Route) { r.Path = "/things" },
		"{group} stands":                      func(r *Route) { r.Path = "/groups/{group}/{environment}" },
		"needs a path, a summary":             func(r *Route) { r.Summary = "" },
		"unknown method":                      func(r *Route) { r.Method = "BREW" },
		"must not take a body":                func(r *Route) { r.Takes = Account{} },
		"changes something and is open":       func(r *Route) { r.Method, r.Path, r.Needs, r.At = "POST", "/things", "", Public },
		"a path, a summary and a handler":     func(r *Route) { r.Handle = nil },
		"must need a permission, unless it i": func(r *Route) { r.Path, r.At = "/things", Self },
	}
	for want, change := range cases {
		r := good
		change(&r)
		if err := r.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	t.Logf("%d routes refused", len(cases))
}

// TestDocument: what the routes describe is a valid description of an API.
func TestDocument(t *testing.T) {
	text, err := Document(Routes(&Services{}), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(d.Operations), len(Routes(&Services{})); got != want {
		t.Errorf("%d operations, want %d", got, want)
	}
	ids := map[string]bool{}
	for _, r := range Routes(&Services{}) {
		if id := operationID(&r); ids[id] {
			t.Errorf("operationId %s stands twice", id)
		} else {
			ids[id] = true
		}
	}
	t.Logf("%d operations described in %d bytes", len(d.Operations), len(text))
}

type thing struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

func thingRoutes(calls *int) []Route {
	return []Route{
		{Method: "PUT", Path: "/environments/{environment}/things/{name}", Summary: "Change a thing", Needs: access.ManageAPIs, At: Environment, Takes: thing{}, Gives: thing{}, Handle: func(_ context.Context, r *Request) (any, error) {
			version, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			if version != 7 {
				return nil, control.ErrConflict
			}
			var v thing
			if err := r.Decode(&v); err != nil {
				return nil, err
			}
			return Versioned{v, 8}, nil
		}},
		{Method: "POST", Path: "/environments/{environment}/things", Summary: "Make a thing", Needs: access.ManageAPIs, At: Environment, Takes: thing{}, Gives: thing{}, Handle: func(_ context.Context, r *Request) (any, error) {
			*calls++
			var v thing
			if err := r.Decode(&v); err != nil {
				return nil, err
			}
			return Created{Location: "/environments/own-production/things/" + v.Name, Value: v, Version: 1}, nil
		}},
		{Method: "DELETE", Path: "/environments/{environment}/things/{name}", Summary: "Remove a thing", Needs: access.ManageAPIs, At: Environment, Fresh: true, Handle: func(context.Context, *Request) (any, error) {
			return nil, nil
		}},
		{Method: "GET", Path: "/environments/{environment}/things", Summary: "List things", Needs: access.ViewAPIs, At: Environment, Gives: []thing{}, Handle: func(_ context.Context, r *Request) (any, error) {
			_, limit, err := r.Page()
			return Page{Items: make([]thing, limit)}, err
		}},
		{Method: "GET", Path: "/environments/{environment}/broken", Summary: "Break", Needs: access.ViewAPIs, At: Environment, Handle: func(context.Context, *Request) (any, error) {
			panic("the secret is hunter2")
		}},
	}
}

// TestRefusals holds what is refused, and by which words.
func TestRefusals(t *testing.T) {
	calls := 0
	admin := control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}, Confirmed: noon}
	token, old, unfinished := admin, admin, admin
	token.Confirmed, old.Confirmed, unfinished.Unfinished = time.Time{}, noon.Add(-11*time.Minute), access.MustEnrol
	h := newHandler(t, operators{"ann": admin, "token": token, "old": old, "unfinished": unfinished}, thingRoutes(&calls))
	const place = "/environments/own-production/things"
	cases := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		text                     string
	}{
		{"good", "PUT", place + "/a", `{"name":"a","size":1}`, []string{"If-Match", `"7"`}, 200, `{"name":"a","size":1}`},
		{"no version", "PUT", place + "/a", `{}`, nil, 428, "Name the version you saw"},
		{"old version", "PUT", place + "/a", `{}`, []string{"If-Match", `"6"`}, 412, "changed by somebody else"},
		{"no number", "PUT", place + "/a", `{}`, []string{"If-Match", `*`}, 422, "as the ETag gave it"},
		{"unknown field", "PUT", place + "/a", `{"nome":"a"}`, []string{"If-Match", `"7"`}, 422, `known field \"nome\"`},
		{"doubled field", "PUT", place + "/a", `{"name":"a","name":"b"}`, []string{"If-Match", `"7"`}, 422, "name"},
		{"wrong type", "PUT", place + "/a", `{"size":"1"}`, []string{"If-Match", `"7"`}, 422, "ield size must not be a JSON string"},
		{"trailing", "PUT", place + "/a", `{} {}`, []string{"If-Match", `"7"`}, 422, ""},
		{"empty", "PUT", place + "/a", ``, []string{"If-Match", `"7"`}, 422, ""},
		{"deep", "PUT", place + "/a", strings.Repeat("[", 70) + strings.Repeat("]", 70), []string{"If-Match", `"7"`}, 422, ""},
		{"large", "POST", place, `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413, "1048576 bytes"},
		{"made", "POST", place, `{"name":"a"}`, nil, 201, `"name":"a"`},
		{"removed", "DELETE", place + "/a", ``, nil, 204, ""},
		{"removed by a token", "DELETE", place + "/a", ``, []string{"Authorization", "Bearer token"}, 403, "confirmed in the last ten minutes"},
		{"removed by a stale session", "DELETE", place + "/a", ``, []string{"Authorization", "Bearer old"}, 403, "confirmed in the last ten minutes"},
		{"unfinished", "GET", place, ``, []string{"Authorization", "Bearer unfinished"}, 403, "may not"},
		{"unknown token", "GET", place, ``, []string{"Authorization", "Bearer eve"}, 401, "ended"},
		{"no token", "GET", place, ``, []string{"Authorization", ""}, 401, "Sign in"},
		{"cookie", "GET", place, ``, []string{"Authorization", "", "Cookie", "farrier=ann"}, 200, "items"},
		{"cookie of another site", "POST", place, `{"name":"a"}`, []string{"Authorization", "", "Cookie", "farrier=ann", "Sec-Fetch-Site", "cross-site"}, 403, "may not"},
		{"limit", "GET", place + "?limit=501", ``, nil, 422, "between 1 and 500"},
		{"unknown environment", "GET", "/environments/nowhere/things", ``, nil, 404, "no such thing"},
		{"unknown path", "GET", "/nothing", ``, nil, 404, "no such thing"},
		{"panic", "GET", "/environments/own-production/broken", ``, nil, 500, "failed inside Farrier"},
	}
	for _, c := range cases {
		headers := append([]string{"Authorization", "Bearer ann"}, c.headers...)
		w := ask(h, c.method, c.path, c.body, headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %.300s, want %d and %q", c.name, w.Code, w.Body, c.status, c.text)
		}
		if w.Code >= 400 {
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: the refusal is no problem: %v %s", c.name, err, w.Body)
			}
		}
	}
	t.Logf("%d requests played", len(cases))
}

// memory is a Once in a map.
type memory struct {
	digests map[string]string
	answers map[string][]byte
}

func (m memory) Begin(_ context.Context, operator, key, digest string) ([]byte, error) {
	key = operator + "/" + key
	switch was, ok := m.digests[key]; {
	case !ok:
		m.digests[key] = digest
		return nil, nil
	case was != digest:
		return nil, control.ErrInvalid
	case m.answers[key] == nil:
		return nil, control.ErrConflict
	}
	return m.answers[key], nil
}

func (m memory) Finish(_ context.Context, operator, key string, answer []byte) error {
	key = operator + "/" + key
	if answer == nil {
		delete(m.digests, key)
		return nil
	}
	m.answers[key] = answer
	return nil
}

func TestRepeatedRequest(t *testing.T) {
	calls := 0
	admin := control.Principal{Operator: "ann", Roles: []access.Role{access.RoleAdmin}, Confirmed: noon}
	h := newHandler(t, operators{"ann": admin}, thingRoutes(&calls))
	h.Once = memory{map[string]string{}, map[string][]byte{}}
	const place = "/environments/own-production/things"
	post := func(key, body string) *httptest.ResponseRecorder {
		return ask(h, "POST", place, body, "Authorization", "Bearer ann", "Idempotency-Key", key)
	}
	first, again := post("k", `{"name":"a"}`), post("k", `{"name":"a"}`)
	if first.Code != 201 || again.Code != 201 || calls != 1 || again.Body.String() != first.Body.String() || again.Header().Get("Location") != first.Header().Get("Location") || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %d, %d calls, %s", first.Code, again.Code, calls, again.Body)
	}
	if other := post("k", `{"name":"b"}`); other.Code != 422 || calls != 1 {
		t.Errorf("another request of the same key: %d, %d calls", other.Code, calls)
	}
	if bad, mended := post("m", `{"nome":"a"}`), post("m", `{"name":"a"}`); bad.Code != 422 || mended.Code != 201 {
		t.Errorf("a refused request keeps its key: %d %d", bad.Code, mended.Code)
	}
	if long := post(strings.Repeat("x", 129), `{"name":"a"}`); long.Code != 422 {
		t.Errorf("a long key: %d", long.Code)
	}
}

// TestNew serves what there is.
func TestNew(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("an API without services was made")
	}
	h, err := New(Options{Sessions: operators{"ann": {Operator: "ann"}}, Tree: places{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(h, "GET", "/openapi.json", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"openapi":"3.1.0"`) {
		t.Errorf("%d %.100s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/self", "", "Authorization", "Bearer ann"); w.Code != 200 || !strings.Contains(w.Body.String(), `"operator":"ann"`) {
		t.Errorf("%d %.100s", w.Code, w.Body)
	}
}

// TestAddressesAreText holds that an address that no database takes is told so, whatever
// it is about.
func TestAddressesAreText(t *testing.T) {
	who := operators{"admin": {Operator: "ann", Roles: []access.Role{access.RoleAdmin}, Confirmed: noon}}
	h := newHandler(t, who, []Route{{
		Method: http.MethodGet, Path: "/things/{name}", Summary: "Show one", At: Self,
		Handle: func(context.Context, *Request) (any, error) { return "reached", nil },
	}})
	for path, want := range map[string]int{"/things/a%C3%A9?q=x": http.StatusOK, "/things/%00": http.StatusBadRequest, "/things/%ff": http.StatusBadRequest, "/things/a?after=%00": http.StatusBadRequest, "/things/a?q=%c3%28": http.StatusBadRequest} {
		if w := ask(h, http.MethodGet, path, "", "Authorization", "Bearer admin"); w.Code != want || want == http.StatusBadRequest && !strings.Contains(w.Body.String(), "UTF-8 text without NUL") {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
}
