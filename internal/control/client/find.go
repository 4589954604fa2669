package client

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Query asks for a part of a list.
type Query struct {
	// Text must stand in the name, or begin the client id.
	Text string
	// After is the Next of the part before; empty begins.
	After string
	// Limit is how many are wanted, 1 to 200; 0 means 50.
	Limit int
}

// limit is how many are wanted.
func (q *Query) limit() int {
	if q.Limit <= 0 {
		return 50
	}
	return min(q.Limit, 200)
}

const applicationColumns = `SELECT a.id, a.group_id, a.name, a.description, a.client_id, a.redirect_uris, a.grant_types, a.created_at, a.created_by, a.version FROM clients_applications a `

// Applications lists those of a business group by name.
func (s *Service) Applications(ctx context.Context, p control.Principal, group string, q Query) ([]Application, string, error) {
	if err := s.gate.Group(ctx, p, access.ViewClients, group); err != nil {
		return nil, "", err
	}
	where, args := "WHERE a.group_id = ?", []any{group}
	if q.After != "" {
		after, err := base64.RawURLEncoding.DecodeString(q.After)
		if err != nil {
			return nil, "", wrong("after", "must be the next of the part before")
		}
		where, args = where+" AND a.name_key > ?", append(args, string(after))
	}
	if q.Text != "" {
		text := likeEscaper().Replace(strings.ToLower(q.Text))
		where += ` AND (a.name_key LIKE ? ESCAPE '\' OR lower(a.client_id) LIKE ? ESCAPE '\')`
		args = append(args, "%"+text+"%", text+"%")
	}
	limit := q.limit()
	list, err := s.applications(ctx, where+" ORDER BY a.name_key LIMIT ?", append(args, limit+1)...)
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	list = list[:limit]
	return list, base64.RawURLEncoding.EncodeToString([]byte(strings.ToLower(list[limit-1].Name))), nil
}

func likeEscaper() *strings.Replacer { return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`) }

// Mine lists the applications that a principal, or a team of theirs, owns where they
// may use the portal.
func (s *Service) Mine(ctx context.Context, p control.Principal) ([]Application, error) {
	if !p.Ready() {
		return nil, control.ErrForbidden
	}
	owners, err := s.owners(ctx, p)
	if err != nil {
		return nil, err
	}
	args := make([]any, len(owners))
	for i, owner := range owners {
		args[i] = owner
	}
	list, err := s.applications(ctx, `WHERE a.id IN (SELECT application_id FROM clients_owners WHERE who IN (?`+strings.Repeat(", ?", len(args)-1)+`))
		ORDER BY a.name_key, a.id LIMIT 200`, args...)
	if err != nil {
		return nil, err
	}
	mine := list[:0]
	for i := range list {
		at, err := s.groupScope(ctx, list[i].Group)
		if err != nil && !errors.Is(err, control.ErrNotFound) {
			return nil, err
		}
		if err == nil && develops(p, at) {
			mine = append(mine, list[i])
		}
	}
	return mine, nil
}

// Application gives one, to who may see the clients of its group or owns it.
func (s *Service) Application(ctx context.Context, p control.Principal, group, id string) (*Application, error) {
	return s.application(ctx, p, access.ViewClients, group, id)
}

// manage is the application that a principal is about to change.
func (s *Service) manage(ctx context.Context, p control.Principal, group, id string) (*Application, error) {
	return s.application(ctx, p, access.ManageClients, group, id)
}

func (s *Service) application(ctx context.Context, p control.Principal, what access.Permission, group, id string) (*Application, error) {
	at, err := s.groupScope(ctx, group)
	if err != nil {
		return nil, err
	}
	may := p.May(what, at)
	if !may && !develops(p, at) {
		return nil, control.Authorise(p, what, at)
	}
	list, err := s.applications(ctx, "WHERE a.group_id = ? AND a.id = ?", group, id)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, control.ErrNotFound
	case may:
		return &list[0], nil
	}
	owns, err := s.owns(ctx, p, id)
	if err != nil {
		return nil, err
	}
	if owns {
		return &list[0], nil
	}
	if p.May(access.ViewClients, at) {
		return nil, control.ErrForbidden
	}
	return nil, control.ErrNotFound
}

// applications reads a list with owners, secrets and counts, in four statements.
func (s *Service) applications(ctx context.Context, where string, args ...any) ([]Application, error) {
	r := s.o.DB.Read()
	rows, err := r.Query(ctx, applicationColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	var list []Application
	at := map[string]int{}
	err = each(rows, func() error {
		a := Application{Contracts: map[State]int{}, Secrets: []SecretLife{}, Owners: []string{}}
		var redirects, grants string
		var created int64
		if err := rows.Scan(&a.ID, &a.Group, &a.Name, &a.Description, &a.ClientID, &redirects, &grants, &created, &a.CreatedBy, &a.Version); err != nil {
			return err
		}
		a.Created = millis(created)
		at[a.ID] = len(list)
		list = append(list, a)
		return errors.Join(json.Unmarshal([]byte(redirects), &list[len(list)-1].RedirectURIs), json.Unmarshal([]byte(grants), &list[len(list)-1].GrantTypes))
	})
	if err != nil || len(list) == 0 {
		return list, err
	}
	in, ids := " IN (?"+strings.Repeat(", ?", len(list)-1)+") ", make([]any, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	if err := s.addOwners(ctx, r, list, at, in, ids); err != nil {
		return nil, err
	}
	return list, s.addCounts(ctx, r, list, at, in, ids)
}

func (s *Service) addOwners(ctx context.Context, r store.Reader, list []Application, at map[string]int, in string, ids []any) error {
	rows, err := r.Query(ctx, "SELECT application_id, owner FROM clients_owners WHERE application_id"+in+"ORDER BY owner", ids...)
	if err != nil {
		return fmt.Errorf("listing owners: %w", err)
	}
	err = each(rows, func() error {
		var id, owner string
		err := rows.Scan(&id, &owner)
		list[at[id]].Owners = append(list[at[id]].Owners, owner)
		return err
	})
	if err != nil {
		return err
	}
	now := s.o.Now().UnixMilli()
	rows, err = r.Query(ctx, "SELECT application_id, made_at, ends_at FROM clients_secrets WHERE application_id"+in+"AND (ends_at = 0 OR ends_at > ?) ORDER BY made_at DESC, hash", append(ids, now)...)
	if err != nil {
		return fmt.Errorf("listing secrets: %w", err)
	}
	return each(rows, func() error {
		var id string
		var made, ends int64
		err := rows.Scan(&id, &made, &ends)
		list[at[id]].Secrets = append(list[at[id]].Secrets, SecretLife{millis(made), millis(ends)})
		return err
	})
}

func (s *Service) addCounts(ctx context.Context, r store.Reader, list []Application, at map[string]int, in string, ids []any) error {
	rows, err := r.Query(ctx, "SELECT application_id, state, COUNT(*) FROM clients_contracts WHERE application_id"+in+"GROUP BY application_id, state", ids...)
	if err != nil {
		return fmt.Errorf("counting contracts: %w", err)
	}
	return each(rows, func() error {
		var id string
		var state State
		var n int
		err := rows.Scan(&id, &state, &n)
		list[at[id]].Contracts[state] = n
		return err
	})
}

// each calls do for each row and closes the rows.
func each(rows *sql.Rows, do func() error) error {
	var err error
	for err == nil && rows.Next() {
		err = do()
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("reading rows: %w", err)
	}
	return nil
}

// texts are the only column of rows.
func texts(rows *sql.Rows) ([]string, error) {
	var list []string
	err := each(rows, func() error {
		var text string
		err := rows.Scan(&text)
		list = append(list, text)
		return err
	})
	return list, err
}
