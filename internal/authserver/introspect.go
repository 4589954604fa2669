package authserver

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
)

// state is the answer of the introspection endpoint (RFC 7662 §2.2).
type state struct {
	Active   bool     `json:"active"`
	Type     string   `json:"token_type,omitempty"`
	Issuer   string   `json:"iss,omitempty"`
	Subject  string   `json:"sub,omitempty"`
	Audience audience `json:"aud,omitzero"`
	ClientID string   `json:"client_id,omitempty"`
	Scope    string   `json:"scope,omitempty"`
	Expires  int64    `json:"exp,omitempty"`
	IssuedAt int64    `json:"iat,omitempty"`
	ID       string   `json:"jti,omitempty"`
	AuthTime int64    `json:"auth_time,omitempty"`
	ACR      string   `json:"acr,omitempty"`
	AMR      []string `json:"amr,omitempty"`
}

// introspect is the introspection endpoint. A client may ask about its own
// tokens, and, when its settings say so, about those for its audiences; any
// other is told that the token is not active.
func (s *Server) introspect(ctx context.Context, c Client, p parameters) (any, error) {
	if c.Public {
		return nil, invalidClient(false)
	}
	token := p.get("token")
	if token == "" {
		return nil, refusal("invalid_request", "token is missing")
	}
	claims, err := s.readAccess(token)
	if err != nil {
		return s.introspectRefresh(ctx, c, token)
	}
	mine := claims.ClientID == c.ID
	ours := c.Introspects && slices.ContainsFunc(claims.Audience, func(one string) bool { return slices.Contains(c.Audiences, one) })
	if !mine && !ours {
		return state{}, nil
	}
	live, err := s.live(ctx, claims)
	if err != nil || !live {
		return state{}, err
	}
	return state{
		true, "Bearer", claims.Issuer, claims.Subject, claims.Audience, claims.ClientID, claims.Scope,
		claims.Expires, claims.IssuedAt, claims.ID, claims.AuthTime, claims.ACR, claims.AMR,
	}, nil
}

// live tells whether an access token that has not expired was not revoked, and
// its client still has a contract.
func (s *Server) live(ctx context.Context, claims accessClaims) (bool, error) {
	if _, known := s.o.Clients.Client(ctx, claims.ClientID); !known {
		return false, nil
	}
	var n int
	if err := s.o.DB.Read().QueryRow(ctx, "SELECT COUNT(*) FROM authserver_revoked WHERE token_id = ?", claims.ID).Scan(&n); err != nil || n > 0 {
		return false, err
	}
	id := grantOf(claims.ID)
	if id == "" {
		return true, nil
	}
	g, err := readGrant(ctx, s.o.DB.Read(), id)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil && !g.revoked, err
}

func (s *Server) introspectRefresh(ctx context.Context, c Client, token string) (any, error) {
	row, err := readRefresh(ctx, s.o.DB.Read(), secretHash(token))
	if errors.Is(err, store.ErrNoRows) {
		return state{}, nil
	}
	if err != nil {
		return nil, err
	}
	g, err := readGrant(ctx, s.o.DB.Read(), row.grant)
	if errors.Is(err, store.ErrNoRows) {
		return state{}, nil
	}
	if err != nil {
		return nil, err
	}
	if now := s.o.Now(); g.client != c.ID || row.used || !g.holds(now) || !now.Before(row.expires) {
		return state{}, nil
	}
	return state{
		Active: true, Issuer: s.o.Issuer, Subject: g.person.Subject, Audience: g.audience, ClientID: g.client,
		Scope: strings.Join(g.scope, " "), Expires: row.expires.Unix(), IssuedAt: row.made.Unix(),
	}, nil
}

// revoke is the revocation endpoint (RFC 7009). A refresh token ends its grant
// and with it all its access tokens; an access token ends alone. One that is not
// valid is no error.
func (s *Server) revoke(ctx context.Context, c Client, p parameters) (any, error) {
	token := p.get("token")
	if token == "" {
		return nil, refusal("invalid_request", "token is missing")
	}
	nothing := struct{}{}
	if claims, err := s.readAccess(token); err == nil {
		if claims.ClientID != c.ID {
			return nil, invalidGrant()
		}
		return nothing, s.o.DB.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO authserver_revoked (token_id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
				claims.ID, time.Unix(claims.Expires, 0).UnixMilli())
			return err
		})
	}
	foreign := false
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := readRefresh(ctx, tx.Reader, secretHash(token))
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		g, err := readGrant(ctx, tx.Reader, row.grant)
		if err != nil {
			return err
		}
		if foreign = g.client != c.ID; foreign {
			return nil
		}
		return s.endGrant(ctx, tx, g.id)
	})
	if err == nil && foreign {
		err = invalidGrant()
	}
	return nothing, err
}
