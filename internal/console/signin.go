package console

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
)

// loginData is what the sign-in page shows.
type loginData struct {
	// Token is that of a one-time link, which a button redeems: programs that
	// only look at a link must not use it up.
	Token string
	// Next is where to go afterwards.
	Next string
	// Fresh says that nobody has set a password yet.
	Fresh    bool
	Operator string
	Problem  string
}

func (c *console) loginPage(w http.ResponseWriter, r *request) error {
	return c.showLogin(w, r, http.StatusOK, loginData{
		Token: r.URL.Query().Get("token"), Next: localPath(r.URL.Query().Get("next")), Operator: session.Operator,
	})
}

func (c *console) showLogin(w http.ResponseWriter, r *request, status int, data loginData) error {
	known, err := c.Sessions.HasPassword(r.Context())
	if err != nil {
		return err
	}
	data.Fresh = !known
	return c.render(w, r, status, "login", "Sign in", data)
}

func (c *console) login(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	next := localPath(r.PostForm.Get("next"))
	operator := r.PostForm.Get("operator")
	s, err := c.Sessions.SignIn(r.Context(), operator, r.PostForm.Get("password"), c.from(r))
	switch {
	case err == nil && s.Half != "":
		c.setHalf(w, s)
		http.Redirect(w, r.Request, withNext("/login/second", next), http.StatusSeeOther)
		return nil
	case err == nil:
		return c.welcome(w, r, s, next)
	}
	return c.tellLogin(w, r, err, loginData{Next: next, Operator: session.Operator})
}

// redeem signs in with a one-time link.
func (c *console) redeem(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	next := localPath(r.PostForm.Get("next"))
	s, _, err := c.Sessions.Redeem(r.Context(), r.PostForm.Get("token"), c.from(r))
	if err == nil {
		// Whoever comes by a link has no password or has forgotten it.
		return c.welcome(w, r, s, "/password")
	}
	return c.tellLogin(w, r, err, loginData{Next: next, Operator: session.Operator})
}

// tellLogin shows a refusal on the sign-in page; other errors go on.
func (c *console) tellLogin(w http.ResponseWriter, r *request, err error, data loginData) error {
	var throttled *session.ThrottledError
	status := http.StatusUnauthorized
	switch {
	case errors.Is(err, session.ErrCredentials):
		data.Problem = "The operator or the password is wrong."
	case errors.Is(err, session.ErrLink):
		data.Problem = "This sign-in link is not valid any more. Run “farrier login-link” for a new one."
	case errors.As(err, &throttled):
		status = http.StatusTooManyRequests
		data.Problem = throttled.Error() + "."
		w.Header().Set("Retry-After", retrySeconds(throttled))
	default:
		return err
	}
	if len(errs(err)) > 1 { // a refusal that could not be written down
		c.Log.ErrorContext(r.Context(), "a refused sign-in", "component", "console", "error", err)
	}
	return c.showLogin(w, r, status, data)
}

// errs are the errors that were joined, nil for a single one.
func errs(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return nil
}

func (c *console) welcome(w http.ResponseWriter, r *request, s session.Session, to string) error {
	c.signedIn(w, s)
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
	return nil
}

// passwordData is what the page to set a password shows.
type passwordData struct {
	// First says that there is no password yet.
	First    bool
	Operator string
	Problem  string
}

func (c *console) passwordPage(w http.ResponseWriter, r *request) error {
	return c.showPassword(w, r, http.StatusOK, "")
}

func (c *console) showPassword(w http.ResponseWriter, r *request, status int, told string) error {
	return c.render(w, r, status, "password", "Set a password", passwordData{
		First: r.principal.Unfinished == access.MustSetPassword, Operator: r.principal.Operator, Problem: told,
	})
}

func (c *console) setPassword(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	next := r.PostForm.Get("password")
	if next != r.PostForm.Get("again") {
		return c.showPassword(w, r, http.StatusUnprocessableEntity, "The two passwords are not the same.")
	}
	s, err := c.Sessions.SetPassword(r.Context(), r.token, r.PostForm.Get("current"), next, c.from(r))
	var throttled *session.ThrottledError
	switch {
	case err == nil:
		return c.welcome(w, r, s, "/")
	case errors.Is(err, session.ErrPassword):
		return c.showPassword(w, r, http.StatusUnprocessableEntity, sentence(err.Error()))
	case errors.Is(err, session.ErrCredentials):
		return c.showPassword(w, r, http.StatusUnprocessableEntity, "The current password is wrong.")
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", retrySeconds(throttled))
		return c.showPassword(w, r, http.StatusTooManyRequests, sentence(throttled.Error()))
	}
	return err
}

func (c *console) logout(w http.ResponseWriter, r *request) error {
	leaving, elsewhere := c.leaving(r)
	if err := c.Sessions.SignOut(r.Context(), r.token); err != nil {
		return err
	}
	c.setCookie(w, "", 0)
	if elsewhere {
		r.principal = control.Principal{}
		return c.render(w, r, http.StatusOK, "leaving", "Signed out", leaving)
	}
	http.Redirect(w, r.Request, "/login", http.StatusSeeOther)
	return nil
}

// badForm says that a form could not be read.
func badForm(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return problem(http.StatusBadRequest, "The form could not be read", "Open the page again and repeat what you did.")
}

// retrySeconds is how long to wait, in whole seconds.
func retrySeconds(t *session.ThrottledError) string {
	return strconv.Itoa(int(math.Ceil(t.RetryAfter.Seconds())))
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
