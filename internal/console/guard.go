package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/session"
)

// The bounds of a request to the console.
const (
	maxBody = 64 << 10
	longest = 15 * time.Second
)

// contentPolicy lets a page load nothing but the console's own files.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// request is one request with who asks.
type request struct {
	*http.Request
	principal control.Principal
	token     string
}

// serve is the only way to a page: it sets the headers, and refuses foreign
// hosts, cross-site changes and large bodies before any route is looked for.
func (c *console) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if c.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	defer c.recovered(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	defer cancel()
	r = r.WithContext(ctx)
	limit := int64(maxBody)
	if strings.HasPrefix(r.URL.Path, managePath) {
		limit = maxManageBody
	}
	switch r.URL.Path {
	case editorPath:
		limit = maxEditorBody
	case uploadPath:
		limit = maxUploadBody
	}
	if strings.HasPrefix(r.URL.Path, secretsPath) {
		limit = maxSecretBody
	}
	if samlPath(r.URL.Path) {
		limit = maxSAMLBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	switch {
	case !c.knownHost(r.Host):
		c.fail(w, &request{Request: r}, problem(http.StatusMisdirectedRequest, "This is not the console's name",
			"The console does not answer under this host name. Open it by its configured address, or add the name to its hosts."))
	case c.crossSite.Check(r) != nil && !fromElsewhere(r):
		c.fail(w, &request{Request: r}, problem(http.StatusForbidden, "The request came from another site",
			"Changes are only accepted from the console's own pages. Open the page again and repeat what you did."))
	case !control.Readable(r.URL):
		c.fail(w, &request{Request: r}, problem(http.StatusBadRequest, "The address is no text",
			"The path and the query of an address must be UTF-8 text without NUL characters. Open the page again from the navigation."))
	default:
		c.mux.ServeHTTP(w, r)
	}
}

// recovered turns a panic into a page that tells nothing of it.
func (c *console) recovered(w http.ResponseWriter, r *http.Request) {
	switch what := recover(); what {
	case nil:
	case http.ErrAbortHandler:
		panic(what)
	default:
		c.fail(w, &request{Request: r}, fmt.Errorf("panic: %v\n%s", what, debug.Stack()))
	}
}

// knownHost says whether a Host header names the console.
func (c *console) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return c.hosts[host] || c.hosts[strings.TrimSuffix(host, ".")]
}

// admit asks who it is before a route's handler runs, and turns its error into
// an answer.
func (c *console) admit(rt route, allowed rule) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, plain *http.Request) {
		r := &request{Request: plain}
		if cookie, err := plain.Cookie(c.cookieName()); err == nil {
			r.token = cookie.Value
		}
		if rt.access != everyone {
			p, err := c.Sessions.Identify(plain.Context(), r.token)
			switch {
			case err != nil:
				c.refuse(w, r, err)
				return
			case !p.Ready() && rt.access == operators:
				if wantsPage(r) {
					http.Redirect(w, plain, firstSteps(p), http.StatusSeeOther)
					return
				}
				c.fail(w, r, control.ErrForbidden)
				return
			}
			p.Address = remote(r)
			r.principal = p
			if rt.access == operators {
				if err := allowed.admits(plain.Method, p); err != nil {
					c.refuse(w, r, err)
					return
				}
			}
		}
		if err := rt.handle(w, r); err != nil {
			c.refuse(w, r, err)
		}
	})
}

// refuse answers an error; who only has to sign in is led there.
func (c *console) refuse(w http.ResponseWriter, r *request, err error) {
	if errors.Is(err, control.ErrStale) && wantsPage(r) {
		http.Redirect(w, r.Request, withNext("/confirm", confirmedNext(r)), http.StatusSeeOther)
		return
	}
	if !errors.Is(err, session.ErrNoSession) || !wantsPage(r) {
		c.fail(w, r, err)
		return
	}
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// A strict cookie is not sent where another site's link leads. A page of
		// our own that goes on by itself makes it a request of this site.
		if err := c.render(w, r, http.StatusOK, "onward", "Opening the console", localPath(r.URL.RequestURI())); err != nil {
			c.fail(w, r, err)
		}
		return
	}
	to := "/login"
	if next := localPath(r.URL.RequestURI()); r.Method == http.MethodGet && next != "/" {
		to += "?next=" + url.QueryEscape(next)
	}
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
}

// wantsPage tells a browser that opens a page from a script or program.
func wantsPage(r *request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return strings.Contains(r.Header.Get("Accept"), "text/html") && (dest == "" || dest == "document")
}

// CookieName is the name of the cookie that holds a session. secure says that
// browsers speak HTTPS to the console: then it is bound to this host.
func CookieName(secure bool) string {
	if secure {
		return "__Host-farrier"
	}
	return "farrier"
}

func (c *console) cookieName() string { return CookieName(c.Secure) }

func (c *console) setCookie(w http.ResponseWriter, token string, age time.Duration) {
	cookie := &http.Cookie{
		Name: c.cookieName(), Value: token, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteStrictMode,
	}
	if age <= 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// remote is the address of the peer; invalid when it can't be read.
func remote(r *request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// localPath is a path of this console to go to, "/" for anything else.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(u.Path, "/login") {
		return "/"
	}
	return u.RequestURI()
}
