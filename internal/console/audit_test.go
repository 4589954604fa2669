package console

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/store"
)

// openAuditHouse is a house with the database that its audit log lies in.
func openAuditHouse(t *testing.T) (*house, *store.DB, *audit.Log) {
	t.Helper()
	dir := t.TempDir()
	h := openHouse(t, dir, clockAt(noon), 0)
	db, err := store.Open(t.Context(), filepath.Join(dir, store.ControlFile), store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	log, err := audit.Open(t.Context(), db, clockAt(noon))
	must(t, err)
	return h, db, log
}

func TestAuditPages(t *testing.T) {
	h, _, log := openAuditHouse(t)
	cookie := h.signIn(t)
	must(t, log.Record(t.Context(), nil, audit.Entry{
		Environment: "production", Operator: "=ann", Action: audit.PolicyApplied, Object: "api <b>x</b>", Outcome: audit.Refused,
		Via: "oidc:corp", Session: "s-17", Address: "192.0.2.7", Detail: map[string]string{"policy": "limit"},
		Before: json.RawMessage(`{"limit":{"n":5},"gone":1,"same":true}`), After: json.RawMessage(`{"limit":{"n":6},"list":[],"same":true,"secret":"` + audit.Hashed(hidden) + `"}`),
	}))
	id, _, err := log.Head(t.Context())
	must(t, err)
	entry := "/audit/" + count(id)
	pages := []struct {
		path   string
		status int
		has    []string
		hasNot []string
	}{
		{"/audit", 200, []string{"oidc:corp", "192.0.2.7", "in production", "what was changed", "Export:", "sign-in", `href="` + entry + `"`}, []string{"<b>x</b>"}},
		{"/audit?operator=%3Dann", 200, []string{"policy-applied", "Clear"}, []string{">sign-in</td>"}},
		{"/audit?action=sign-in", 200, []string{">sign-in</td>"}, []string{">policy-applied</td>"}},
		{"/audit?environment=production&outcome=refused&address=192.0.2.7&session=s-17&q=limit", 200, []string{">policy-applied</td>"}, []string{">sign-in</td>"}},
		{"/audit?since=2100-01-01", 200, []string{"Nothing matches", "clear it"}, []string{"Nothing was recorded yet"}},
		{"/audit?until=1980-01-01T00:00", 200, []string{"Nothing matches"}, nil},
		{"/audit?since=yesterday", 400, []string{"must be a date"}, nil},
		{"/audit?q=" + strings.Repeat("x", 300), 400, []string{"too long"}, nil},
		{"/audit?before=0", 400, []string{"No such page"}, nil},
		{"/audit?verify=1", 200, []string{"The chain is whole", "No key signs it"}, nil},
		{entry, 200, []string{
			"limit.n", ">changed<", ">gone<", ">new<", ">as before<", "secret hashed:", "s-17", "oidc:corp", "Hash of the one before",
		}, []string{"<b>x</b>", hidden, "unkeyed"}},
		{"/audit/999999", 404, []string{"Not found"}, nil},
		{"/audit/0", 404, []string{"Not found"}, nil},
		{"/audit/x", 404, []string{"Not found"}, nil},
		{"/audit/export?format=xls", 400, []string{"csv, json, ocsf"}, nil},
		{"/audit/export?format=csv&since=x", 400, []string{"must be a date"}, nil},
		{"/audit/export?format=csv", 200, []string{"id,time,environment", "'=ann"}, []string{hidden}},
		{"/audit/export?format=json&action=policy-applied", 200, []string{`"operator":"=ann"`}, []string{`"action":"sign-in"`, hidden}},
		{"/audit/export?format=ocsf", 200, []string{`"class_uid":3002`}, []string{hidden}},
		{"/audit?action=audit-exported", 200, []string{">audit-exported</td>", "ocsf"}, nil},
	}
	for _, p := range pages {
		a := h.ask(t, "GET", p.path, cookie)
		if a.StatusCode != p.status {
			t.Errorf("%s: %d, want %d", p.path, a.StatusCode, p.status)
		}
		for _, text := range p.has {
			if !strings.Contains(a.body, text) {
				t.Errorf("%s: %q is missing in %.3000s", p.path, text, main(a.body))
			}
		}
		for _, text := range p.hasNot {
			if strings.Contains(a.body, text) {
				t.Errorf("%s: there is %q", p.path, text)
			}
		}
		if name := a.Header.Get("Content-Disposition"); strings.Contains(p.path, "/export") && p.status == 200 && !strings.HasPrefix(name, `attachment; filename="farrier-audit-`) {
			t.Errorf("%s: handed out as %q", p.path, name)
		}
	}
	if t.Logf("%d pages played", len(pages)); len(pages) < 15 {
		t.Error("too few pages were played")
	}
}

// With the audit log read-only no service changes anything, and the page says why.
func TestNoRecordNoChange(t *testing.T) {
	h, db, log := openAuditHouse(t)
	cookie := h.signIn(t)
	before, _, err := log.Head(t.Context())
	must(t, err)
	must(t, db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "CREATE TRIGGER audit_read_only BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'read-only'); END")
		return err
	}))
	h.learn(t, 300)
	id := h.world.First(func(op *discovery.Operation) bool { return op.API == "default/orders" })
	played := 0
	for _, s := range []struct {
		name, path string
		fields     []string
		unchanged  func() bool
	}{
		{"an edit of the inventory", "/inventory/edits", []string{"kind", "ignore", "host", "api.example.com", "path", "/orders-0/v1/{x}"}, func() bool {
			var n int
			err := db.Read().QueryRow(t.Context(), "SELECT COUNT(*) FROM discovery_edits").Scan(&n)
			return err == nil && n == 0
		}},
		{"an owner", operationPath(id) + "/marks", []string{"owner", "team-blue"}, func() bool {
			return !strings.Contains(h.ask(t, "GET", operationPath(id), cookie).body, `value="team-blue"`)
		}},
		{"a view", "/inventory/views", []string{"name", "Ours", "q", "state:shadow"}, func() bool {
			return !strings.Contains(h.ask(t, "GET", "/inventory", cookie).body, ">Ours<")
		}},
		{"a password", "/password", []string{"current", "correct horse battery", "password", "another long password", "again", "another long password"}, func() bool {
			_, err := h.access.SignIn(t.Context(), "admin", "another long password", remoteAddr)
			return err != nil
		}},
	} {
		a := h.ask(t, "POST", s.path, cookie, form(s.fields...))
		if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "The audit log can&#39;t be written, and nothing may be changed without a record of it.") {
			t.Errorf("%s: %d %.600s", s.name, a.StatusCode, main(a.body))
		}
		if !s.unchanged() {
			t.Errorf("%s was kept", s.name)
		}
		played++
	}
	if now, _, err := log.Head(t.Context()); err != nil || now != before {
		t.Errorf("the log ends with %d and ended with %d (%v)", now, before, err)
	}
	t.Logf("%d services played", played)
}
