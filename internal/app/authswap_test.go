package app

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
)

// organisationWide are the kinds of things that belong to no tenant,
// or are names that every tenant may use.
var organisationWide = []string{"account", "robot", "team", "token", "draft", "api", "secretgroup", "secret", "binding"} //nolint:gochecknoglobals // a constant in all but name

// own are the ids of things that are one tenant's alone.
func (t *tenant) own() []string {
	list := []string{t.group}
	for kind, id := range t.ids {
		if !slices.Contains(organisationWide, kind) {
			list = append(list, id)
		}
	}
	return list
}

// texts are all that names a tenant's things.
func (t *tenant) texts() []string {
	list := append(t.own(), t.mark)
	for _, name := range []string{" shoes", " gold", "-hook", "-rule", "-group", "-database", "-gate", "-orders"} {
		list = append(list, t.mark+name)
	}
	return list
}

// swaps are all ways to put the other tenant's ids into the path and the body of a
// route, but not none.
func (w *authWorld) swaps(t testing.TB, route *api.Route) (list [][2]string) {
	var names []string
	for part := range strings.SplitSeq(route.Path, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	name := route.Method + " " + route.Path
	mine := written(t, bodies(w.north)[name])
	texts := []string{mine}
	for kind, id := range w.north.ids {
		if !slices.Contains(organisationWide, kind) && strings.Contains(mine, id) {
			texts = append(texts, strings.ReplaceAll(mine, id, w.south.ids[kind]))
		}
	}
	for _, pair := range [][2]string{{w.north.group, w.south.group}, {`"` + w.north.environment + `"`, `"` + w.south.environment + `"`}} {
		if strings.Contains(mine, pair[0]) {
			texts = append(texts, strings.ReplaceAll(mine, pair[0], pair[1]))
		}
	}
	both := mine
	for kind, id := range w.north.ids {
		if !slices.Contains(organisationWide, kind) {
			both = strings.ReplaceAll(both, id, w.south.ids[kind])
		}
	}
	texts = append(texts, strings.ReplaceAll(both, w.north.group, w.south.group))
	for set := range 1 << len(names) {
		path := filled(route.Path, func(name string) *tenant {
			if set&(1<<slices.Index(names, name)) != 0 && name != "account" {
				return w.south
			}
			return w.north
		})
		for i, text := range texts {
			if set != 0 || i != 0 {
				list = append(list, [2]string{path, text})
			}
		}
	}
	path := filled(route.Path, func(string) *tenant { return w.north })
	for query := range route.Query {
		for _, value := range []string{w.south.ids["application"], "default/" + w.south.ids["api"], w.south.mark, w.south.environment} {
			list = append(list, [2]string{path + "?" + query + "=" + url.QueryEscape(value), ""})
		}
	}
	return list
}

// swapped holds that the administrator of one tenant reaches nothing of the other by
// its ids, in whatever place of a request they stand.
func (w *authWorld) swapped(t *testing.T) {
	boss := w.signIn("north-boss", access.KeptGrant{Role: access.RoleAdmin, Group: w.north.group})
	sent, good := 0, 0
	before := w.rows()
	for _, route := range api.Routes(&api.Services{}) {
		for _, request := range w.swaps(t, &route) {
			sent++
			a := w.ask(boss, route.Method, request[0], request[1], "If-Match", seenVersion(route.Path, w.south))
			if a.status < 300 {
				good++
			}
			if a.status >= 500 {
				t.Errorf("%s %s: %d %.200s", route.Method, request[0], a.status, a.body)
			}
			for _, text := range w.south.texts() {
				if strings.Contains(a.body, text) && !strings.Contains(request[0]+request[1], text) && !strings.Contains(request[0], url.QueryEscape(text)) {
					t.Errorf("%s %s %.200s: %d tells %q: %.300s", route.Method, request[0], request[1], a.status, text, a.body)
					break
				}
			}
			if strings.HasPrefix(request[0], "/groups/"+w.south.group) || strings.HasPrefix(request[0], "/environments/"+w.south.environment+"/") {
				if a.status != http.StatusNotFound {
					t.Errorf("%s %s: %d %.200s", route.Method, request[0], a.status, a.body)
				}
			}
		}
		if route.Method == http.MethodGet {
			continue
		}
		after := w.rows()
		for _, line := range changed(before, after) {
			table, row, _ := strings.Cut(line, " ")
			theirs := strings.HasPrefix(row, "-") && strings.Contains(row, w.south.mark)
			for _, id := range w.south.own() {
				theirs = theirs || strings.Contains(row, "="+id+"|")
			}
			if theirs || strings.Contains(row, "environment="+w.south.environment+"|") {
				t.Errorf("%s %s changed what is the other's: %s %.300s", route.Method, route.Path, table, row)
			}
		}
		before = after
	}
	if t.Logf("%d requests with swapped ids, %d of them good for one's own things", sent, good); sent < 400 {
		t.Error("too few requests played")
	}
}
