package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

// TestHeaders holds that every answer of every route carries the headers that keep it
// out of caches and other sites, tells no version, and that the cookie of the console
// changes nothing when another site sends it.
func TestHeaders(t *testing.T) {
	who := operators{"admin": {Operator: "ann", Confirmed: noon, Roles: []access.Role{access.RoleAdmin}}}
	routes := Routes(&Services{})
	reached := 0
	for i := range routes {
		routes[i].Handle = func(context.Context, *Request) (any, error) {
			reached++
			return map[string]string{"reached": "yes"}, control.ErrNotFound
		}
	}
	h := newHandler(t, who, routes)
	played, refused := 0, 0
	for i := range routes {
		path := strings.NewReplacer("{group}", "own", "{environment}", "own-production", "...}", "}").Replace(routes[i].Path)
		for _, name := range pathParameters(path) {
			path = strings.ReplaceAll(path, "{"+name+"}", "x")
		}
		for _, headers := range [][]string{nil, {"Authorization", "Bearer admin"}, {"Authorization", "Bearer none"}, {"Cookie", "farrier=admin", "Sec-Fetch-Site", "cross-site", "Origin", "https://attacker.example"}} {
			before := reached
			w := ask(h, routes[i].Method, path, "{}", headers...)
			played++
			what := routes[i].Method + " " + path
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := w.Header().Values(name); len(got) != 1 || got[0] != want {
					t.Errorf("%s: %s is %q", what, name, got)
				}
			}
			for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"} {
				if got := w.Header().Get(name); got != "" {
					t.Errorf("%s: %s is %q", what, name, got)
				}
			}
			if len(headers) > 2 && routes[i].Method != http.MethodGet {
				if refused++; reached > before || w.Code < 400 {
					t.Errorf("%s from another site: %d", what, w.Code)
				}
			}
		}
	}
	if t.Logf("%d answers, %d changes from another site refused", played, refused); played < 200 || refused < 50 {
		t.Error("too few requests were played")
	}
}
