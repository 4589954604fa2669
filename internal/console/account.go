package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
)

// accountRoutes are the second step of the sign-in, and what people do with their own
// account.
func (c *console) accountRoutes() []route {
	return []route{
		{"GET /login/second", everyone, c.secondPage},
		{"POST /login/second", everyone, c.second},
		{"GET /second-factor", unfinished, c.enrolPage},
		{"POST /second-factor", unfinished, c.enrol},
		{"GET /confirm", operators, c.confirmPage},
		{"POST /confirm", operators, c.confirm},
		{"GET /account", operators, c.accountPage},
		{"POST /account/factors/remove", operators, c.factorRemove},
		{"POST /account/recovery", operators, c.recoveryRenew},
		{"POST /account/sessions/end", operators, c.sessionEnd},
		{"POST /account/tokens", operators, c.ownTokenCreate},
		{"POST /account/tokens/revoke", operators, c.ownTokenRevoke},
	}
}

// firstSteps is where somebody finishes what their account has to do first.
func firstSteps(p control.Principal) string {
	if p.Unfinished == access.MustEnrol {
		return "/second-factor"
	}
	return "/password"
}

func withNext(to, next string) string {
	if next == "" || next == "/" {
		return to
	}
	return to + "?next=" + url.QueryEscape(next)
}

// confirmedNext is where to go once somebody proved who they are: the page they were
// on, for what they sent can't be sent again for them.
func confirmedNext(r *request) string {
	if r.Method == http.MethodGet {
		return localPath(r.URL.RequestURI())
	}
	if u, err := url.Parse(r.Header.Get("Referer")); err == nil {
		return localPath(u.RequestURI())
	}
	return "/account"
}

// from is where a sign-in comes from.
func (c *console) from(r *request) session.From {
	f := session.From{Address: remote(r), Agent: r.UserAgent()}
	if cookie, err := r.Cookie(c.cookieName() + "-device"); err == nil {
		f.Device = cookie.Value
	}
	return f
}

// signedIn sets the cookies of a new session.
func (c *console) signedIn(w http.ResponseWriter, s session.Session) {
	c.setCookie(w, s.Token, s.Expires.Sub(c.Now()))
	if s.Device != "" {
		c.putCookie(w, c.cookieName()+"-device", s.Device, access.DeviceLife)
	}
}

func (c *console) setHalf(w http.ResponseWriter, s session.Session) {
	c.putCookie(w, c.cookieName()+"-half", s.Half, s.Expires.Sub(c.Now()))
}

func (c *console) putCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: max(int(age/time.Second), -1),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteStrictMode,
	})
}

// halfOf is the half sign-in of a request; empty for none.
func (c *console) halfOf(r *request) string {
	cookie, err := r.Cookie(c.cookieName() + "-half")
	if err != nil {
		return ""
	}
	return cookie.Value
}

// secondData is what the page of the second step shows.
type secondData struct {
	access.Half
	Next, Problem string
}

func (c *console) secondPage(w http.ResponseWriter, r *request) error {
	return c.showSecond(w, r, http.StatusOK, secondData{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *console) showSecond(w http.ResponseWriter, r *request, status int, d secondData) (err error) {
	if d.Half, err = c.Sessions.Half(r.Context(), c.halfOf(r)); errors.Is(err, session.ErrNoSession) {
		http.Redirect(w, r.Request, withNext("/login", d.Next), http.StatusSeeOther)
		return nil
	} else if err != nil {
		return err
	}
	return c.render(w, r, status, "second", "Second factor", d)
}

func (c *console) second(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d := secondData{Next: localPath(r.PostForm.Get("next"))}
	s, err := c.Sessions.SecondFactor(r.Context(), c.halfOf(r), strings.TrimSpace(r.PostForm.Get("code")), c.from(r))
	if err == nil {
		c.putCookie(w, c.cookieName()+"-half", "", -1)
		return c.welcome(w, r, s, d.Next)
	}
	var throttled *session.ThrottledError
	switch {
	case errors.Is(err, session.ErrNoSession):
		http.Redirect(w, r.Request, withNext("/login", d.Next), http.StatusSeeOther)
		return nil
	case errors.Is(err, session.ErrCode):
		d.Problem = sentence(session.ErrCode.Error())
		return c.showSecond(w, r, http.StatusUnauthorized, d)
	case errors.As(err, &throttled):
		d.Problem = sentence(throttled.Error())
		w.Header().Set("Retry-After", retrySeconds(throttled))
		return c.showSecond(w, r, http.StatusTooManyRequests, d)
	}
	return err
}

// enrolData is what the page to set up an authenticator shows.
type enrolData struct {
	access.Enrolment
	// First says that nothing else can be done before.
	First   bool
	Problem string
	// QR is a picture of the URI.
	QR qrPicture
	// Recovery are new codes, which are shown once.
	Recovery []string
}

func (c *console) enrolPage(w http.ResponseWriter, r *request) error {
	return c.showEnrol(w, r, http.StatusOK, "")
}

func (c *console) showEnrol(w http.ResponseWriter, r *request, status int, problem string) (err error) {
	d := enrolData{First: !r.principal.Ready(), Problem: problem}
	if d.Enrolment, err = c.Sessions.BeginTOTP(r.Context(), r.token); err != nil {
		if errors.Is(err, control.ErrInvalid) {
			http.Redirect(w, r.Request, "/password", http.StatusSeeOther)
			return nil
		}
		if errors.Is(err, control.ErrStale) && d.First { // it can confirm nothing yet
			if err := c.Sessions.SignOut(r.Context(), r.token); err != nil {
				return err
			}
			http.Redirect(w, r.Request, "/login", http.StatusSeeOther)
			return nil
		}
		return err
	}
	d.QR = pictureOf(d.URI)
	return c.render(w, r, status, "secondfactor", "Set up a second factor", d)
}

func (c *console) enrol(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	s, recovery, err := c.Sessions.ConfirmTOTP(r.Context(), r.token, r.PostForm.Get("code"), c.from(r))
	var throttled *session.ThrottledError
	switch {
	case errors.Is(err, session.ErrCode):
		return c.showEnrol(w, r, http.StatusUnprocessableEntity,
			"The code did not fit. There is a new secret now: remove the old entry from the authenticator, add this one, and check that the clock of your phone is right.")
	case errors.As(err, &throttled):
		return err
	case err != nil:
		return err
	}
	c.signedIn(w, s)
	if len(recovery) == 0 {
		http.Redirect(w, r.Request, "/account", http.StatusSeeOther)
		return nil
	}
	return c.showRecovery(w, r, recovery)
}

// recoveryData is codes that are shown once, and where it goes on from there.
type recoveryData struct {
	Codes []string
	Next  string
}

// showRecovery shows new codes. Who sets up a first factor came for something else.
func (c *console) showRecovery(w http.ResponseWriter, r *request, codes []string) error {
	d := recoveryData{Codes: codes, Next: "/account"}
	if !r.principal.Ready() {
		d.Next = "/"
	}
	return c.render(w, r, http.StatusOK, "recovery", "Recovery codes", d)
}

// confirmData is what the page to confirm who one is shows.
type confirmData struct {
	Next, Problem, Operator string
	Password, Code          bool
	Passkeys                int
}

func (c *console) confirmPage(w http.ResponseWriter, r *request) error {
	return c.showConfirm(w, r, http.StatusOK, localPath(r.URL.Query().Get("next")), "")
}

func (c *console) showConfirm(w http.ResponseWriter, r *request, status int, next, problem string) error {
	own, err := c.Sessions.Own(r.Context(), r.principal)
	if err != nil {
		return err
	}
	d := confirmData{Next: next, Problem: problem, Operator: r.principal.Operator, Password: own.Account.Password}
	for _, f := range own.Factors {
		if f.Kind == "totp" {
			d.Code = true
		} else {
			d.Passkeys++
		}
	}
	d.Code = d.Code || own.Recovery > 0
	return c.render(w, r, status, "confirm", "Confirm who you are", d)
}

func (c *console) confirm(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	next := localPath(r.PostForm.Get("next"))
	err := c.Sessions.Confirm(r.Context(), r.token, r.PostForm.Get("password"), strings.TrimSpace(r.PostForm.Get("code")), c.from(r))
	var throttled *session.ThrottledError
	switch {
	case err == nil:
		http.Redirect(w, r.Request, next, http.StatusSeeOther)
		return nil
	case errors.Is(err, session.ErrCredentials):
		return c.showConfirm(w, r, http.StatusUnauthorized, next, "The password is wrong.")
	case errors.Is(err, session.ErrCode):
		return c.showConfirm(w, r, http.StatusUnauthorized, next, sentence(session.ErrCode.Error()))
	case errors.Is(err, control.ErrStale):
		return c.showConfirm(w, r, http.StatusUnauthorized, next, "There is nothing here to confirm with: sign out, and sign in again.")
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retrySeconds(throttled))
		return c.showConfirm(w, r, http.StatusTooManyRequests, next, sentence(throttled.Error()))
	}
	return err
}

// ownData is what the page of one's own account shows.
type ownData struct {
	session.Own
	// Current is the id of the session that asks.
	Current string
	// Token is a new API token, which is shown once.
	Token, Problem string
	// Required says that a second factor must be there.
	Lives []tokenLife
}

// tokenLife is how long a token may be good.
type tokenLife struct {
	Days int
	Name string
}

func tokenLives() []tokenLife {
	return []tokenLife{{7, "7 days"}, {30, "30 days"}, {90, "90 days"}, {365, "a year"}}
}

func (c *console) accountPage(w http.ResponseWriter, r *request) error {
	return c.showAccount(w, r, http.StatusOK, "", "")
}

func (c *console) showAccount(w http.ResponseWriter, r *request, status int, token, told string) error {
	own, err := c.Sessions.Own(r.Context(), r.principal)
	if err != nil {
		return err
	}
	return c.render(w, r, status, "account", "Your account", ownData{Own: own, Current: r.principal.Session, Token: token, Problem: told, Lives: tokenLives()})
}

func (c *console) factorRemove(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	s, err := c.Sessions.RemoveFactor(r.Context(), r.token, r.PostForm.Get("id"), c.from(r))
	if err != nil {
		return err
	}
	return c.welcome(w, r, s, "/account")
}

func (c *console) recoveryRenew(w http.ResponseWriter, r *request) error {
	codes, err := c.Sessions.RenewRecovery(r.Context(), r.token, c.from(r))
	if err != nil {
		return err
	}
	return c.showRecovery(w, r, codes)
}

func (c *console) sessionEnd(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if _, err := c.Sessions.Revoke(r.Context(), r.principal, r.PostForm.Get("id")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/account#sessions", http.StatusSeeOther)
	return nil
}

// tokenForm reads the form of an API token.
func (c *console) tokenForm(r *request) (access.APIToken, error) {
	if err := r.ParseForm(); err != nil {
		return access.APIToken{}, badForm(err)
	}
	t := access.APIToken{Name: r.PostForm.Get("name")}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil || !slices.ContainsFunc(tokenLives(), func(l tokenLife) bool { return l.Days == days }) {
		return access.APIToken{}, problem(http.StatusUnprocessableEntity, "This can't be done", "Choose how long the token is good.")
	}
	t.Expires = c.Now().AddDate(0, 0, days)
	for _, p := range r.PostForm["permission"] {
		t.Limits = append(t.Limits, access.Permission(p))
	}
	return t, nil
}

func (c *console) ownTokenCreate(w http.ResponseWriter, r *request) error {
	t, err := c.tokenForm(r)
	if err != nil {
		return err
	}
	_, text, err := c.Sessions.CreateToken(r.Context(), r.principal, t)
	if errors.Is(err, control.ErrInvalid) {
		return c.showAccount(w, r, http.StatusUnprocessableEntity, "", mistake(err))
	}
	if err != nil {
		return err
	}
	return c.showAccount(w, r, http.StatusCreated, text, "")
}

func (c *console) ownTokenRevoke(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if err := c.Sessions.RevokeToken(r.Context(), r.principal, r.PostForm.Get("id")); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/account#tokens", http.StatusSeeOther)
	return nil
}

// mistake is what a refusal says to people, without what the program was doing.
func mistake(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, access.ErrInvalid.Error()+": "); i >= 0 {
		text = text[i+len(access.ErrInvalid.Error())+2:]
	}
	return sentence(text)
}
