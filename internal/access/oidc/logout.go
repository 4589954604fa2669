package oidc

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"farrier.dev/farrier/internal/secret"
)

// logoutEvent is what makes a token a logout token (OpenID Connect Back-Channel
// Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutLife is how long a logout token counts after it was issued.
const logoutLife = 5 * time.Minute

// Ended tells which sessions a provider ends: that of Session, or, where it is
// empty, all of Subject.
type Ended struct{ Subject, Session string }

// BackChannel judges a logout token, which counts once.
func (p *Provider) BackChannel(ctx context.Context, raw string) (Ended, error) {
	_, c, err := p.verified(ctx, raw, false)
	if err != nil {
		return Ended{}, err
	}
	var events map[string]json.RawMessage
	if json.Unmarshal(c["events"], &events) != nil || len(events[logoutEvent]) == 0 || events[logoutEvent][0] != '{' {
		return Ended{}, refuse(ErrAnswer, "its token is no logout token")
	}
	if _, has := c["nonce"]; has {
		return Ended{}, refuse(ErrAnswer, "its token has a nonce, as an ID token does")
	}
	var e Ended
	e.Subject, _ = c.text("sub")
	e.Session, _ = c.text("sid")
	if e.Subject == "" && e.Session == "" || len(e.Subject) > maxClaim || len(e.Session) > maxClaim {
		return Ended{}, refuse(ErrAnswer, "its token names nobody and no session")
	}
	id, _ := c.text("jti")
	if id == "" || len(id) > maxClaim {
		return Ended{}, refuse(ErrAnswer, "its token has no id (jti)")
	}
	issued, _ := c.when("iat")
	until := issued.Add(logoutLife + skew)
	if !p.o.Now().Before(until) {
		return Ended{}, refuse(ErrAnswer, "its token was issued too long ago")
	}
	first, err := p.o.Once(ctx, "oidc logout "+p.Name()+" "+id, until)
	if err != nil {
		return Ended{}, err
	}
	if !first {
		return Ended{}, refuse(ErrAnswer, "its token was used before")
	}
	return e, nil
}

// FrontChannel judges what a provider's page asks of us in a frame: the query of
// the address names issuer and session.
func (p *Provider) FrontChannel(query url.Values) (Ended, error) {
	session := query.Get("sid")
	if !secret.Equal(query.Get("iss"), p.o.Settings.Issuer) || session == "" || len(session) > maxClaim {
		return Ended{}, refuse(ErrAnswer, "the address does not name the issuer and a session")
	}
	return Ended{Session: session}, nil
}

// SignOut is where a person signs out of the provider too, and comes back to a page
// of ours; empty when the provider has no such place.
func (p *Provider) SignOut(ctx context.Context, back string) (string, error) {
	m, err := p.metadata(ctx)
	if err != nil || m.endSession == "" {
		return "", err
	}
	u, err := url.Parse(m.endSession)
	if err != nil {
		return "", refuse(ErrUnreachable, "its end_session_endpoint is no address")
	}
	q := u.Query()
	q.Set("client_id", p.o.Settings.ClientID)
	if back != "" {
		q.Set("post_logout_redirect_uri", back)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
