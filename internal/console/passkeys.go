package console

import (
	"encoding/json"
	"errors"
	"net/http"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
	"farrier.dev/farrier/internal/control/sso"
)

// passkeyRoutes ask browsers for passkeys and take their answers. The script of the
// pages asks, a form brings the answer.
func (c *console) passkeyRoutes() []route {
	return []route{
		{"POST /login/passkey/options", everyone, c.passkeyAsk},
		{"POST /login/passkey", everyone, c.passkeySignIn},
		{"POST /passkeys/options", unfinished, c.passkeyNew},
		{"POST /passkeys", unfinished, c.passkeyAdd},
		{"POST /confirm/passkey/options", operators, c.passkeyAskAgain},
		{"POST /confirm/passkey", operators, c.passkeyConfirm},
	}
}

// question writes what the script hands to the browser.
func (c *console) question(w http.ResponseWriter, q sso.Question, err error) error {
	if err != nil {
		return passkeyProblem(err)
	}
	text, err := json.Marshal(q)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
	return nil
}

// passkeyProblem is what people read of a refusal; other errors stay.
func passkeyProblem(err error) error {
	switch {
	case errors.Is(err, sso.ErrHost):
		return problem(http.StatusUnprocessableEntity, "Passkeys need a host name",
			"Browsers have no passkeys for a bare address. On the machine itself open the console as http://localhost, elsewhere by its host name over https.")
	case errors.Is(err, sso.ErrCeremony):
		return problem(http.StatusUnprocessableEntity, "This took too long", "The question was answered too late, or twice. Try again.")
	case errors.Is(err, sso.ErrUnknown):
		return problem(http.StatusUnprocessableEntity, "This passkey is not known here", "It may have been removed, or belong to another address of the console. Choose another one, or sign in by password and register it again.")
	case errors.Is(err, sso.ErrPasskey):
		return problem(http.StatusUnprocessableEntity, "The passkey could not be accepted", "Its answer was not valid. Try again, or use another way to sign in.")
	case errors.Is(err, access.ErrTaken):
		return problem(http.StatusConflict, "This passkey is registered already", "One device can hold one passkey of an account.")
	case errors.Is(err, access.ErrStale):
		return control.ErrStale
	case errors.Is(err, access.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, "This can't be done", mistake(err))
	}
	return err
}

// answerOf is what a form brings of a passkey.
func answerOf(r *request) (ceremony string, answer []byte, err error) {
	if err := r.ParseForm(); err != nil {
		return "", nil, badForm(err)
	}
	ceremony, answer = r.PostForm.Get("ceremony"), []byte(r.PostForm.Get("answer"))
	if len(answer) == 0 {
		return "", nil, problem(http.StatusUnprocessableEntity, "No passkey was used",
			"Passkeys need scripts, and a browser and device that have them. Allow scripts for this site, use another browser, or another way to sign in.")
	}
	return ceremony, answer, nil
}

func (c *console) passkeyAsk(w http.ResponseWriter, r *request) error {
	q, err := c.SSO.Ask(r.Context(), r.Host, c.halfOf(r))
	if errors.Is(err, session.ErrNoSession) { // of a second step that is over
		q, err = c.SSO.Ask(r.Context(), r.Host, "")
	}
	return c.question(w, q, err)
}

func (c *console) passkeySignIn(w http.ResponseWriter, r *request) error {
	ceremony, answer, err := answerOf(r)
	if err != nil {
		return err
	}
	next, half := localPath(r.PostForm.Get("next")), c.halfOf(r)
	if half != "" {
		if _, err := c.Sessions.Half(r.Context(), half); errors.Is(err, session.ErrNoSession) {
			half = ""
		}
	}
	s, err := c.SSO.SignIn(r.Context(), r.Host, half, ceremony, answer, c.from(r))
	if err != nil {
		told := passkeyProblem(err)
		var shown *problemError
		if !errors.As(told, &shown) {
			return told
		}
		c.Log.WarnContext(r.Context(), "a passkey was refused", "component", "console", "error", err)
		if half != "" {
			return c.showSecond(w, r, http.StatusUnauthorized, secondData{Next: next, Problem: shown.Error()})
		}
		return c.showLogin(w, r, http.StatusUnauthorized, loginData{Next: next, Operator: session.Operator, Problem: shown.Error()})
	}
	if half != "" {
		c.putCookie(w, c.cookieName()+"-half", "", -1)
	}
	return c.welcome(w, r, s, next)
}

func (c *console) passkeyNew(w http.ResponseWriter, r *request) error {
	q, err := c.SSO.Register(r.Context(), r.principal, r.Host)
	return c.question(w, q, err)
}

func (c *console) passkeyAdd(w http.ResponseWriter, r *request) error {
	ceremony, answer, err := answerOf(r)
	if err != nil {
		return err
	}
	s, recovery, err := c.SSO.Registered(r.Context(), r.principal, r.token, r.Host, r.PostForm.Get("name"), ceremony, answer, c.from(r))
	if err != nil {
		c.Log.WarnContext(r.Context(), "a passkey was not registered", "component", "console", "error", err)
		return passkeyProblem(err)
	}
	c.signedIn(w, s)
	if len(recovery) == 0 {
		http.Redirect(w, r.Request, "/account", http.StatusSeeOther)
		return nil
	}
	return c.showRecovery(w, r, recovery)
}

func (c *console) passkeyAskAgain(w http.ResponseWriter, r *request) error {
	q, err := c.SSO.AskAgain(r.Context(), r.principal, r.Host)
	return c.question(w, q, err)
}

func (c *console) passkeyConfirm(w http.ResponseWriter, r *request) error {
	ceremony, answer, err := answerOf(r)
	if err != nil {
		return err
	}
	if err := c.SSO.Confirm(r.Context(), r.principal, r.token, r.Host, ceremony, answer, c.from(r)); err != nil {
		c.Log.WarnContext(r.Context(), "a passkey was refused", "component", "console", "error", err)
		return passkeyProblem(err)
	}
	http.Redirect(w, r.Request, localPath(r.PostForm.Get("next")), http.StatusSeeOther)
	return nil
}
