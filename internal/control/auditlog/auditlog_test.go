package auditlog_test

import (
	"context"
	"errors"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/auditlog"
)

// fake is a log of entries numbered from 1.
type fake struct{ entries int64 }

func (f fake) List(_ context.Context, limit int, before int64) (list []audit.Kept, err error) {
	if before == 0 {
		before = f.entries + 1
	}
	for id := before - 1; id > 0 && len(list) < limit; id-- {
		list = append(list, audit.Kept{ID: id})
	}
	return list, nil
}

func (f fake) Verify(context.Context) error { return audit.ErrTampered }

func TestPages(t *testing.T) {
	admin := control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}}
	played := 0
	for _, entries := range []int64{0, 1, 49, 50, 51, 100, 101, 250} {
		played++
		s, err := auditlog.New(fake{entries}, access.Scope{Group: access.Root, Environment: "default"})
		if err != nil {
			t.Fatal(err)
		}
		seen, before := int64(0), int64(0)
		for pages := 0; ; pages++ {
			list, next, err := s.List(t.Context(), admin, before)
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
	s, _ := auditlog.New(fake{3}, access.Scope{Group: access.Root, Environment: "default"})
	if err := s.Verify(t.Context(), admin); !errors.Is(err, auditlog.ErrTampered) {
		t.Errorf("a broken chain: %v", err)
	}
	_, _, list := s.List(t.Context(), control.Principal{Operator: "admin", Roles: []access.Role{access.RoleSecretsAdmin}}, 0)
	if verify := s.Verify(t.Context(), control.Principal{}); !errors.Is(list, control.ErrForbidden) || !errors.Is(verify, control.ErrForbidden) {
		t.Errorf("without a role: %v, %v", list, verify)
	}
	if t.Logf("%d logs", played); played < 8 {
		t.Error("too few logs played")
	}
}
