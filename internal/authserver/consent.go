package authserver

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/store"
)

//go:embed templates
var templates embed.FS

// pages are what people see of the server: two pages without a script.
type pages struct {
	all   *template.Template
	style template.CSS
	// stylePolicy allows this style and no other.
	stylePolicy string
}

func newPages() (*pages, error) {
	all, err := template.ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	style, err := templates.ReadFile("templates/style.css")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	sum := sha256.Sum256(style)
	return &pages{
		all, template.CSS(style), //nolint:gosec // our own file
		"'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	}, nil
}

// pageHeaders are those of everything that a browser shows or follows.
func pageHeaders(w http.ResponseWriter) {
	for name, value := range map[string]string{
		"Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
	} {
		w.Header().Set(name, value)
	}
}

// show writes a page; forms may lead to the targets.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, name, targets string, data map[string]any) {
	data["Style"] = s.pages.style
	var page strings.Builder
	if err := s.pages.all.ExecuteTemplate(&page, name, data); err != nil {
		s.o.Log.Error("a page can't be made", "path", r.URL.Path, "error", err)
		http.Error(w, "The page can't be shown.", http.StatusInternalServerError)
		return
	}
	pageHeaders(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src "+s.pages.stylePolicy+"; form-action "+targets)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page.String())) // whoever went away reads nothing
}

// errorPage tells a person what nobody may be redirected for.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, err error) {
	e := s.refusedBy(r, err)
	s.show(w, r, e.status, "error.html", "'none'", map[string]any{"What": e.description, "Code": e.code})
}

// agreed tells whether the person agreed before to all that is asked for. A
// program on somebody's device could be any program (RFC 8252 §8.6): for one
// the question is put each time.
func (s *Server) agreed(ctx context.Context, c Client, q request, who person) (bool, error) {
	if slices.Contains(q.Prompt, "consent") || c.Public && !strings.HasPrefix(q.RedirectURI, "https://") {
		return false, nil
	}
	before, err := consent(ctx, s.o.DB.Read(), q, who)
	return before != nil && within(q.Scopes, before), err
}

// consent are the scopes that the person granted before, nil when never asked.
func consent(ctx context.Context, r store.Reader, q request, who person) ([]string, error) {
	var scope string
	err := r.QueryRow(ctx, "SELECT scope FROM authserver_consents WHERE subject = ? AND client_id = ? AND audience = ?",
		who.Subject, q.ClientID, strings.Join(q.Audience, " ")).Scan(&scope)
	if errors.Is(err, store.ErrNoRows) {
		return nil, nil
	}
	return append([]string{}, fields(scope)...), err
}

// remember adds what the person agreed to.
func (s *Server) remember(ctx context.Context, q request, who person) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		all, err := consent(ctx, tx.Reader, q, who)
		if err != nil {
			return err
		}
		for _, one := range q.Scopes {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO authserver_consents (subject, client_id, audience, scope, at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (subject, client_id, audience) DO UPDATE SET scope = excluded.scope, at = excluded.at`,
			who.Subject, q.ClientID, strings.Join(q.Audience, " "), strings.Join(all, " "), s.o.Now().UnixMilli())
		return err
	})
}

// askConsent shows who asks for what.
func (s *Server) askConsent(w http.ResponseWriter, r *http.Request, c Client, q request, who person, browser string) {
	text, err := json.Marshal(who)
	if err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	state, err := s.addLogin(r.Context(), browser, q, string(text))
	if err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	name := c.Name
	if name == "" {
		name = c.ID
	}
	s.show(w, r, http.StatusOK, "consent.html", "'self' "+formTargets(q.RedirectURI), map[string]any{
		"Client": name, "ID": c.ID, "Person": who.Subject, "Scopes": q.Scopes, "Audience": q.Audience,
		"To": formTargets(q.RedirectURI), "Action": s.base + "/consent", "Request": state,
		"Refreshes": c.may(RefreshToken),
	})
}

// serveConsent takes the person's answer. The request's name is known to the page
// alone, and holds in the browser that was shown it: no other site can answer.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) {
	p, err := readForm(w, r)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	q, who, ok, err := s.takeLogin(r.Context(), p.get("request"), browserOf(r), true)
	if err != nil || !ok {
		s.errorPage(w, r, notBegun(err))
		return
	}
	if p.get("answer") != "allow" {
		s.redirectError(w, r, q, refusal("access_denied", "the person did not agree"))
		return
	}
	if _, known := s.o.Clients.Client(r.Context(), q.ClientID); !known {
		s.errorPage(w, r, refusal("invalid_client", "The application may not have access any more."))
		return
	}
	if err := s.remember(r.Context(), q, who); err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	s.grantTo(w, r, q, who)
}

// formTargets are the places that the form of the consent page may lead to.
func formTargets(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}
