package console

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// oneTree has the environments staging and production in the organisation.
type oneTree struct{}

func (oneTree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	if environment != "production" && environment != "staging" {
		return access.Scope{}, access.ErrUnknown
	}
	return access.Scope{Group: access.Root, Environment: environment}, nil
}

func (oneTree) GroupScope(context.Context, string) (access.Scope, error) {
	return access.Scope{}, access.ErrUnknown
}

// manageHouse is a house whose resources can be managed.
func manageHouse(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, time.Now)
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, store.ControlFile), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	log, err := audit.Open(t.Context(), db, time.Now)
	must(t, err)
	keyring, err := secret.OpenKeyring(dir, func() (bool, error) { return false, nil })
	must(t, err)
	all, err := catalogue.New(nil)
	must(t, err)
	o := resource.Options{
		DB: db, Gate: control.Gate{Tree: oneTree{}}, Auditor: log, Sealer: keyring, Now: time.Now,
		Catalogue: catalogue.Manifests{Catalogue: all}, Build: func(string) manifest.Options { return manifest.Options{Expand: secret.Environ().Expand} },
		Schema: func(name string) map[string]any {
			var schema map[string]any
			if e := all.Find(name); e == nil || json.Unmarshal(e.Schema, &schema) != nil {
				return nil
			}
			return schema
		},
	}
	for _, e := range all.All() {
		if !e.Structural {
			o.Policies = append(o.Policies, resource.Policy{Name: e.Name, Title: e.Title, Category: e.Category, Outbound: e.Outbound, Schema: e.Schema})
		}
	}
	options := h.console.Options
	options.Environment = "production"
	options.Resources, err = resource.New(t.Context(), o)
	must(t, err)
	h.handler, err = New(options)
	must(t, err)
	h.console = consoleOf(t, options)
	return h
}

var hiddenVersion = regexp.MustCompile(`name="version" value="(\d+)"`)

// TestManageAnAPI walks from nothing to a protected API in service, changes it, and
// brings it back: what somebody does in the first five minutes.
func TestManageAnAPI(t *testing.T) {
	h := manageHouse(t)
	cookie := h.signIn(t)
	at := "/manage/production"
	version := ""
	get := func(path string, want ...string) answer {
		t.Helper()
		a := h.ask(t, http.MethodGet, path, cookie)
		for _, text := range append(want, "</html>") {
			if a.StatusCode != http.StatusOK || !strings.Contains(a.body, text) {
				t.Fatalf("%s: %d, no %q in\n%s", path, a.StatusCode, text, a.body)
			}
		}
		if m := hiddenVersion.FindStringSubmatch(a.body); m != nil {
			version = m[1]
		}
		return a
	}
	post := func(path string, status int, want string, fields ...string) answer {
		t.Helper()
		a := h.ask(t, http.MethodPost, path, cookie, form(append(fields, "version", version)...))
		if a.StatusCode != status || !strings.Contains(a.body+a.Header.Get("Location"), want) {
			t.Fatalf("%s: %d, no %q in %s\n%s", path, a.StatusCode, want, a.Header.Get("Location"), a.body)
		}
		return a
	}
	if to := h.ask(t, http.MethodGet, "/manage", cookie).Header.Get("Location"); to != at {
		t.Errorf("/manage leads to %s", to)
	}
	get(at, "Nothing here yet", "farrier apply --server")
	get(at+"/new", "Listens on")
	post(at+"/new", http.StatusUnprocessableEntity, "spec.address", "name", "orders", "address", "http://0.0.0.0", "upstream", "http://orders:8080")
	post(at+"/new", http.StatusSeeOther, at+"/apis/default/orders", "name", "orders", "address", "http://0.0.0.0:8081/orders", "upstream", "http://orders:8080")
	api := at + "/apis/default/orders"
	get(api, "everything that matches a route passes", `<option value="rate-limiting-flex">`, "address: http://orders:8080")
	if to := h.ask(t, http.MethodGet, api+"?policy=cors", cookie).Header.Get("Location"); to != api+"/add/cors" {
		t.Errorf("choosing a policy leads to %s", to)
	}
	add := api + "/add/rate-limiting-flex"
	get(add, "The number of requests that may pass in one period.", `name="rateLimits.0.maximumRequests"`, "A DataWeave expression")
	post(add, http.StatusUnprocessableEntity, "Must be a number", "rateLimits.0.maximumRequests", "many")
	post(add, http.StatusUnprocessableEntity, `name="rateLimits.1.maximumRequests"`, "rateLimits.0.maximumRequests", "3", "more", "1")
	bad := post(add, http.StatusUnprocessableEntity, "aria-invalid", "rateLimits.0.maximumRequests", "0", "rateLimits.0.timePeriodInMilliseconds", "1000")
	if !strings.Contains(bad.body, `id="e-rateLimits.0.maximumRequests"`) || !strings.Contains(bad.body, `value="1000"`) {
		t.Errorf("the problem does not stand beside its field:\n%s", bad.body)
	}
	script := post(add, http.StatusUnprocessableEntity, "DataWeave", "rateLimits.0.maximumRequests", "3", "rateLimits.0.timePeriodInMilliseconds", "1000", "keySelector", "#[attributes.")
	if !strings.Contains(script.body, "#[attributes.") {
		t.Error("what was written is lost")
	}
	post(add, http.StatusSeeOther, api, "rateLimits.0.maximumRequests", "3", "rateLimits.0.timePeriodInMilliseconds", "60000")
	post(api+"/add/http-basic-authentication-flex", http.StatusSeeOther, api, "username", "u", "password", "hunter-hidden")
	page := get(api, "rate-limiting-flex", "http-basic-authentication-flex")
	if strings.Index(page.body, "<strong>rate-limiting-flex") > strings.Index(page.body, "<strong>http-basic-auth") {
		t.Error("the policies are not in their order")
	}
	post(api+"/order", http.StatusSeeOther, api, "up", "default/orders-http-basic-authentication")
	if page = get(api); strings.Index(page.body, "<strong>rate-limiting-flex") < strings.Index(page.body, "<strong>http-basic-auth") {
		t.Error("up does not move a policy up")
	}
	binding := at + "/policies/default/orders-http-basic-authentication"
	if page = get(binding, "kept as it is"); strings.Contains(page.body, "hunter-hidden") {
		t.Error("the page shows a secret")
	}
	post(binding, http.StatusSeeOther, api, "username", "v", "password", "", "api", "default/orders")
	get(at+"/changes", "What would change", "http-basic-authentication", "Publish")
	post(at+"/publish", http.StatusSeeOther, at+"/revisions", "note", "first")
	get(at+"/revisions", "first", ">live<")

	text := at + "/resources/PolicyBinding/default/orders-rate-limiting"
	get(text, "maximumRequests: 3")
	post(text, http.StatusUnprocessableEntity, "unknown key", "text", strings.Replace(rateLimiting, "targetRef", "targtRef", 1))
	post(text, http.StatusSeeOther, at, "text", rateLimiting)
	stale := version
	get(text)
	fresh := version
	version = stale
	post(text, http.StatusUnprocessableEntity, "changed by", "text", strings.Replace(rateLimiting, "9", "10", 1))
	version = fresh
	post(at+"/policies/default/orders-rate-limiting/switch", http.StatusSeeOther, api, "on", "false", "api", "default/orders")
	get(api, "switched off", "Switch on")
	get(at+"/changes", "spec.config.rateLimits[0].maximumRequests")
	post(at+"/publish", http.StatusSeeOther, at+"/revisions")
	get(at+"/revisions?from=1&to=2", "Revision 2 against 1", "maximumRequests")
	get(at+"/revisions/1/rollback", "is published as a new revision")
	post(at+"/revisions/1/rollback", http.StatusSeeOther, at+"/revisions")
	get(at+"/revisions", "Back to revision 1")
	get(text)
	post(text+"/remove", http.StatusSeeOther, api, "api", "default/orders")
	get(at+"/changes", "removed")
	post(at+"/discard", http.StatusSeeOther, at+"/changes")
	get(at+"/changes", "The draft changes nothing")
	get(at+"/changes?dryrun=1", "No traffic is recorded here.")

	for _, path := range []string{"/manage/nowhere", at + "/apis/default/none", at + "/revisions/77/rollback", api + "/add/none"} {
		if a := h.ask(t, http.MethodGet, path, cookie); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

const rateLimiting = `apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: orders-rate-limiting}
spec:
  targetRef: {name: orders}
  policyRef: {name: rate-limiting-flex, namespace: default}
  order: 20
  config: {rateLimits: [{maximumRequests: 9, timePeriodInMilliseconds: 60000}]}
`
