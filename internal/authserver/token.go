package authserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// openID is the scope that asks for an ID token.
const openID = "openid"

// tokens is the answer of the token endpoint (RFC 6749 §5.1).
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Scope   string `json:"scope,omitempty"`
	Refresh string `json:"refresh_token,omitempty"`
	ID      string `json:"id_token,omitempty"`
}

// token is the token endpoint.
func (s *Server) token(ctx context.Context, c Client, p parameters) (any, error) {
	asked := Grant(p.get("grant_type"))
	switch asked {
	case ClientCredentials, AuthorizationCode, RefreshToken:
	case "":
		return nil, refusal("invalid_request", "grant_type is missing")
	default:
		return nil, refusal("unsupported_grant_type", "grant_type is none that this server knows")
	}
	if !c.may(asked) {
		return nil, refusal("unauthorized_client", "this client may not use this grant_type")
	}
	switch asked {
	case AuthorizationCode:
		return s.redeem(ctx, c, p)
	case RefreshToken:
		return s.refresh(ctx, c, p)
	default:
		return s.clientCredentials(c, p)
	}
}

// clientCredentials issues a token to a client on its own account (RFC 6749 §4.4).
func (s *Server) clientCredentials(c Client, p parameters) (any, error) {
	if c.Public {
		return nil, refusal("unauthorized_client", "this client may not use this grant_type")
	}
	scope, err := c.scope(p.get("scope"))
	if err != nil {
		return nil, err
	}
	if slices.Contains(scope, openID) {
		if p.get("scope") != "" {
			return nil, refusal("invalid_scope", "openid is about a person, and there is none")
		}
		scope = slices.DeleteFunc(slices.Clone(scope), func(one string) bool { return one == openID })
	}
	aud, err := c.audience(p.resources())
	if err != nil {
		return nil, err
	}
	id, _ := secret.NewToken()
	return s.issue(accessClaims{Subject: c.ID, ClientID: c.ID, Audience: aud, Scope: strings.Join(scope, " "), ID: id})
}

// issue signs an access token.
func (s *Server) issue(claims accessClaims) (tokens, error) {
	claims.Issuer, claims.IssuedAt = s.o.Issuer, s.o.Now().Unix()
	claims.Expires = claims.IssuedAt + seconds(s.o.AccessTokenLife)
	access, err := s.sign(accessType, claims)
	if err != nil {
		return tokens{}, err
	}
	return tokens{Access: access, Type: "Bearer", Expires: seconds(s.o.AccessTokenLife), Scope: claims.Scope}, nil
}

// challenge is that of a verifier by the method S256 (RFC 7636 §4.6).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return coding.EncodeToString(sum[:])
}

// verifierIs says whether a verifier is well formed and the one of a challenge.
func verifierIs(verifier, of string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(challenge(verifier)), []byte(of)) == 1
}

// redeem gives tokens for a code (RFC 6749 §4.1.3). Any attempt of its client
// spends the code; a second one ends everything that the first brought.
func (s *Server) redeem(ctx context.Context, c Client, p parameters) (any, error) {
	for _, name := range []string{"code", "code_verifier"} {
		if p.get(name) == "" {
			return nil, refusal("invalid_request", name+" is missing")
		}
	}
	var g *grant
	var next string
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		k, err := takeCode(ctx, tx, secretHash(p.get("code")), c.ID, s.o.Now())
		if err != nil || k.grant == "" {
			return err
		}
		if k.reused {
			return s.endGrant(ctx, tx, k.grant)
		}
		if to := p.get("redirect_uri"); to != "" && to != k.redirect || !verifierIs(p.get("code_verifier"), k.challenge) {
			return nil
		}
		found, err := readGrant(ctx, tx.Reader, k.grant)
		if err != nil || !found.holds(s.o.Now()) {
			return err
		}
		g = &found
		if c.may(RefreshToken) {
			next, err = s.addRefresh(ctx, tx, g)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, invalidGrant()
	}
	return s.issueFor(c, g, p, next)
}

// issueFor gives the tokens of a grant: what the client asks for now, within what
// was granted and what the client may still have.
func (s *Server) issueFor(c Client, g *grant, p parameters, refresh string) (any, error) {
	scope, aud, err := g.narrowed(c, p)
	if err != nil {
		return nil, err
	}
	random, _ := secret.NewToken()
	claims := accessClaims{
		Subject: g.person.Subject, ClientID: c.ID, Audience: aud, Scope: strings.Join(scope, " "), ID: g.id + "." + random,
		AuthTime: g.person.AuthTime, ACR: g.person.ACR, AMR: g.person.AMR,
	}
	t, err := s.issue(claims)
	if err != nil {
		return nil, err
	}
	t.Refresh = refresh
	if slices.Contains(scope, openID) {
		now := s.o.Now().Unix()
		if t.ID, err = s.sign("JWT", idClaims{
			Issuer: s.o.Issuer, Subject: g.person.Subject, Audience: audience{c.ID}, IssuedAt: now, Expires: now + seconds(s.o.AccessTokenLife),
			AuthTime: g.person.AuthTime, Nonce: g.nonce, ACR: g.person.ACR, AMR: g.person.AMR, AtHash: accessTokenHash(t.Access),
		}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// refresh gives new tokens for a refresh token (RFC 6749 §6) and takes the old
// one away. One that comes twice was stolen from somebody: the grant ends.
func (s *Server) refresh(ctx context.Context, c Client, p parameters) (any, error) {
	if p.get("refresh_token") == "" {
		return nil, refusal("invalid_request", "refresh_token is missing")
	}
	var g *grant
	var next string
	var wrong error
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		old, err := readRefresh(ctx, tx.Reader, secretHash(p.get("refresh_token")))
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found, err := readGrant(ctx, tx.Reader, old.grant)
		switch {
		case err != nil:
			return err
		case found.client != c.ID:
			return nil
		case old.used:
			return s.endGrant(ctx, tx, found.id)
		case !found.holds(s.o.Now()) || !s.o.Now().Before(old.expires):
			return nil
		}
		// What can't be issued must not cost the token.
		if _, _, wrong = found.narrowed(c, p); wrong != nil {
			return nil //nolint:nilerr // told to the client below; nothing is to be undone
		}
		if _, err := tx.Exec(ctx, "UPDATE authserver_refresh SET used_at = ? WHERE hash = ?", s.o.Now().UnixMilli(), old.hash); err != nil {
			return err
		}
		g = &found
		next, err = s.addRefresh(ctx, tx, g)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case wrong != nil:
		return nil, wrong
	case g == nil:
		return nil, invalidGrant()
	}
	g.nonce = "" // it belongs to the first ID token alone
	return s.issueFor(c, g, p, next)
}

// addRefresh adds a refresh token to a grant. It ends with the grant.
func (s *Server) addRefresh(ctx context.Context, tx *store.Tx, g *grant) (string, error) {
	token, _ := secret.NewToken()
	_, err := tx.Exec(ctx, "INSERT INTO authserver_refresh (hash, grant_id, made_at, expires_at, used_at) VALUES (?, ?, ?, ?, 0)",
		secretHash(token), g.id, s.o.Now().UnixMilli(), g.expires.UnixMilli())
	return token, err
}

// refreshRow is a refresh token as it is stored.
type refreshRow struct {
	hash, grant string
	made        time.Time
	expires     time.Time
	used        bool
}

func readRefresh(ctx context.Context, r store.Reader, hash string) (refreshRow, error) {
	row := refreshRow{hash: hash}
	var made, expires, used int64
	err := r.QueryRow(ctx, "SELECT grant_id, made_at, expires_at, used_at FROM authserver_refresh WHERE hash = ?", hash).
		Scan(&row.grant, &made, &expires, &used)
	row.made, row.expires, row.used = time.UnixMilli(made), time.UnixMilli(expires), used != 0
	return row, err
}
