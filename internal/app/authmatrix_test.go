package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/api"
)

// needs are the permissions that a role must have to be let in by a route. What is
// enough for other kinds of things is not: the requests are about APIs.
func needs(r *api.Route) []access.Permission { return append([]access.Permission{r.Needs}, r.And...) }

// byThing are routes whose service decides by whose application it is, whether an API is
// published, or whether one may do what one grants to others, too.
func byThing(path string) bool {
	return strings.Contains(path, "/portal/contracts") || strings.HasPrefix(path, "/groups/{group}/grants") || strings.Contains(path, "/portal/apis/{")
}

// idOf is the value of a parameter of a path for a tenant.
func idOf(path, name string, t *tenant) string {
	switch name {
	case "environment":
		return t.environment
	case "group", "in":
		return t.group
	case "name":
		if strings.Contains(path, "/secret-groups") {
			return t.ids["secretgroup"]
		}
		if strings.Contains(path, "/policies/{") {
			return t.ids["binding"]
		}
		return t.ids["api"]
	case "id":
		for part, id := range map[string]string{
			"/applications/{": "application", "/tiers/{": "tier", "/contracts/{": "contract", "/teams/{": "team", "/grants/{": "grant",
		} {
			if strings.Contains(path, part) {
				return t.ids[id]
			}
		}
		switch {
		case strings.Contains(path, "/tokens"):
			return t.ids["robot"]
		case strings.HasPrefix(path, "/accounts/{"):
			return t.ids["account"]
		case strings.Contains(path, "/environments/{id}"):
			return t.environment
		}
		return "1"
	case "rule":
		if strings.Contains(path, "/containment-rules") {
			return t.ids["containrule"]
		}
	case "kind":
		return "ApiInstance"
	case "namespace":
		return "default"
	case "permission":
		return "secrets:view"
	case "account":
		if strings.Contains(path, "/secret-groups") {
			return t.mark + "-person"
		}
		return t.ids["account"]
	case "format":
		return "json"
	case "number":
		return "1"
	}
	if id := t.ids[name]; id != "" {
		return id
	}
	return "0123456789abcdef0123456789abcdef"
}

// filled is a path with the ids that pick chooses the tenant of.
func filled(path string, pick func(name string) *tenant) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, found := strings.CutPrefix(part, "{"); found {
			name = strings.TrimSuffix(name, "}")
			parts[i] = idOf(path, name, pick(name))
		}
	}
	return strings.Join(parts, "/")
}

// seenVersion is the version that a request names.
func seenVersion(path string, t *tenant) string {
	switch {
	case strings.Contains(path, "/contracts/{"):
		return t.contract
	case strings.HasSuffix(path, "/draft"):
		return t.ids["draft"]
	}
	return "1"
}

// bodies are valid bodies of every route that takes one, made of a tenant's things.
func bodies(t *tenant) map[string]any {
	const env, group = "/environments/{environment}", "/groups/{group}"
	secret := map[string]any{"kind": "username-password", "fields": map[string]any{"username": "u", "password": "a-new-word"}}
	resource := map[string]any{
		"apiVersion": "gateway.mulesoft.com/v1alpha1", "kind": "ApiInstance", "metadata": map[string]any{"name": t.ids["api"]},
		"spec": map[string]any{"address": listening("taken"), "services": map[string]any{"up": map[string]any{"address": "http://127.0.0.1:9/"}}},
	}
	fresh := map[string]any{"apiVersion": resource["apiVersion"], "kind": "ApiInstance", "metadata": map[string]any{"name": "taken"}, "spec": resource["spec"]}
	asking := map[string]any{"group": t.group, "application": t.ids["application"], "api": "default/" + t.ids["api"], "tier": t.ids["tier"]}
	tier := newTier(t)
	tier["name"] = "taken"
	change := newTier(t)
	delete(change, "api")
	publish := map[string]any{"draft": 1, "note": "taken"}
	all := map[string]any{
		"POST " + env + "/alerts/rules": newRule(t), "PUT " + env + "/alerts/rules/{rule}": newRule(t), "POST " + env + "/alerts/channels": newChannel(t),
		"POST " + env + "/gateways": map[string]any{"name": "taken"}, "POST " + env + "/resources": fresh,
		"PUT " + env + "/resources/{kind}/{namespace}/{name}": resource, "POST " + env + "/draft/publish": publish, "PUT " + env + "/review": map[string]any{"review": true},
		"POST " + env + "/promote":                     map[string]any{"from": t.environment, "apis": []string{"default/" + t.ids["api"]}},
		"POST " + env + "/revisions/{number}/rollback": publish, "POST " + env + "/apply": ordersManifest,
		"POST " + env + "/apis":                             map[string]any{"name": "taken", "address": listening("taken"), "upstream": "http://127.0.0.1:9/"},
		"POST " + env + "/apis/{namespace}/{name}/policies": map[string]any{"policy": "http-basic-authentication-flex", "settings": map[string]any{"username": "u", "password": "p"}},
		"PUT " + env + "/apis/{namespace}/{name}/policies":  map[string]any{"order": []any{map[string]any{"kind": "PolicyBinding", "namespace": "default", "name": t.ids["binding"]}}},
		"PATCH " + env + "/policies/{namespace}/{name}":     map[string]any{"enabled": false},
		"POST " + group + "/applications":                   map[string]any{"name": "taken", "owners": []string{t.mark + "-person"}},
		"PUT " + group + "/applications/{id}":               map[string]any{"name": "taken"},
		"POST " + group + "/applications/{id}/secret":       map[string]any{"graceHours": 1},
		"POST " + group + "/applications/import":            map[string]any{"environment": t.environment, "applications": []any{map[string]any{"name": "taken", "clientId": "takenid"}}, "tiers": []any{tier}},
		"POST " + env + "/tiers":                            tier, "PUT " + env + "/tiers/{id}": change,
		"POST " + env + "/contracts": asking, "POST " + env + "/portal/contracts": asking,
		"POST " + env + "/contracts/{id}/tier":                map[string]any{"tier": t.ids["tier"]},
		"POST " + env + "/portal/apis/{namespace}/{name}/try": map[string]any{"method": "GET", "path": "/orders/1"},
		"POST /portal/applications":                           map[string]any{"group": t.group, "name": "taken"},
		"POST /portal/applications/{in}/{id}/secret":          map[string]any{"graceHours": 1},
		"POST " + env + "/secret-groups":                      map[string]any{"name": "taken"}, "PUT " + env + "/secret-groups/{name}": map[string]any{"note": "taken", "downloadable": true},
		"POST " + env + "/secret-groups/{name}/secrets":                   map[string]any{"name": "taken", "kind": secret["kind"], "fields": secret["fields"]},
		"POST " + env + "/secret-groups/{name}/secrets/{secret}/versions": secret,
		"POST " + env + "/secret-groups/{name}/secrets/{secret}/rollback": map[string]any{"number": 1},
		"PUT " + env + "/secret-groups/{name}/secrets/{secret}/settings":  map[string]any{"owner": t.mark, "note": "taken"},
		"POST /accounts": map[string]any{"name": "taken"}, "PUT /accounts/{id}": map[string]any{"display": "taken", "email": "taken@example.com", "disabled": true},
		"POST /accounts/{id}/tokens": newToken(t), "POST /teams": map[string]any{"name": "taken"}, "PUT /teams/{id}": map[string]any{"name": "taken"},
		"POST /teams/{id}/members": map[string]any{"account": t.ids["robot"]}, "POST " + group + "/groups": map[string]any{"name": "taken"},
		"PUT " + group: map[string]any{"name": "taken", "parent": access.Root}, "POST " + group + "/environments": map[string]any{"id": "taken", "name": "taken", "kind": "sandbox"},
		"PUT " + group + "/environments/{id}": map[string]any{"name": "taken", "kind": "sandbox", "group": t.group},
		"POST " + group + "/grants":           map[string]any{"account": t.ids["robot"], "role": "developer"},
	}
	all["POST "+env+"/portal/contracts/{id}/tier"] = map[string]any{"tier": t.ids["tier"]}
	order := map[string]any{"directory": "https://127.0.0.1:1/dir", "domains": []string{"taken.example.com"}, "agreed": true}
	all["PUT "+env+"/secret-groups/{name}/certificates/{secret}"] = order
	all["POST "+env+"/secret-groups/{name}/certificates"] = map[string]any{"name": "taken", "directory": order["directory"], "domains": order["domains"], "agreed": true}
	all["PUT "+env+"/apis/{namespace}/{name}/specification"] = map[string]any{"file": "taken.yaml", "text": "openapi: 3.0.3\ninfo: {title: taken, version: '1'}\npaths: {}\n"}
	all["POST "+env+"/draft/reject"] = map[string]any{"draft": 1, "reason": "taken"}
	all["PATCH "+env+"/incidents/{incident}"] = map[string]any{"note": "taken"}
	all["POST "+env+"/containments"] = newContainment(t)
	all["POST "+env+"/containment-rules"], all["PUT "+env+"/containment-rules/{rule}"] = newContainRule(t), newContainRule(t)
	all["POST "+env+"/health-checks"], all["PUT "+env+"/health-checks/{check}"] = newCheck(t), newCheck(t)
	all["PUT "+env+"/alerts/channels/{channel}"], all["POST "+env+"/alerts/preview"] = newChannel(t), newRule(t)
	all["POST "+env+"/alerts/windows"] = map[string]any{
		"name": "taken", "from": time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "until": time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339),
	}
	all["POST "+env+"/suppressions"] = map[string]any{"rule": "taken", "reason": "taken"}
	own := newToken(t)
	own["name"] = "own"
	all["POST /self/tokens"], all["POST /teams/{id}/groups"] = own, map[string]any{"provider": "taken", "group": "taken"}
	for _, act := range []string{"approve", "reject", "revoke", "restore"} {
		all["POST "+env+"/contracts/{id}/"+act] = map[string]any{"note": "taken"}
	}
	return all
}

// written is a body as it is sent.
func written(t testing.TB, body any) string {
	t.Helper()
	if text, is := body.(string); is || body == nil {
		return text
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// caller is somebody with one role in one place, or with none.
type caller struct {
	role        access.Role
	place, name string
	scope       access.Scope
	token       string
}

// callers are every role in every place, seen from the tenant north, and nobody.
func (w *authWorld) callers() []caller {
	list := []caller{{place: "none", name: "nobody", token: w.signIn("nobody")}}
	for _, role := range access.Roles() {
		for place, g := range map[string]access.KeptGrant{
			"environment": {Group: w.north.group, Environment: w.north.environment}, "group": {Group: w.north.group},
			"foreign": {Group: w.south.group}, "foreign environment": {Group: w.south.group, Environment: w.south.environment}, "parent": {Group: access.Root},
		} {
			g.Role = role
			c := caller{role: role, place: place, name: string(role) + " in " + place}
			c.token = w.signIn(strings.ReplaceAll(string(role)+"-"+place, " ", "-"), g)
			c.scope = access.Scope{Group: access.Root}
			if g.Group != access.Root {
				c.scope = access.Scope{Group: access.Root + "/" + g.Group, Environment: g.Environment}
			}
			list = append(list, c)
		}
	}
	return list
}

// may is what the table of routes and the roles say of a caller and north.
func (w *authWorld) may(r *api.Route, c *caller) bool {
	target := access.Scope{Group: access.Root}
	switch r.At {
	case api.Self, api.Public:
		return true
	case api.Group:
		target.Group += "/" + w.north.group
	case api.Environment:
		target = access.Scope{Group: access.Root + "/" + w.north.group, Environment: w.north.environment}
	case api.Organisation:
	}
	g := access.Grant{Role: c.role, Scope: c.scope}
	return c.role != "" && !slices.ContainsFunc(needs(r), func(p access.Permission) bool { return !g.Allows(p, target) })
}

// foreign reports whether a caller may know nothing of north.
func (c *caller) foreign() bool { return c.role == "" || strings.HasPrefix(c.place, "foreign") }

// TestAuthorisationMatrix plays every route of the API as every role in every place on
// the real services: who lacks the permission is refused, nothing changes, and nobody
// reads of a tenant that is not theirs.
func TestAuthorisationMatrix(t *testing.T) {
	w := startAuthWorld(t, nil)
	w.settle()
	t.Run("matrix", w.matrix)
	t.Run("swapped ids", w.swapped)
}

func (w *authWorld) matrix(t *testing.T) {
	sample, callers := bodies(w.north), w.callers()
	before, refused, allowed, skipped := w.rows(), 0, 0, 0
	for _, route := range api.Routes(&api.Services{}) {
		name := route.Method + " " + route.Path
		body, known := sample[name]
		if route.Takes != nil && !known {
			t.Errorf("%s has no body in the test", name)
		}
		path, text := filled(route.Path, func(string) *tenant { return w.north }), written(t, body)
		for i := range callers {
			c := &callers[i]
			switch {
			case route.At == api.Self && !c.foreign() && route.Method != http.MethodGet && c.role.Allows(access.ManageClients):
				skipped++ // who manages clients may do so for all
			case !w.may(&route, c) || route.At == api.Self:
				refused++
				a := w.ask(c.token, route.Method, path, text, "If-Match", seenVersion(route.Path, w.north))
				if ok := a.status == http.StatusForbidden || a.status == http.StatusNotFound; !ok && route.At != api.Self {
					t.Errorf("%s as %s: %d %.200s", name, c.name, a.status, a.body)
				}
				if c.foreign() && (route.At == api.Environment || route.At == api.Group) && a.status != http.StatusNotFound {
					t.Errorf("%s as %s tells with %d that there is something", name, c.name, a.status)
				}
				if (c.foreign() || route.At != api.Self) && strings.Contains(a.body, w.north.mark) {
					t.Errorf("%s as %s shows north: %.300s", name, c.name, a.body)
				}
			case route.Method == http.MethodGet:
				allowed++
				if a := w.ask(c.token, route.Method, path, ""); a.status == http.StatusForbidden && !byThing(route.Path) || a.status >= 500 {
					t.Errorf("%s as %s, who may: %d %.200s", name, c.name, a.status, a.body)
				} else if c.place != "parent" && strings.Contains(a.body, w.south.mark) {
					t.Errorf("%s as %s shows south: %.300s", name, c.name, a.body)
				}
			case route.Takes != nil && route.Path != "/environments/{environment}/apply":
				allowed++ // nothing is changed by an empty body of an old version
				if a := w.ask(c.token, route.Method, path, "{}", "If-Match", "999"); a.status == http.StatusForbidden && !byThing(route.Path) || a.status >= 500 {
					t.Errorf("%s as %s, who may, with nothing: %d %.200s", name, c.name, a.status, a.body)
				}
			default:
				skipped++
			}
		}
		if route.Method == http.MethodGet {
			continue
		}
		after := w.rows()
		lines := changed(before, after)
		if route.At == api.Self { // for one's own things; those of others stay
			lines = slices.DeleteFunc(lines, func(line string) bool {
				return !strings.Contains(line, w.north.mark) && !strings.Contains(line, w.north.ids["application"])
			})
		}
		if len(lines) > 0 {
			t.Errorf("%s by those who may not changed %.600q", name, lines)
		}
		before = after
	}
	if t.Logf("%d callers; %d requests refused or for oneself, %d let in, %d of those who may not played; %d sent in all", len(callers), refused, allowed, skipped, w.asked); refused < 3000 || allowed < 300 {
		t.Error("too few requests played")
	}
}
