package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/control/sso"
)

// ssoRoutes lead to identity providers and back. What comes back from one is not
// asked for a session: it brings one.
func (c *console) ssoRoutes() []route {
	if c.SSO == nil {
		return nil
	}
	return append(append(c.passkeyRoutes(), c.samlRoutes()...), []route{
		{"POST /login/email", everyone, c.ssoByEmail},
		{"GET /sso/{name}/start", everyone, c.ssoStart},
		{"GET /sso/{name}/callback", everyone, c.ssoCallback},
		{"GET /sso/{name}/frontchannel", everyone, c.ssoFrontChannel},
		{"POST /sso/{name}/backchannel", everyone, c.ssoBackChannel},
		{"GET /sso/{name}/again", operators, c.ssoAgain},
	}...)
}

// signInWays are the ways to sign in beside a password, as pages show them.
type signInWays struct {
	// Providers are the identity providers, Mine the one that the session came by.
	Providers []sso.Way
	Mine      sso.Way
	// Email says that some provider is found by an address.
	Email bool
	// Host says that passkeys work under the host of the address.
	Host bool
	// Next is where to go afterwards.
	Next string
}

// ways are those of a page; nil where there are none.
func (c *console) ways(r *request) *signInWays {
	if c.SSO == nil {
		return nil
	}
	next := r.URL.Query().Get("next")
	if r.PostForm != nil && r.PostForm.Has("next") {
		next = r.PostForm.Get("next")
	}
	w := &signInWays{Providers: c.SSO.Ways(), Email: c.SSO.Domains(), Host: c.SSO.Passkeyed(r.Host), Next: localPath(next)}
	for _, one := range w.Providers {
		if r.principal.Via == "oidc:"+one.Name || r.principal.Via == "saml:"+one.Name {
			w.Mine = one
		}
	}
	return w
}

// startAt is the address that begins a sign-in.
func startAt(name, next, hint string) string {
	q := url.Values{}
	for key, value := range map[string]string{"next": next, "hint": hint} {
		if value != "" && value != "/" {
			q.Set(key, value)
		}
	}
	to := "/sso/" + url.PathEscape(name) + "/start"
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}

// ssoByEmail leads to the provider of an address's domain. A page goes on by itself:
// what a form leads to must not be another site.
func (c *console) ssoByEmail(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	email, next := strings.TrimSpace(r.PostForm.Get("email")), localPath(r.PostForm.Get("next"))
	way, found := c.SSO.ByEmail(email)
	if !found {
		return c.showLogin(w, r, http.StatusUnprocessableEntity, loginData{
			Next: next, Operator: session.Operator, Problem: "No identity provider is set up for that address. Sign in by password, or ask an administrator.",
		})
	}
	return c.render(w, r, http.StatusOK, "onward", "Signing in at "+way.Title, startAt(way.Name, next, email))
}

func (c *console) ssoStart(w http.ResponseWriter, r *request) error {
	next, hint := localPath(r.URL.Query().Get("next")), r.URL.Query().Get("hint")
	if base := c.SSO.At(r.Host); base != "" {
		// Only if the provider is known, so that nobody is led on for nothing.
		if !c.SSO.Has(r.PathValue("name")) {
			return control.ErrNotFound
		}
		http.Redirect(w, r.Request, base+startAt(r.PathValue("name"), next, hint), http.StatusSeeOther)
		return nil
	}
	begun, err := c.SSO.Begin(r.Context(), r.PathValue("name"), next, hint)
	return c.ssoBegun(w, r, begun, err)
}

// ssoAgain lets who is signed in prove at their provider that it is them.
func (c *console) ssoAgain(w http.ResponseWriter, r *request) error {
	begun, err := c.SSO.Again(r.Context(), r.principal, r.PathValue("name"), localPath(r.URL.Query().Get("next")), r.token)
	return c.ssoBegun(w, r, begun, err)
}

func (c *console) ssoBegun(w http.ResponseWriter, r *request, begun sso.Begun, err error) error {
	if err != nil {
		return c.ssoFailed(w, r, "", err)
	}
	c.setFlow(w, begun.Cookie, sso.CookieLife)
	http.Redirect(w, r.Request, begun.URL, http.StatusSeeOther)
	return nil
}

// setFlow keeps a sign-in under way. The answer comes from another site, where a
// strict cookie would not be sent along.
func (c *console) setFlow(w http.ResponseWriter, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: c.cookieName() + "-flow", Value: value, Path: "/", MaxAge: max(int(age/time.Second), -1),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	})
}

func (c *console) ssoCallback(w http.ResponseWriter, r *request) error {
	s, next, err := c.SSO.Finish(r.Context(), r.PathValue("name"), r.URL.RawQuery, c.flow(r), c.from(r))
	return c.ssoFinished(w, r, s, next, err)
}

// flow is the cookie of a sign-in under way.
func (c *console) flow(r *request) string {
	cookie, err := r.Cookie(c.cookieName() + "-flow")
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (c *console) ssoFinished(w http.ResponseWriter, r *request, s access.Session, next string, err error) error {
	next = localPath(next)
	if !errors.Is(err, sso.ErrFlow) { // else it may be that of another sign-in
		c.setFlow(w, "", -time.Second)
	}
	if err != nil {
		return c.ssoFailed(w, r, next, err)
	}
	c.signedIn(w, s)
	// The new cookie is strict: a page of our own must lead on, or it is not sent.
	return c.render(w, r, http.StatusOK, "onward", "Opening the console", next)
}

// ssoProblem is what the page of a failed sign-in shows.
type ssoProblem struct {
	Text string
	Mend []string
	// Again begins anew.
	Again string
}

// ssoFailed says what went wrong and how to mend it. The details are in the log: they
// may hold what others wrote, but no token.
func (c *console) ssoFailed(w http.ResponseWriter, r *request, next string, err error) error {
	p := ssoProblem{Again: startAt(r.PathValue("name"), next, "")}
	status := http.StatusForbidden
	switch {
	case errors.Is(err, sso.ErrFlow):
		status, p.Text = http.StatusBadRequest, "This sign-in was not begun in this browser, took more than ten minutes, or was finished before."
		p.Mend = []string{"Begin again, in this window.", "If it keeps failing, let the browser keep cookies of this site, and open the console by one address only."}
	case errors.Is(err, sso.ErrDenied):
		p.Text = "The identity provider signed nobody in."
		p.Mend = []string{"Begin again and finish the sign-in there.", "If you did, ask its administrators to assign you to Farrier."}
	case errors.Is(err, sso.ErrWeak):
		p.Text = "The identity provider did not say that you signed in as strongly, or as recently, as is asked for here."
		p.Mend = []string{"Set up a second factor at the identity provider and begin again.", "For administrators: the provider must tell acr, amr or auth_time in its ID token, or by SAML AuthnContextClassRef; the log says which is missing."}
	case errors.Is(err, sso.ErrUnreachable):
		status, p.Text = http.StatusBadGateway, "The identity provider can't be reached from here, or does not answer as it should."
		p.Mend = []string{"Try again in a minute.", "For administrators: the log says what failed; check issuer, network and certificate."}
	case errors.Is(err, sso.ErrAnswer):
		status, p.Text = http.StatusBadGateway, "The identity provider's answer could not be accepted."
		p.Mend = []string{"Begin again.", "For administrators: the log says what is wrong with it; check issuer, client id, secret and the clocks; with SAML metadata, entityId and nameIdFormat."}
	case errors.Is(err, sso.ErrNoAccount):
		p.Text = "You signed in at the identity provider, but nobody here belongs to you yet."
		p.Mend = []string{"Ask an administrator for an account, or to let this provider make accounts (createAccounts)."}
	case errors.Is(err, sso.ErrTaken):
		p.Text = "You signed in at the identity provider, but an account of your name exists here that is not linked to it."
		p.Mend = []string{"Ask an administrator to link your account with the identity provider."}
	case errors.Is(err, sso.ErrDisabled):
		p.Text = "Your account is disabled."
		p.Mend = []string{"Ask an administrator."}
	case errors.Is(err, sso.ErrDomain):
		p.Text = "Your e-mail address at the identity provider is of no domain whose people may sign in this way."
		p.Mend = []string{"Sign in there with another account.", "For administrators: the domains stand in the provider's settings."}
	case errors.Is(err, sso.ErrOther):
		p.Text = "Somebody else signed in at the identity provider than who is signed in here."
		p.Mend = []string{"Begin again with your own account, or sign out here first."}
	default:
		return err
	}
	c.Log.WarnContext(r.Context(), "a sign-in at an identity provider failed", "component", "console", "provider", logged(r.PathValue("name")), "error", err)
	return c.render(w, r, status, "ssoproblem", "The sign-in did not work", p)
}

func (c *console) ssoFrontChannel(w http.ResponseWriter, r *request) error {
	n, err := c.SSO.FrontChannel(r.Context(), r.PathValue("name"), r.URL.Query())
	if errors.Is(err, sso.ErrAnswer) {
		return problem(http.StatusBadRequest, "This ends no session", "The address names no session of this identity provider.")
	}
	if err != nil {
		return err
	}
	c.Log.InfoContext(r.Context(), "an identity provider ended sessions", "component", "console", "provider", logged(r.PathValue("name")), "sessions", n)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ended\n")) // the client has gone away; there is nobody to tell
	return nil
}

// ssoBackChannel is what a provider itself asks (OpenID Connect Back-Channel Logout).
func (c *console) ssoBackChannel(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	n, err := c.SSO.BackChannel(r.Context(), r.PathValue("name"), r.PostForm.Get("logout_token"))
	if errors.Is(err, sso.ErrAnswer) || errors.Is(err, sso.ErrUnreachable) {
		c.Log.WarnContext(r.Context(), "a logout token was refused", "component", "console", "provider", logged(r.PathValue("name")), "error", err)
		return problem(http.StatusBadRequest, "This is no logout token", "The log of Farrier says what is wrong with it.")
	}
	if err != nil {
		return err
	}
	c.Log.InfoContext(r.Context(), "an identity provider ended sessions", "component", "console", "provider", logged(r.PathValue("name")), "sessions", n)
	w.WriteHeader(http.StatusOK)
	return nil
}

// leaving is where who signs out can sign out of their provider too.
func (c *console) leaving(r *request) (sso.Leaving, bool) {
	if c.SSO == nil {
		return sso.Leaving{}, false
	}
	return c.SSO.SignOut(r.Context(), r.token)
}
