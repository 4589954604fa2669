package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// What people who are signing in may take.
const (
	// loginsAtOnce are the people.
	loginsAtOnce = 50_000
	// queryLimit is the longest request, in bytes: it is kept meanwhile.
	queryLimit = 4 << 10
)

// request is what a client asks a person for (RFC 6749 §4.1.1). It is complete
// and allowed.
type request struct {
	ClientID    string   `json:"client"`
	RedirectURI string   `json:"redirect"`
	State       string   `json:"state,omitempty"`
	Challenge   string   `json:"challenge"`
	Nonce       string   `json:"nonce,omitempty"`
	Scopes      []string `json:"scopes"`
	Audience    []string `json:"audience"`
	// Prompt and MaxAge are those of OpenID Connect Core §3.1.2.1; a MaxAge below
	// 0 was not sent.
	Prompt []string `json:"prompt,omitempty"`
	MaxAge int64    `json:"maxAge"`
}

// asker is the client and the address to which answers may go. When either is
// wrong nobody is redirected: the address could be anybody's.
func (s *Server) asker(ctx context.Context, p parameters) (Client, request, error) {
	if slices.Contains(p.repeated, "client_id") || slices.Contains(p.repeated, "redirect_uri") {
		return Client{}, request{}, refusal("invalid_request", "The application sent its name or address twice.")
	}
	c, known := s.o.Clients.Client(ctx, p.get("client_id"))
	if !known {
		return Client{}, request{}, refusal("invalid_client", "The application is not known here, or may not have access at present.")
	}
	q := request{ClientID: c.ID, RedirectURI: p.get("redirect_uri")}
	if q.RedirectURI == "" || !c.redirects(q.RedirectURI) {
		return Client{}, request{}, refusal("invalid_request", "The application wants the answer at an address that is not registered for it.")
	}
	if !slices.Contains(p.repeated, "state") {
		q.State = p.get("state")
	}
	return c, q, nil
}

// complete reads the rest of a request; what is wrong goes back to the client.
func (s *Server) complete(c Client, q *request, p parameters) (err error) {
	switch method, asked := p.get("code_challenge_method"), p.get("code_challenge"); {
	case len(p.repeated) > 0:
		return refusal("invalid_request", "a parameter is repeated")
	case p.get("request") != "":
		return refusal("request_not_supported", "request objects are not supported")
	case p.get("request_uri") != "":
		return refusal("request_uri_not_supported", "request objects are not supported")
	case p.get("response_type") == "":
		return refusal("invalid_request", "response_type is missing")
	case p.get("response_type") != "code":
		return refusal("unsupported_response_type", "response_type must be code")
	case p.get("response_mode") != "" && p.get("response_mode") != "query":
		return refusal("invalid_request", "response_mode must be query")
	case !c.may(AuthorizationCode):
		return refusal("unauthorized_client", "this client may not use this grant")
	case s.o.Upstream == nil:
		return refusal("unsupported_response_type", "this server has no upstream identity provider, so nobody can sign in")
	case asked == "":
		return refusal("invalid_request", "code_challenge is missing: PKCE is required")
	case method != "S256":
		return refusal("invalid_request", "code_challenge_method must be S256")
	default:
		if raw, err := coding.Strict().DecodeString(asked); err != nil || len(raw) != 32 {
			return refusal("invalid_request", "code_challenge is not a SHA-256 in base64url")
		}
		q.Challenge, q.Nonce = asked, p.get("nonce")
	}
	if q.Scopes, err = c.scope(p.get("scope")); err != nil {
		return err
	}
	if q.Audience, err = c.audience(p.resources()); err != nil {
		return err
	}
	return q.person(p)
}

// person reads what OpenID Connect adds about signing in.
func (q *request) person(p parameters) error {
	q.Prompt, q.MaxAge = fields(p.get("prompt")), -1
	for _, one := range q.Prompt {
		switch one {
		case "login", "select_account", "consent":
		case "none":
			return refusal("login_required", "nobody can be signed in without a page")
		default:
			return refusal("invalid_request", "prompt is none that this server knows")
		}
	}
	if text := p.get("max_age"); text != "" {
		age, err := strconv.ParseInt(text, 10, 32)
		if err != nil || age < 0 {
			return refusal("invalid_request", "max_age is not a number of seconds")
		}
		q.MaxAge = age
	}
	return nil
}

// serveAuthorize is the authorization endpoint: it sends people to the upstream
// provider.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	p, err := parseParameters(r.URL.RawQuery)
	if err != nil || len(r.URL.RawQuery) > queryLimit {
		s.errorPage(w, r, refusal("invalid_request", "The address of this page can't be read, or is too long."))
		return
	}
	c, q, err := s.asker(r.Context(), p)
	if err != nil {
		s.errorPage(w, r, err)
		return
	}
	if err := s.complete(c, &q, p); err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	if err := s.begin(r.Context(), s.source(r)); err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	browser := s.browser(w, r)
	state, err := s.addLogin(r.Context(), browser, q, "")
	if err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	to, err := s.upstream.signInURL(r.Context(), q, state, browser)
	if err != nil {
		s.o.Log.Error("the upstream identity provider can't be used", "issuer", s.o.Upstream.Issuer, "error", err)
		s.redirectError(w, r, q, refusal("temporarily_unavailable", "the identity provider does not answer"))
		return
	}
	pageHeaders(w)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// begin bounds how often people begin to sign in.
func (s *Server) begin(ctx context.Context, address string) error {
	if err := s.room(ctx, "login "+address, 1, loginsPerAddress); err != nil {
		return err
	}
	var n int
	if err := s.o.DB.Read().QueryRow(ctx, "SELECT COUNT(*) FROM authserver_logins").Scan(&n); err != nil {
		return err
	}
	if n >= loginsAtOnce {
		return refusal("temporarily_unavailable", "too many people are signing in")
	}
	return nil
}

// cookie names the browser that begins and ends a sign-in. The prefix makes
// browsers refuse one that was not set by this host over TLS.
const cookie = "__Host-farrier-auth"

// browser is the secret of a browser, made when it has none.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	if have := browserOf(r); have != "" {
		return have
	}
	token, _ := secret.NewToken()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return token
}

func browserOf(r *http.Request) string {
	c, err := r.Cookie(cookie)
	if err != nil || len(c.Value) != 43 {
		return ""
	}
	return c.Value
}

// addLogin keeps a request while a person signs in (who is empty) or agrees, and
// returns what finds it again.
func (s *Server) addLogin(ctx context.Context, browser string, q request, who string) (string, error) {
	state, _ := secret.NewToken()
	text, err := json.Marshal(q)
	if err != nil {
		return "", fmt.Errorf("writing a request: %w", err)
	}
	return state, s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO authserver_logins (hash, browser_hash, request, person, expires_at) VALUES (?, ?, ?, ?, ?)",
			secretHash(state), secretHash(browser), string(text), who, s.o.Now().Add(LoginLife).UnixMilli())
		return err
	})
}

// takeLogin finds a request by its state in the browser that began it, once.
func (s *Server) takeLogin(ctx context.Context, state, browser string, agreeing bool) (q request, who person, ok bool, err error) {
	if state == "" || browser == "" {
		return q, who, false, nil
	}
	var text, personText string
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var expires int64
		err := tx.QueryRow(ctx, "SELECT request, person, expires_at FROM authserver_logins WHERE hash = ? AND browser_hash = ?",
			secretHash(state), secretHash(browser)).Scan(&text, &personText, &expires)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = s.o.Now().UnixMilli() < expires && (personText != "") == agreeing
		if !ok {
			return nil
		}
		_, err = tx.Exec(ctx, "DELETE FROM authserver_logins WHERE hash = ?", secretHash(state))
		return err
	})
	if err != nil || !ok {
		return q, who, false, err
	}
	if agreeing {
		err = json.Unmarshal([]byte(personText), &who)
	}
	return q, who, true, errors.Join(err, json.Unmarshal([]byte(text), &q))
}

// redirectBack answers the client by way of the browser (RFC 6749 §4.1.2,
// RFC 9207).
func redirectBack(w http.ResponseWriter, issuer string, q request, answer url.Values) {
	answer.Set("iss", issuer)
	if q.State != "" {
		answer.Set("state", q.State)
	}
	joint := "?"
	if strings.Contains(q.RedirectURI, "?") {
		joint = "&"
	}
	pageHeaders(w)
	w.Header().Set("Location", q.RedirectURI+joint+answer.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

func (s *Server) redirectError(w http.ResponseWriter, r *http.Request, q request, err error) {
	e := s.refusedBy(r, err)
	redirectBack(w, s.o.Issuer, q, url.Values{"error": {e.code}, "error_description": {e.description}})
}

// grantTo ends a sign-in: the client gets its code.
func (s *Server) grantTo(w http.ResponseWriter, r *http.Request, q request, who person) {
	code, err := s.addGrant(r.Context(), q, who)
	if err != nil {
		s.redirectError(w, r, q, err)
		return
	}
	redirectBack(w, s.o.Issuer, q, url.Values{"code": {code}})
}

// old tells whether the time of signing in is not known, or further back than the
// client allows; clocks may differ by a minute.
func (q *request) old(who person, now time.Time) bool {
	return q.MaxAge >= 0 && (who.AuthTime == 0 || now.Unix()-who.AuthTime > q.MaxAge+60)
}
