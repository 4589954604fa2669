package console

import (
	"errors"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/sso"
)

// maxSAMLBody is the greatest form with a SAML message: base64 makes four bytes of
// three, and forms three of some.
const maxSAMLBody = sso.MaxMessage * 2

// samlRoutes lead back from SAML providers.
func (c *console) samlRoutes() []route {
	return []route{
		{"GET /sso/{name}/metadata", everyone, c.samlMetadata},
		{"POST /sso/{name}/acs", everyone, c.samlConsume},
		{"POST /sso/{name}/finish", everyone, c.samlFinish},
		{"GET /sso/{name}/slo", everyone, c.samlLogout},
		{"POST /sso/{name}/slo", everyone, c.samlLogout},
	}
}

// fromElsewhere tells the only changes that the page of another site may ask for. They
// look at no cookie: what is posted must be signed, or is only handed to a page of our
// own.
func fromElsewhere(r *http.Request) bool {
	rest, found := strings.CutPrefix(r.URL.Path, "/sso/")
	name, what, _ := strings.Cut(rest, "/")
	return found && r.Method == http.MethodPost && name != "" && (what == "acs" || what == "slo")
}

// samlPath tells the addresses that take long messages.
func samlPath(path string) bool {
	rest, found := strings.CutPrefix(path, "/sso/")
	return found && (strings.HasSuffix(rest, "/acs") || strings.HasSuffix(rest, "/finish") || strings.HasSuffix(rest, "/slo"))
}

func (c *console) samlMetadata(w http.ResponseWriter, r *request) error {
	text, err := c.SSO.Metadata(r.PathValue("name"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(text) // the client has gone away; there is nobody to tell
	return nil
}

// samlForm is what a provider's page posts.
type samlForm struct{ Action, Response, Relay string }

// samlConsume takes what a provider's page posts (the assertion consumer service).
// With a POST from another site the browser sends no cookie, so that nobody can tell
// yet whether it began this sign-in. A page of our own posts it once more, as a
// request of this site: with the cookie.
func (c *console) samlConsume(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	if !c.SSO.SAML(r.PathValue("name")) {
		return control.ErrNotFound
	}
	return c.render(w, r, http.StatusOK, "samlreturn", "Opening the console", samlForm{
		"/sso/" + r.PathValue("name") + "/finish", r.PostForm.Get("SAMLResponse"), r.PostForm.Get("RelayState"),
	})
}

func (c *console) samlFinish(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	s, next, err := c.SSO.FinishPosted(r.Context(), r.PathValue("name"), r.PostForm.Get("SAMLResponse"), r.PostForm.Get("RelayState"), c.flow(r), c.from(r))
	return c.ssoFinished(w, r, s, next, err)
}

// samlLogout takes a provider's request to end sessions, and its answer to ours.
func (c *console) samlLogout(w http.ResponseWriter, r *request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	form := r.PostForm
	if r.Method == http.MethodGet {
		form = nil
	}
	next, ended, err := c.SSO.LogOut(r.Context(), r.PathValue("name"), r.URL.RawQuery, form)
	if errors.Is(err, sso.ErrAnswer) || errors.Is(err, sso.ErrUnreachable) || errors.Is(err, sso.ErrDenied) {
		c.Log.WarnContext(r.Context(), "a logout message was refused", "component", "console", "provider", logged(r.PathValue("name")), "error", err)
		return problem(http.StatusBadRequest, "This ends no session", "The message of the identity provider could not be accepted. The log of Farrier says what is wrong with it.")
	}
	if err != nil {
		return err
	}
	c.Log.InfoContext(r.Context(), "an identity provider ended sessions", "component", "console", "provider", logged(r.PathValue("name")), "sessions", ended)
	switch next {
	case "", "/login":
		return c.render(w, r, http.StatusOK, "onward", "Signed out", "/login")
	}
	http.Redirect(w, r.Request, next, http.StatusSeeOther)
	return nil
}
