package auditlog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/audit/export"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// tree has the environments blue and red in groups of their own; old was removed.
type tree struct{}

func (tree) ScopeOf(_ context.Context, environment string) (access.Scope, error) {
	switch environment {
	case "blue", "blue2":
		return access.Scope{Group: "root/1", Environment: environment}, nil
	case "red":
		return access.Scope{Group: "root/2", Environment: environment}, nil
	}
	return access.Scope{}, access.ErrUnknown
}

func (tree) GroupScope(_ context.Context, group string) (access.Scope, error) {
	return access.Scope{Group: "root/" + group}, nil
}

func holds(role access.Role, at access.Scope) control.Principal {
	return control.Principal{Operator: "ann", Grants: []access.Grant{{Role: role, Scope: at}}}
}

func open(t *testing.T, db *store.DB) (*audit.Log, *auditlog.Service) {
	t.Helper()
	log, err := audit.Open(t.Context(), db, func() time.Time { return testTime })
	if err != nil {
		t.Fatal(err)
	}
	s, err := auditlog.New(log, tree{})
	if err != nil {
		t.Fatal(err)
	}
	return log, s
}

func record(t *testing.T, log *audit.Log, environments ...string) {
	t.Helper()
	for _, name := range environments {
		e := audit.Entry{Environment: name, Operator: "bob", Action: audit.PolicyApplied, Object: "api " + name, Outcome: audit.Done}
		if err := log.Record(t.Context(), nil, e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPages(t *testing.T) {
	admin := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	log, s := open(t, storetest.Open(t))
	had := int64(0)
	for _, entries := range []int64{0, 1, 49, 50, 51, 100, 101} {
		for ; had < entries; had++ {
			record(t, log, "blue")
		}
		seen, before := int64(0), int64(0)
		for pages := 0; ; pages++ {
			list, next, err := s.List(t.Context(), admin, auditlog.Query{Before: before})
			if err != nil || pages > 10 {
				t.Fatal(err, pages)
			}
			for _, e := range list {
				if seen++; e.ID != entries-seen+1 {
					t.Fatalf("of %d: entry %d is number %d", entries, seen, e.ID)
				}
			}
			if before = next; next == 0 {
				break
			}
		}
		if seen != entries {
			t.Errorf("%d entries of %d", seen, entries)
		}
	}
}

// Nobody sees an entry of an environment in which they may not read the log.
func TestScopes(t *testing.T) {
	root, one, two := access.Scope{Group: access.Root}, access.Scope{Group: "root/1"}, access.Scope{Group: "root/2"}
	ofBlue := access.Scope{Group: "root/1", Environment: "blue"}
	limited := holds(access.RoleAuditor, root)
	limited.Limits = []access.Permission{access.ViewAPIs}
	both := holds(access.RoleAuditViewer, ofBlue)
	both.Grants = append(both.Grants, access.Grant{Permission: access.ViewAudit, Scope: two})
	unfinished := holds(access.RoleAdmin, root)
	unfinished.Unfinished = access.MustEnrol
	cases := []struct {
		name  string
		p     control.Principal
		sees  string
		is    error
		whole bool
	}{
		{"role in the organisation", control.Principal{Operator: "a", Roles: []access.Role{access.RoleAdmin}}, "- blue blue2 old red", nil, true},
		{"grant at the top", holds(access.RoleAuditViewer, root), "- blue blue2 old red", nil, true},
		{"grant in a group", holds(access.RoleAuditViewer, one), "blue blue2", nil, false},
		{"grant in an environment", holds(access.RoleAuditor, ofBlue), "blue", nil, false},
		{"two grants", both, "blue red", nil, false},
		{"grant in an empty group", holds(access.RoleAuditor, access.Scope{Group: "root/3"}), "", nil, false},
		{"administrator of environments", holds(access.RoleEnvironmentAdmin, root), "", control.ErrForbidden, false},
		{"another role in a group", holds(access.RoleSecurity, one), "", control.ErrNotFound, false},
		{"token without the permission", limited, "", control.ErrForbidden, false},
		{"second factor missing", unfinished, "", control.ErrForbidden, false},
		{"nobody", control.Principal{}, "", control.ErrForbidden, false},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		log, s := open(t, db)
		record(t, log, "", "blue", "blue2", "old", "red", "blue")
		for _, c := range cases {
			list, _, err := s.List(t.Context(), c.p, auditlog.Query{})
			var names []string
			for _, e := range list {
				name := e.Environment
				if name == "" {
					name = "-"
				}
				names = append(names, name)
			}
			slices.Sort(names)
			if got := strings.Join(slices.Compact(names), " "); !errors.Is(err, c.is) || got != c.sees {
				t.Errorf("%s sees %q (%v), want %q", c.name, got, err, c.sees)
			}
			for id := int64(1); id <= 6; id++ {
				_, err := s.Get(t.Context(), c.p, id)
				if may := slices.ContainsFunc(list, func(e auditlog.Entry) bool { return e.ID == id }); may != (err == nil) {
					t.Errorf("%s opens entry %d: %v", c.name, id, err)
				}
			}
			// What is asked for does not widen what is seen.
			list, _, _ = s.List(t.Context(), c.p, auditlog.Query{Environment: "red", Environments: []string{"red"}})
			if len(list) > 0 != strings.Contains(c.sees, "red") {
				t.Errorf("%s asked for red and got %d", c.name, len(list))
			}
			if _, err := s.Verify(t.Context(), c.p); (err == nil) != c.whole {
				t.Errorf("%s verifies: %v", c.name, err)
			}
			if actions, environments, err := s.Choices(t.Context(), c.p); err != nil || (len(actions) > 0) != c.whole || (len(environments) > 0) != c.whole {
				t.Errorf("%s is told of %v and %v (%v)", c.name, actions, environments, err)
			}
		}
		if _, err := s.Get(t.Context(), cases[0].p, 7); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("an entry that is not there: %v", err)
		}
		if _, err := s.Get(t.Context(), cases[0].p, -1); !errors.Is(err, control.ErrNotFound) {
			t.Errorf("an entry that can't be: %v", err)
		}
		t.Logf("%d principals played", len(cases))
	})
}

func TestExport(t *testing.T) {
	log, s := open(t, storetest.Open(t))
	record(t, log, "", "blue", "red")
	p := holds(access.RoleAuditViewer, access.Scope{Group: "root/1"})
	played := 0
	for _, f := range export.Formats() {
		write, err := s.Export(t.Context(), p, auditlog.Query{}, f)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := write(&out); err != nil || !strings.Contains(out.String(), "api blue") || strings.Contains(out.String(), "api red") {
			t.Errorf("%s: %v\n%s", f, err, &out)
		}
		played++
	}
	if list, err := log.List(t.Context(), audit.Query{Action: audit.LogExported, Limit: 10}); err != nil || len(list) != played || list[0].Operator != "ann" {
		t.Errorf("%d exports are on record: %v", len(list), err)
	}
	if _, err := s.Export(t.Context(), p, auditlog.Query{}, "xls"); !errors.Is(err, control.ErrInvalid) {
		t.Errorf("another format: %v", err)
	}
	if _, err := s.Export(t.Context(), holds(access.RoleDeveloper, access.Scope{Group: "root/1"}), auditlog.Query{}, export.CSV); err == nil {
		t.Error("a developer took a copy")
	}
	if _, _, err := s.List(t.Context(), p, auditlog.Query{Text: strings.Repeat("x", 201)}); !errors.Is(err, control.ErrInvalid) {
		t.Errorf("a long text: %v", err)
	}
	if t.Logf("%d formats played", played); played < 3 {
		t.Error("too few formats were played")
	}
}
