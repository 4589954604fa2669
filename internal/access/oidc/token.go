package oidc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"farrier.dev/farrier/internal/jose"
	"farrier.dev/farrier/internal/secret"
)

// Identity is a person as a provider knows them.
type Identity struct {
	// Issuer and Subject together name the person for ever.
	Issuer, Subject string
	// Username, Name and Email are what they are called; each may be empty. Email is
	// empty unless the provider verified it, or says nothing of that.
	Username, Name, Email string
	// Verified says that the provider vouches for Email.
	Verified bool
	// Groups are those of the settings' claim, sorted, each once.
	Groups []string
	// ACR and AMR say how the person signed in, AuthTime when; zero when not told.
	ACR      string
	AMR      []string
	AuthTime time.Time
	// Session is the provider's name of the session (sid), by which it can end it.
	Session string
}

// claims are the claims of a token, each name once.
type claims map[string]json.RawMessage

// parse reads the JSON object of a token; a name that stands twice would be read
// differently by others.
func parse(payload []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, refuse(ErrAnswer, "its claims are no JSON object")
	}
	c := claims{}
	for d.More() {
		name, err := d.Token()
		text, ok := name.(string)
		if err != nil || !ok {
			return nil, refuse(ErrAnswer, "its claims are no JSON object")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, refuse(ErrAnswer, "its claims are no JSON object")
		}
		if _, twice := c[text]; twice {
			return nil, refuse(ErrAnswer, "a claim stands in it twice")
		}
		c[text] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, refuse(ErrAnswer, "its claims are no JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, refuse(ErrAnswer, "its claims are no JSON object")
	}
	return c, nil
}

func (c claims) text(name string) (string, bool) {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return "", false
	}
	return text, true
}

// texts is a claim that is one text or several.
func (c claims) texts(name string) ([]string, bool) {
	if one, ok := c.text(name); ok && string(c[name]) != "null" {
		return []string{one}, true
	}
	var several []string
	if json.Unmarshal(c[name], &several) != nil || several == nil {
		return nil, false
	}
	return several, true
}

// when is a claim that is a time.
func (c claims) when(name string) (time.Time, bool) {
	var seconds float64
	if raw := c[name]; len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, &seconds) != nil || seconds < 0 || seconds > math.MaxInt32*4 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// verified reads a token of the provider: signature, issuer, audience and times.
func (p *Provider) verified(ctx context.Context, raw string, lifetime bool) (*jose.Token, claims, error) {
	token, err := jose.Parse(raw)
	if err != nil {
		return nil, nil, refuse(ErrAnswer, "its token can't be read: %.100s", err.Error())
	}
	if !p.o.Settings.algorithms().Has(token.Algorithm) {
		return nil, nil, refuse(ErrAnswer, "its token is signed by an algorithm that is not allowed")
	}
	if err := p.keys.verifies(ctx, token); err != nil {
		return nil, nil, err
	}
	c, err := parse(token.Payload)
	if err != nil {
		return nil, nil, err
	}
	if iss, _ := c.text("iss"); iss != p.o.Settings.Issuer {
		return nil, nil, refuse(ErrAnswer, "its token is of another issuer")
	}
	audience, _ := c.texts("aud")
	if !slices.Contains(audience, p.o.Settings.ClientID) {
		return nil, nil, refuse(ErrAnswer, "its token is for another application")
	}
	azp, named := c.text("azp")
	if len(audience) > 1 && !named || named && azp != p.o.Settings.ClientID {
		return nil, nil, refuse(ErrAnswer, "its token was issued to another application")
	}
	return token, c, p.timely(c, lifetime)
}

// timely holds the times of a token against the clock.
func (p *Provider) timely(c claims, lifetime bool) error {
	now := p.o.Now()
	expires, ok := c.when("exp")
	if !ok && (lifetime || c["exp"] != nil) {
		return refuse(ErrAnswer, "its token does not say when it expires")
	}
	if ok && !now.Before(expires.Add(skew)) {
		return refuse(ErrAnswer, "its token has expired; are the clocks right?")
	}
	issued, ok := c.when("iat")
	switch {
	case !ok:
		return refuse(ErrAnswer, "its token does not say when it was issued")
	case issued.After(now.Add(skew)):
		return refuse(ErrAnswer, "its token is from the future; are the clocks right?")
	}
	if before, ok := c.when("nbf"); ok && before.After(now.Add(skew)) {
		return refuse(ErrAnswer, "its token is not valid yet; are the clocks right?")
	}
	return nil
}

// judge reads the ID token of a flow.
func (p *Provider) judge(ctx context.Context, raw string, f flow, access string) (claims, error) {
	token, c, err := p.verified(ctx, raw, true)
	if err != nil {
		return nil, err
	}
	if nonce, _ := c.text("nonce"); !secret.Equal(nonce, p.derived("nonce", f.ID)) {
		return nil, refuse(ErrAnswer, "its nonce is that of another sign-in")
	}
	if _, logout := c["events"]; logout {
		return nil, refuse(ErrAnswer, "its token is no ID token")
	}
	if subject, _ := c.text("sub"); subject == "" || len(subject) > maxClaim || !plain(subject) {
		return nil, refuse(ErrAnswer, "its subject is missing or too long")
	}
	if want, ok := c.text("at_hash"); ok && access != "" && want != halfHash(token.Algorithm, access) {
		return nil, refuse(ErrAnswer, "its access token is not the one that the ID token speaks of")
	}
	return c, p.strong(c, f)
}

// strong holds how and when the person signed in against what is asked.
func (p *Provider) strong(c claims, f flow) error {
	s := &p.o.Settings
	at, told := c.when("auth_time")
	began := time.Unix(f.Began, 0)
	switch {
	case !told && (f.Confirm || s.MaxAge > 0):
		return refuse(ErrWeak, "it does not tell when the person signed in (auth_time)")
	case told && at.After(p.o.Now().Add(skew)):
		return refuse(ErrAnswer, "the person signed in in the future; are the clocks right?")
	case f.Confirm && at.Before(began.Add(-skew)):
		return refuse(ErrWeak, "the person was not asked to sign in again")
	case s.MaxAge > 0 && p.o.Now().Sub(at) > s.MaxAge+skew:
		return refuse(ErrWeak, "the person signed in too long ago")
	}
	if !s.strong() {
		return nil
	}
	acr, _ := c.text("acr")
	amr, _ := c.texts("amr")
	if slices.Contains(s.ACR, acr) || slices.ContainsFunc(amr, func(one string) bool { return slices.Contains(s.AMR, one) }) {
		return nil
	}
	return refuse(ErrWeak, "a second factor is asked for, and the provider does not say that there was one")
}

// halfHash is how an ID token names an access token (OpenID Connect Core §3.1.3.6).
func halfHash(algorithm, token string) string {
	h := sha256.New()
	switch {
	case strings.HasSuffix(algorithm, "384"):
		h = sha512.New384()
	case strings.HasSuffix(algorithm, "512"), strings.HasPrefix(algorithm, "Ed"):
		h = sha512.New()
	}
	return half(h, token)
}

func half(h hash.Hash, text string) string {
	_, _ = h.Write([]byte(text)) // a hash never fails
	sum := h.Sum(nil)
	return coding.EncodeToString(sum[:len(sum)/2])
}

// lacks reports whether the ID token leaves out what the person's page may tell.
func (p *Provider) lacks(c claims) bool {
	s := &p.o.Settings
	wanted := []string{usernameClaim(s)}
	if slices.Contains(s.Scopes, "email") {
		wanted = append(wanted, "email")
	}
	if s.GroupsClaim != "" {
		wanted = append(wanted, s.GroupsClaim)
	}
	return slices.ContainsFunc(wanted, func(name string) bool { return c[name] == nil })
}

func usernameClaim(s *Settings) string {
	if s.UsernameClaim != "" {
		return s.UsernameClaim
	}
	return "preferred_username"
}

// addUserInfo adds the claims that only the UserInfo endpoint tells.
func (p *Provider) addUserInfo(ctx context.Context, m metadata, access string, c claims) error {
	text, err := p.get(ctx, m.userInfo, access)
	if err != nil {
		return refuse(ErrUnreachable, "its UserInfo can't be read: %.100s", err.Error())
	}
	more, err := parse(text)
	if err != nil {
		return refuse(ErrAnswer, "its UserInfo is no JSON object")
	}
	ours, _ := c.text("sub")
	if theirs, _ := more.text("sub"); theirs != ours {
		return refuse(ErrAnswer, "its UserInfo is of another person")
	}
	for name, value := range more {
		switch name { // what only a signed token may say
		case "iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "acr", "amr", "auth_time", "sid":
		default:
			if _, has := c[name]; !has {
				c[name] = value
			}
		}
	}
	return nil
}

// identity is the person of whom the claims speak.
func (p *Provider) identity(c claims) (Identity, error) {
	s := &p.o.Settings
	i := Identity{Issuer: s.Issuer}
	i.Subject, _ = c.text("sub")
	for name, field := range map[string]*string{usernameClaim(s): &i.Username, "name": &i.Name, "email": &i.Email, "acr": &i.ACR, "sid": &i.Session} {
		if text, ok := c.text(name); ok && len(text) <= maxClaim && plain(text) {
			*field = text
		}
	}
	i.Verified = string(c["email_verified"]) == "true" || string(c["email_verified"]) == `"true"`
	if c["email_verified"] != nil && !i.Verified {
		i.Email = ""
	}
	i.AMR, _ = c.texts("amr")
	i.AuthTime, _ = c.when("auth_time")
	if s.GroupsClaim == "" {
		return i, nil
	}
	groups, err := c.groups(s.GroupsClaim)
	if err != nil {
		return Identity{}, err
	}
	i.Groups = groups
	return i, nil
}

// groups reads a claim of groups as the providers write it: a text, a list of
// texts, a list of objects with a name, or an object whose keys are the groups.
func (c claims) groups(name string) ([]string, error) {
	raw := c[name]
	if raw == nil || string(raw) == "null" {
		var elsewhere map[string]json.RawMessage
		if json.Unmarshal(c["_claim_names"], &elsewhere) == nil && elsewhere[name] != nil {
			return nil, refuse(ErrAnswer, "the person has so many groups that the provider does not tell them; let it tell only those assigned to the application")
		}
		return nil, nil // in no group
	}
	var groups []string
	if several, ok := c.texts(name); ok {
		groups = several
	} else if err := eachGroup(raw, func(group string) { groups = append(groups, group) }); err != nil {
		return nil, err
	}
	if len(groups) > maxGroups {
		return nil, refuse(ErrAnswer, "the person has more than %d groups; let the provider tell only those assigned to the application", maxGroups)
	}
	groups = slices.DeleteFunc(groups, func(one string) bool { return one == "" || len(one) > maxClaim || !plain(one) })
	slices.Sort(groups)
	return slices.Compact(groups), nil
}

// eachGroup gives the groups of a claim that is no list of texts.
func eachGroup(raw json.RawMessage, give func(string)) error {
	var objects []struct {
		Name    string `json:"name"`
		Display string `json:"displayName"`
	}
	if json.Unmarshal(raw, &objects) == nil {
		for _, one := range objects {
			if one.Name == "" {
				one.Name = one.Display
			}
			give(one.Name)
		}
		return nil
	}
	var keyed map[string]json.RawMessage
	if json.Unmarshal(raw, &keyed) == nil {
		for group := range keyed {
			give(group)
		}
		return nil
	}
	return refuse(ErrAnswer, "its groups are neither a list nor a text")
}

// plain reports whether a text can stand on a page and in a log.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// String keeps what a person is called out of logs.
func (i Identity) String() string { return fmt.Sprintf("person %q of %s", i.Subject, i.Issuer) }
