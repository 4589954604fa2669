package findings_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/store/storetest"
)

// TestSuppress plays who may suppress what, and that each is recorded or not done.
func TestSuppress(t *testing.T) {
	ctx, db := t.Context(), storetest.Open(t)
	log, err := audit.Open(ctx, db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	found, err := posture.New(ctx, posture.Options{DB: storetest.Open(t), Control: db, Environment: "default", Gateway: "here", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s, err := findings.New(found, access.Scope{Group: access.Root, Environment: "default"})
	if err != nil {
		t.Fatal(err)
	}
	as := func(role access.Role) control.Principal {
		return control.Principal{Operator: "dana", Roles: []access.Role{role}}
	}
	rule := findings.Suppressing{Rule: "sqli", API: "default/orders", Reason: "a test of ours"}
	if _, err := s.Suppress(ctx, as(access.RoleAdmin), rule); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("without an audit log: %v", err)
	}
	s.Managed(found, log)
	changed := func(change func(in *findings.Suppressing)) findings.Suppressing { in := rule; change(&in); return in }
	refused := []struct {
		name string
		role access.Role
		in   findings.Suppressing
		want error
	}{
		{"who only sees", access.RoleAuditor, rule, control.ErrForbidden},
		{"no reason", access.RoleAdmin, changed(func(in *findings.Suppressing) { in.Reason = "" }), control.ErrInvalid},
		{"no API", access.RoleAdmin, changed(func(in *findings.Suppressing) { in.API = "" }), control.ErrInvalid},
		{"in the past", access.RoleAdmin, changed(func(in *findings.Suppressing) { in.Expires = time.Now().Add(-time.Hour) }), control.ErrInvalid},
		{"an unknown finding", access.RoleAdmin, findings.Suppressing{Fingerprint: "nobody", Reason: "r"}, control.ErrNotFound},
	}
	for _, c := range refused {
		if _, err := s.Suppress(ctx, as(c.role), c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	made, err := s.Suppress(ctx, as(access.RoleAdmin), rule)
	if err != nil || made.Operator != "dana" {
		t.Fatalf("%+v, %v", made, err)
	}
	if err := s.Unsuppress(ctx, as(access.RoleAuditor), made.ID); !errors.Is(err, control.ErrForbidden) {
		t.Errorf("ended by who only sees: %v", err)
	}
	if err := s.Unsuppress(ctx, as(access.RoleAdmin), "nobody"); !errors.Is(err, control.ErrNotFound) {
		t.Errorf("ended what is not there: %v", err)
	}
	if all, err := s.Suppressions(ctx, as(access.RoleAuditor)); err != nil || len(all) != 1 || all[0].ID != made.ID {
		t.Errorf("%+v, %v", all, err)
	}
	if err := s.Unsuppress(ctx, as(access.RoleAdmin), made.ID); err != nil {
		t.Error(err)
	}
	var told []string
	if err := log.Walk(ctx, audit.Query{}, func(k audit.Kept) error {
		told = append(told, string(k.Action)+" of "+k.Object+" by "+k.Operator)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := "finding-suppressed of rule sqli at default/orders by dana; finding-suppression-ended of rule sqli at default/orders by dana"
	if got := strings.Join(told, "; "); got != want {
		t.Errorf("recorded %s", got)
	}
	t.Logf("%d refusals", len(refused))
}
