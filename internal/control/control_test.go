package control_test

import (
	"errors"
	"testing"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
)

func TestAuthorise(t *testing.T) {
	admin := []access.Role{access.RoleAdmin}
	cases := map[string]struct {
		who  control.Principal
		want error
	}{
		"administrator":              {control.Principal{Operator: "admin", Roles: admin}, nil},
		"nobody":                     {control.Principal{}, control.ErrForbidden},
		"no role":                    {control.Principal{Operator: "admin"}, control.ErrNotFound},
		"another role":               {control.Principal{Operator: "admin", Roles: []access.Role{"reader"}}, control.ErrNotFound},
		"no name":                    {control.Principal{Roles: admin}, control.ErrForbidden},
		"a password has to be set":   {control.Principal{Operator: "admin", Roles: admin, Unfinished: access.MustSetPassword}, control.ErrForbidden},
		"a role that begins like it": {control.Principal{Operator: "admin", Roles: []access.Role{"admin2"}}, control.ErrNotFound},
	}
	for name, c := range cases {
		if err := control.Authorise(c.who, access.ViewAPIs, access.Scope{Group: access.Root, Environment: "default"}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if t.Logf("%d principals", len(cases)); len(cases) < 7 {
		t.Error("too few principals played")
	}
}
