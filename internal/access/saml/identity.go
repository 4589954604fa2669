package saml

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Identity is a person as a provider knows them.
type Identity struct {
	// Issuer and Subject together name the person for ever.
	Issuer, Subject string
	// Username, Name and Email are what they are called; each may be empty.
	Username, Name, Email string
	// Groups are those of the settings' attribute, sorted, each once.
	Groups []string
	// Class says how the person signed in (AuthnContextClassRef), AuthTime when.
	Class    string
	AuthTime time.Time
	// Session is the provider's name of the session, by which it can end it, and
	// NotAfter when it ends anyway; zero when not told.
	Session  string
	NotAfter time.Time
}

// String keeps what a person is called out of logs.
func (i Identity) String() string { return fmt.Sprintf("person %q of %s", i.Subject, i.Issuer) }

// person is of whom an assertion speaks, if they signed in as is asked.
func (p *Provider) person(said *answer, f *flow) (Identity, error) {
	a, s := &said.Assertion, &p.o.Settings
	i := Identity{Issuer: strings.TrimSpace(a.Issuer)}
	name := a.Subject[0].NameID[0]
	format := name.Format
	if format == "" {
		format = formatUnspecified
	}
	i.Subject = strings.TrimSpace(name.Text)
	switch {
	case format != s.format():
		return i, refuse(ErrAnswer, "it names the person in another way than is asked for; the settings' nameIdFormat and the provider's must agree")
	case i.Subject == "" || len(i.Subject) > maxText || !plain(i.Subject) || strings.ContainsAny(name.Inner, "<"):
		return i, refuse(ErrAnswer, "its subject is missing or too long")
	}
	if err := p.signedIn(a, f, &i); err != nil {
		return i, err
	}
	if format == formatEmail {
		i.Email = i.Subject
	}
	for field, attribute := range map[*string]string{&i.Username: s.Attributes.Name, &i.Name: s.Attributes.Display, &i.Email: s.Attributes.Email} {
		values, err := a.values(attribute)
		switch {
		case err != nil:
			return i, err
		case len(values) == 1:
			*field = values[0]
		case attribute != "" && field != &i.Name:
			return i, refuse(ErrAnswer, "it does not tell the attribute %.100q once", attribute)
		}
	}
	groups, err := a.values(s.Attributes.Groups)
	slices.Sort(groups)
	i.Groups = slices.Compact(groups)
	return i, err
}

// values are those of an attribute.
func (a *assertion) values(name string) (list []string, err error) {
	for _, one := range a.Attributes {
		if name == "" || one.Name != name {
			continue
		}
		for _, value := range one.Values {
			value = strings.TrimSpace(value)
			if len(value) > maxText || !plain(value) {
				return nil, refuse(ErrAnswer, "a value of the attribute %.100q is too long, or not to be shown", name)
			}
			if value != "" {
				list = append(list, value)
			}
		}
	}
	return list, nil
}

// signedIn judges how and when the person signed in.
func (p *Provider) signedIn(a *assertion, f *flow, i *Identity) error {
	s := &p.o.Settings
	if len(a.Statements) != 1 {
		return refuse(ErrAnswer, "it does not say once that the person signed in (AuthnStatement)")
	}
	one := a.Statements[0]
	at, err := time.Parse(time.RFC3339, one.AuthnInstant)
	if err != nil {
		return refuse(ErrAnswer, "it does not say when the person signed in")
	}
	i.AuthTime, i.Class, i.Session = at, strings.TrimSpace(one.Class), one.SessionIndex
	if len(i.Session) > maxText || !plain(i.Session) {
		return refuse(ErrAnswer, "its session has too long a name")
	}
	if one.SessionNotOnOrAfter != "" {
		if i.NotAfter, err = time.Parse(time.RFC3339, one.SessionNotOnOrAfter); err != nil || !p.o.Now().Before(i.NotAfter.Add(skew)) {
			return refuse(ErrAnswer, "its session is over")
		}
	}
	switch {
	case at.After(p.o.Now().Add(skew)):
		return refuse(ErrAnswer, "the person signed in in the future; are the clocks right?")
	case f != nil && f.Confirm && at.Before(time.Unix(f.Began, 0).Add(-skew)):
		return refuse(ErrWeak, "the person was not asked to sign in again")
	case s.MaxAge > 0 && p.o.Now().Sub(at) > s.MaxAge+skew:
		return refuse(ErrWeak, "the person signed in too long ago")
	case len(s.Classes) > 0 && !slices.Contains(s.Classes, i.Class):
		return refuse(ErrWeak, "a second factor is asked for, and the provider does not say that there was one (AuthnContextClassRef)")
	}
	return nil
}
