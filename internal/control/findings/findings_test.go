package findings_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/findings"
	"farrier.dev/farrier/internal/posture"
)

type fake struct{ asked int }

func (f *fake) List(context.Context, posture.Filter) ([]posture.Item, int, error) {
	f.asked++
	return nil, 0, nil
}

func (f *fake) Get(context.Context, string) (posture.Detail, error) {
	f.asked++
	return posture.Detail{}, fmt.Errorf("finding: %w", posture.ErrNotFound)
}

func (f *fake) Counts(context.Context) (posture.Counts, error) {
	f.asked++
	return posture.Counts{}, nil
}

func TestOnlyAdministratorsAsk(t *testing.T) {
	f := &fake{}
	s, err := findings.New(f, access.Scope{Group: access.Root, Environment: "default"})
	if err != nil {
		t.Fatal(err)
	}
	all := func(who control.Principal) []error {
		_, _, list := s.List(t.Context(), who, findings.Filter{})
		_, one := s.Get(t.Context(), who, "x")
		_, counts := s.Counts(t.Context(), who)
		return []error{list, one, counts}
	}
	for _, err := range all(control.Principal{Operator: "admin", Roles: []access.Role{access.RoleSecretsAdmin}}) {
		if !errors.Is(err, control.ErrForbidden) {
			t.Errorf("without a role: %v", err)
		}
	}
	if f.asked != 0 {
		t.Errorf("posture was asked %d times", f.asked)
	}
	got := all(control.Principal{Operator: "admin", Roles: []access.Role{access.RoleAdmin}})
	if got[0] != nil || !errors.Is(got[1], control.ErrNotFound) || got[2] != nil || f.asked != 3 {
		t.Errorf("as administrator: %v", got)
	}
}
