// Package ldapauth is the policy ldap-authentication-flex: HTTP Basic
// authentication (RFC 7617) of users that a directory knows (RFC 4511). It finds
// the user's entry as a service user and then binds as the user: the directory
// alone judges the password. Nothing of it is kept, so that a changed password
// and a locked account act at once.
package ldapauth

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "ldap-authentication-flex", Title: "Basic Authentication: LDAP", Category: "Security",
		Phase: policy.Identify, Identifies: true, Schema: schema, Compile: compile, Warn: warn,
	}
}

// authenticator is a set of settings, compiled.
type authenticator struct {
	dial     dialing
	base     string
	filter   string
	scope    int
	userName string // the attribute that the filter compares with the name; empty for none
}

// named is a comparison of an attribute with the user name alone.
var named = regexp.MustCompile(`\(\s*([A-Za-z][A-Za-z0-9-]*)\s*=\{0\}\)`)

func compile(settings json.RawMessage) (policy.Compiled, error) {
	s := defaults()
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	a := &authenticator{base: s.LdapSearchBase, filter: s.LdapSearchFilter, scope: ldap.ScopeSingleLevel}
	if s.LdapSearchInSubtree {
		a.scope = ldap.ScopeWholeSubtree
	}
	if _, err := ldap.ParseDN(s.LdapServerUserDN); err != nil {
		return nil, errors.New("ldapServerUserDn: it is not a distinguished name, as cn=gateway,dc=example,dc=com")
	}
	if _, err := ldap.ParseDN(s.LdapSearchBase); err != nil {
		return nil, errors.New("ldapSearchBase: it is not a distinguished name, as ou=people,dc=example,dc=com")
	}
	if !strings.Contains(s.LdapSearchFilter, "{0}") {
		return nil, errors.New("ldapSearchFilter: it has no {0}, which stands for the user name, so that it would find the same entry for everybody")
	}
	if _, err := ldap.CompileFilter(a.search("name").Filter); err != nil {
		return nil, errors.New("ldapSearchFilter: it is not a search filter (RFC 4515), as (uid={0})")
	}
	if match := named.FindStringSubmatch(s.LdapSearchFilter); match != nil {
		a.userName = match[1]
	}
	var err error
	a.dial, err = s.dialing()
	return a, err
}

// step is an authenticator bound to an API.
type step struct {
	*authenticator
	directory *directory
}

// Bind implements policy.Compiled.
func (a *authenticator) Bind(env policy.Env) (policy.Step, error) {
	if env.HTTP == nil {
		return policy.Step{}, errors.New("there is nothing to reach the directory with")
	}
	s, dial := &step{authenticator: a}, a.dial
	dial.open = policy.Dialer(env.HTTP)
	var ok bool
	if s.directory, ok = env.State("directory", func() any { return newDirectory(dial, env.Now) }).(*directory); !ok {
		return policy.Step{}, fmt.Errorf("the connections kept for %s are of another kind", env.Binding)
	}
	return policy.Step{Request: s.request}, nil
}

// maxCredential is the length in bytes of a name and of a password.
const maxCredential = 1024

func (s *step) request(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	fields := x.Request.Header.Values("authorization")
	switch len(fields) {
	case 0:
		return policy.RefuseBasic("Authentication required.", "there is no Authorization header")
	case 1:
	default:
		return policy.RefuseBasic("Authentication failed.", "there is more than one Authorization header")
	}
	name, password, ok := policy.BasicCredentials(fields[0].Value)
	switch {
	case !ok:
		return policy.RefuseBasic("Authentication failed.", "the Authorization header holds no Basic credentials")
	case name == "":
		return policy.RefuseBasic("Authentication failed.", "the user name is empty")
	case password == "":
		// RFC 4513 §5.1.2: a bind without password succeeds and proves nothing.
		return policy.RefuseBasic("Authentication failed.", "the password is empty")
	case len(name) > maxCredential || len(password) > maxCredential:
		return policy.RefuseBasic("Authentication failed.", "the user name or the password is longer than 1024 bytes")
	}
	user, err := s.authenticate(ctx, name, password)
	var no *refusal
	switch {
	case errors.As(err, &no):
		return policy.RefuseBasic("Authentication failed.", no.reason)
	case err != nil:
		return policy.Fail(http.StatusServiceUnavailable, "Service unavailable.", err.Error())
	}
	x.Auth.Principal = user.name
	x.Auth.SetProperty("dn", user.dn)
	return policy.Go()
}

// refusal is the directory's no.
type refusal struct{ reason string }

// Error implements error.
func (r *refusal) Error() string { return r.reason }

// user is who the directory says was authenticated.
type user struct{ name, dn string }

// search asks for at most two entries: one more than may be.
func (a *authenticator) search(name string) *ldap.SearchRequest {
	attributes := []string{"1.1"} // none (RFC 4511 §4.5.1.8)
	if a.userName != "" {
		attributes[0] = a.userName
	}
	filter := strings.ReplaceAll(a.filter, "{0}", ldap.EscapeFilter(name))
	request := ldap.NewSearchRequest(a.base, a.scope, ldap.DerefAlways, 2, a.dial.seconds(), false, filter, attributes, nil)
	request.EnforceSizeLimit = true
	return request
}

// authenticate finds the entry of a name and tries the password on it. The
// principal is the name as the directory writes it: directories compare without
// regard to case, and one user must not count as several.
func (s *step) authenticate(ctx context.Context, name, password string) (user, error) {
	var found *ldap.SearchResult
	err := s.directory.searching.use(ctx, func(c *ldap.Conn) (err error) {
		found, err = c.Search(s.search(name))
		return err
	})
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded), err == nil && len(found.Entries) > 1:
		return user{}, &refusal{"more than one entry has this user name"}
	case err != nil:
		return user{}, fmt.Errorf("searching the directory: %w", told(err))
	case len(found.Entries) == 0:
		return user{}, &refusal{"no entry has this user name"}
	}
	entry := found.Entries[0]
	if entry.DN == "" {
		return user{}, &refusal{"the entry found has no name to bind as"}
	}
	err = s.directory.binding.use(ctx, func(c *ldap.Conn) error { return c.Bind(entry.DN, password) })
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication,
		ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform,
		ldap.LDAPResultConstraintViolation):
		return user{}, &refusal{"the directory refuses the password: " + told(err).Error()}
	case err != nil:
		return user{}, fmt.Errorf("binding as the user: %w", told(err))
	}
	u := user{name: name, dn: entry.DN}
	if values := entry.GetAttributeValues(s.userName); s.userName != "" && len(values) == 1 {
		u.name = values[0]
	}
	return u, nil
}

// told is an error without what a directory adds in words of its own, which may
// name users.
func told(err error) error {
	var from *ldap.Error
	if !errors.As(err, &from) || from.ResultCode == ldap.ErrorNetwork {
		return err
	}
	text, known := ldap.LDAPResultCodeMap[from.ResultCode]
	if !known {
		text = "unknown result"
	}
	return fmt.Errorf("%s (LDAP result %d)", text, from.ResultCode)
}
