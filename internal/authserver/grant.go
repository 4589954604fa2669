package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// grant is what a person granted to a client.
type grant struct {
	id, client      string
	person          person
	scope, audience []string
	nonce           string
	expires         time.Time
	revoked         bool
}

func (g *grant) holds(now time.Time) bool { return !g.revoked && now.Before(g.expires) }

// narrowed are the scopes and audiences that a request asks for, none beyond what
// was granted and what the client may still have.
func (g *grant) narrowed(c Client, p parameters) (scope, aud []string, err error) {
	kept := func(all, allowed []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(one string) bool { return !slices.Contains(allowed, one) })
	}
	scope, aud = kept(g.scope, c.Scopes), kept(g.audience, c.Audiences)
	if len(aud) == 0 || len(scope) == 0 && len(g.scope) > 0 {
		return nil, nil, invalidGrant()
	}
	if text := p.get("scope"); text != "" {
		asked, ok := parseScope(text)
		if !ok || !within(asked, scope) {
			return nil, nil, refusal("invalid_scope", "a scope was not granted")
		}
		scope = asked
	}
	if asked := p.resources(); len(asked) > 0 {
		if !within(asked, aud) {
			return nil, nil, refusal("invalid_target", "a resource was not granted")
		}
		aud = asked
	}
	return scope, aud, nil
}

// addGrant keeps a grant and makes its code.
func (s *Server) addGrant(ctx context.Context, q request, who person) (code string, err error) {
	now := s.o.Now()
	id, _ := secret.NewToken()
	id = id[:22] // 132 bits; it stands in each token
	code, _ = secret.NewToken()
	text, err := json.Marshal(who)
	if err != nil {
		return "", fmt.Errorf("writing a person: %w", err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO authserver_grants (id, client_id, subject, person, scope, audience, nonce, made_at, expires_at, revoked_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, id, q.ClientID, who.Subject, string(text), strings.Join(q.Scopes, " "),
			strings.Join(q.Audience, " "), q.Nonce, now.UnixMilli(), now.Add(s.o.RefreshLife).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO authserver_codes (hash, grant_id, client_id, redirect_uri, challenge, expires_at, used_at)
			VALUES (?, ?, ?, ?, ?, ?, 0)`, secretHash(code), id, q.ClientID, q.RedirectURI, q.Challenge, now.Add(CodeLife).UnixMilli())
		return err
	})
	return code, err
}

func readGrant(ctx context.Context, r store.Reader, id string) (grant, error) {
	g := grant{id: id}
	var who, scope, aud string
	var expires, revoked int64
	err := r.QueryRow(ctx, "SELECT client_id, person, scope, audience, nonce, expires_at, revoked_at FROM authserver_grants WHERE id = ?", id).
		Scan(&g.client, &who, &scope, &aud, &g.nonce, &expires, &revoked)
	if err != nil {
		return g, err
	}
	g.scope, g.audience, g.expires, g.revoked = fields(scope), fields(aud), time.UnixMilli(expires), revoked != 0
	return g, json.Unmarshal([]byte(who), &g.person)
}

// endGrant ends a grant: its refresh tokens are void, and its access tokens not
// active any more.
func (s *Server) endGrant(ctx context.Context, tx *store.Tx, id string) error {
	_, err := tx.Exec(ctx, "UPDATE authserver_grants SET revoked_at = ? WHERE id = ? AND revoked_at = 0", s.o.Now().UnixMilli(), id)
	return err
}

// codeRow is a code as it was stored; without a grant it is not valid.
type codeRow struct {
	grant, redirect, challenge string
	reused                     bool
}

// takeCode spends a code of a client.
func takeCode(ctx context.Context, tx *store.Tx, hash, client string, now time.Time) (codeRow, error) {
	var row codeRow
	var owner string
	var expires, used int64
	err := tx.QueryRow(ctx, "SELECT grant_id, client_id, redirect_uri, challenge, expires_at, used_at FROM authserver_codes WHERE hash = ?", hash).
		Scan(&row.grant, &owner, &row.redirect, &row.challenge, &expires, &used)
	if errors.Is(err, store.ErrNoRows) {
		return codeRow{}, nil
	}
	if err != nil || owner != client {
		return codeRow{}, err
	}
	row.reused = used != 0
	if row.reused {
		return row, nil
	}
	if now.UnixMilli() >= expires {
		return codeRow{}, nil
	}
	_, err = tx.Exec(ctx, "UPDATE authserver_codes SET used_at = ? WHERE hash = ?", now.UnixMilli(), hash)
	return row, err
}
