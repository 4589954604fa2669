package access

import (
	"errors"
	"testing"
)

// stolen are passwords that were stolen elsewhere; nil answers with an error.
type stolen []string

var errUnreadable = errors.New("the list is gone")

func (s stolen) Holds(password string) (bool, error) {
	if s == nil {
		return false, errUnreadable
	}
	for _, one := range s {
		if one == password {
			return true, nil
		}
	}
	return false, nil
}

func TestBreachedPasswords(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		ctx := t.Context()
		enter := func(password string) error {
			linked, _, err := s.RedeemLink(ctx, s.link(), home)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.SetPassword(ctx, linked.Token, "", password, home)
			return err
		}
		const known = "correct horse battery staple"
		WithBreached(stolen{known})(s.Service)
		var common error
		if common = enter("Summer2026!!Summer"); !errors.Is(common, ErrPassword) {
			t.Fatalf("common: %v", common)
		}
		if err := enter(known); !errors.Is(err, ErrPassword) || err.Error() != common.Error() {
			t.Errorf("stolen: %v, want the words of %v", err, common)
		}
		WithBreached(stolen(nil))(s.Service)
		if err := enter(goodPassword); !errors.Is(err, errUnreadable) || errors.Is(err, ErrPassword) {
			t.Errorf("unreadable: %v", err)
		}
		WithBreached(stolen{known})(s.Service)
		if err := enter(goodPassword); err != nil {
			t.Errorf("another: %v", err)
		}
		// Nobody is shut out: the list is not asked at the sign-in.
		WithBreached(stolen{goodPassword})(s.Service)
		if err := s.signIn(goodPassword, home); err != nil {
			t.Errorf("sign-in: %v", err)
		}
	})
}
