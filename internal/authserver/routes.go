package authserver

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
)

// What one address may do in a minute.
const (
	// failuresPerClient are failed attempts in the name of one client.
	failuresPerClient = 10
	// failuresPerAddress are all failed attempts.
	failuresPerAddress = 30
	// loginsPerAddress are the times that signing in is begun.
	loginsPerAddress = 60
)

// source is the address of whoever sent a request, as it is counted: of IPv6 the
// network of 64 bits, for one host has all of its addresses.
func (s *Server) source(r *http.Request) string {
	text := s.o.Address(r)
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Unmap().Is4() {
		return text
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
}

// routes are all addresses of the server.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
		mux.HandleFunc("GET "+s.base+"/.well-known/"+name, s.serveMetadata)
		if s.base != "" { // RFC 8414 §3.1 puts the path of the issuer behind
			mux.HandleFunc("GET /.well-known/"+name+s.base, s.serveMetadata)
		}
	}
	mux.HandleFunc("GET "+s.base+"/jwks", s.serveKeys)
	mux.HandleFunc("GET "+s.base+"/authorize", s.serveAuthorize)
	mux.HandleFunc("GET "+s.base+"/callback", s.serveCallback)
	mux.HandleFunc("POST "+s.base+"/consent", s.serveConsent)
	mux.HandleFunc("POST "+s.base+"/token", s.forClients(true, s.token))
	mux.HandleFunc("POST "+s.base+"/introspect", s.forClients(false, s.introspect))
	mux.HandleFunc("POST "+s.base+"/revoke", s.forClients(true, s.revoke))
	return mux
}

// answering makes the answer to an authenticated client.
type answering func(ctx context.Context, c Client, p parameters) (any, error)

// forClients serves an endpoint that clients call: it counts failures, reads the
// form and authenticates. Programs in browsers may read the answers where open
// says so: no cookie plays a part.
func (s *Server) forClients(open bool, answer answering) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if open {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		p, err := readForm(w, r)
		if err != nil {
			s.writeRefusal(w, r, err)
			return
		}
		body, err := s.counted(r, p, answer)
		if err != nil {
			s.writeRefusal(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, body)
	}
}

// counted answers unless too many attempts failed before, and counts a failure.
func (s *Server) counted(r *http.Request, p parameters, answer answering) (any, error) {
	ctx, address := r.Context(), s.source(r)
	shown, err := credentials(r, p)
	windows := []struct {
		key   string
		limit int64
	}{{"address " + address, failuresPerAddress}, {"client " + secretHash(shown.id) + " " + address, failuresPerClient}}
	for _, one := range windows {
		if err := s.room(ctx, one.key, 0, one.limit); err != nil {
			return nil, err
		}
	}
	var body any
	if err == nil {
		var client Client
		if client, err = s.authenticate(ctx, shown); err == nil {
			body, err = answer(ctx, client, p)
		}
	}
	if err == nil {
		return body, nil
	}
	if e := s.refusedBy(r, err); e.status == http.StatusUnauthorized || e.code == "invalid_grant" {
		for _, one := range windows {
			_ = s.room(ctx, one.key, 1, one.limit) // this attempt has its answer
		}
		return nil, e
	}
	return nil, err
}

// room charges n to a window of a minute, and refuses when nothing was left of
// it. Who can't be counted is refused.
func (s *Server) room(ctx context.Context, key string, n, limit int64) error {
	left, err := s.o.Failures.Charge(ctx, key, n, []sharedstate.Limit{{Max: limit, Period: time.Minute}})
	if err != nil {
		return err
	}
	if !left.OK {
		return &refused{status: http.StatusTooManyRequests, code: "temporarily_unavailable", description: "too many attempts; try again later", retry: left.Reset}
	}
	return nil
}

// serveKeys answers with our public keys (RFC 7517).
func (s *Server) serveKeys(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "public, max-age="+strconv.FormatInt(seconds(jwksLife), 10))
	writeJSON(w, http.StatusOK, map[string]any{"keys": s.keys.published()})
}

// serveMetadata tells what the server can do (RFC 8414, OpenID Connect Discovery).
func (s *Server) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	at := func(path string) string { return s.o.Issuer + path }
	secrets := []string{"client_secret_basic", "client_secret_post"}
	all := append(secrets[:2:2], "none")
	body := map[string]any{
		"issuer": s.o.Issuer, "jwks_uri": at("/jwks"),
		"token_endpoint": at("/token"), "token_endpoint_auth_methods_supported": all,
		"introspection_endpoint": at("/introspect"), "introspection_endpoint_auth_methods_supported": secrets,
		"revocation_endpoint": at("/revoke"), "revocation_endpoint_auth_methods_supported": all,
		"grant_types_supported":    []Grant{ClientCredentials},
		"response_types_supported": []string{},
	}
	if s.o.Upstream != nil {
		for name, value := range map[string]any{
			"authorization_endpoint": at("/authorize"),
			"grant_types_supported":  []Grant{AuthorizationCode, RefreshToken, ClientCredentials},
			"scopes_supported":       []string{openID}, "response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
			"code_challenge_methods_supported":               []string{"S256"},
			"authorization_response_iss_parameter_supported": true,
			"subject_types_supported":                        []string{"public"},
			"id_token_signing_alg_values_supported":          []string{s.o.Algorithm},
			"claims_supported":                               []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr"},
			"prompt_values_supported":                        []string{"login", "select_account", "consent"},
			"request_parameter_supported":                    false, "request_uri_parameter_supported": false,
		} {
			body[name] = value
		}
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "public, max-age="+strconv.FormatInt(seconds(jwksLife), 10))
	writeJSON(w, http.StatusOK, body)
}
