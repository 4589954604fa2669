package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Secret is what may be known of one secret.
type Secret struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	Kind  Kind   `json:"kind"`
	Owner string `json:"owner,omitempty"`
	Note  string `json:"note,omitempty"`
	// Current is the number of the version that serves, Latest the highest.
	Current int `json:"current"`
	Latest  int `json:"latest"`
	// Changed is since when the current version serves.
	Changed time.Time `json:"changed"`
	// Expires is when it ends, zero for never or unknown; ExpirySet says that somebody
	// set that by hand.
	Expires   time.Time `json:"expires,omitzero"`
	ExpirySet bool      `json:"expirySet,omitempty"`
	Rotation  Rotation  `json:"rotation,omitzero"`
	// NextRotation is when it is made anew, OverlapUntil until when the version before
	// is given out as its predecessor.
	NextRotation time.Time `json:"nextRotation,omitzero"`
	OverlapUntil time.Time `json:"overlapUntil,omitzero"`
	Facts        Facts     `json:"facts"`
	// Version is that of what is shown, for changes.
	Version int64 `json:"version"`

	previous int
}

// Reference is what a setting holds to refer to the secret.
func (s Secret) Reference() string { return "${secret:" + s.Group + "/" + s.Name + "}" }

// Version is one version of a secret.
type Version struct {
	Number  int       `json:"number"`
	Current bool      `json:"current"`
	Made    time.Time `json:"made"`
	MadeBy  string    `json:"madeBy"`
	// How is written, generated, fetched or acme.
	How     string    `json:"how"`
	Expires time.Time `json:"expires,omitzero"`
	// Mark tells whether two versions are the same.
	Mark  string `json:"mark"`
	Facts Facts  `json:"facts"`
}

const entryColumns = `e.group_name, e.name, e.kind, e.owner, e.note, e.current, e.latest, e.previous, e.overlap_until, e.rotation,
	e.next_rotation, e.expires_at, e.expiry_set, e.changed_at, e.version, v.facts
	FROM secrets_entries e JOIN secrets_versions v ON v.environment = e.environment AND v.group_name = e.group_name AND v.name = e.name AND v.number = e.current`

type scanner interface{ Scan(dest ...any) error }

func scanEntry(row scanner) (Secret, error) {
	var e Secret
	var overlap, next, expires, set, changed int64
	var rotation, facts string
	if err := row.Scan(&e.Group, &e.Name, &e.Kind, &e.Owner, &e.Note, &e.Current, &e.Latest, &e.previous, &overlap, &rotation,
		&next, &expires, &set, &changed, &e.Version, &facts); err != nil {
		return e, err
	}
	e.OverlapUntil, e.NextRotation, e.Expires, e.Changed = moment(overlap), moment(next), moment(expires), moment(changed)
	if set != 0 {
		e.Expires, e.ExpirySet = moment(set), true
	}
	if err := errors.Join(json.Unmarshal([]byte(rotation), &e.Rotation), json.Unmarshal([]byte(facts), &e.Facts)); err != nil {
		return e, fmt.Errorf("secret %s/%s: %w", e.Group, e.Name, err)
	}
	return e, nil
}

func (s *Service) entry(ctx context.Context, r store.Reader, environment, group, name string) (Secret, error) {
	e, err := scanEntry(r.QueryRow(ctx, "SELECT "+entryColumns+" WHERE e.environment = ? AND e.group_name = ? AND e.name = ?", environment, group, name))
	if errors.Is(err, store.ErrNoRows) {
		return e, control.ErrNotFound
	}
	return e, err
}

// list gives the secrets of a group, or of all groups when it is empty.
func (s *Service) list(ctx context.Context, environment, group string) (all []Secret, err error) {
	if group == "" {
		return s.chosen(ctx, "e.environment = ?", environment)
	}
	return s.chosen(ctx, "e.environment = ? AND e.group_name = ?", environment, group)
}

// chosen gives the secrets for which a condition holds.
func (s *Service) chosen(ctx context.Context, condition string, args ...any) (all []Secret, err error) {
	rows, err := s.o.DB.Read().Query(ctx, "SELECT "+entryColumns+" WHERE "+condition+" ORDER BY e.group_name, e.kind, e.name", args...)
	if err != nil {
		return nil, fmt.Errorf("listing secrets: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// List gives the secrets of a group.
func (s *Service) List(ctx context.Context, p control.Principal, environment, group string) ([]Secret, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return nil, err
	}
	if _, err := s.group(ctx, s.o.DB.Read(), environment, group); err != nil {
		return nil, err
	}
	return s.list(ctx, environment, group)
}

// Get gives one secret and its versions, the newest first.
func (s *Service) Get(ctx context.Context, p control.Principal, environment, group, name string) (Secret, []Version, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return Secret{}, nil, err
	}
	e, err := s.entry(ctx, s.o.DB.Read(), environment, group, name)
	if err != nil {
		return e, nil, err
	}
	versions, err := s.versions(ctx, s.o.DB.Read(), environment, e)
	return e, versions, err
}

func (s *Service) versions(ctx context.Context, r store.Reader, environment string, e Secret) (all []Version, err error) {
	rows, err := r.Query(ctx, "SELECT number, mark, facts, expires_at, made_at, made_by, how FROM secrets_versions WHERE environment = ? AND group_name = ? AND name = ? ORDER BY number DESC",
		environment, e.Group, e.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v Version
		var facts string
		var expires, madeAt int64
		if err := rows.Scan(&v.Number, &v.Mark, &facts, &expires, &madeAt, &v.MadeBy, &v.How); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(facts), &v.Facts); err != nil {
			return nil, err
		}
		v.Expires, v.Made, v.Current = moment(expires), moment(madeAt), v.Number == e.Current
		all = append(all, v)
	}
	return all, rows.Err()
}

// place binds sealed material to where it lies.
func place(environment, group, name string, number int) string {
	return environment + "/" + group + "/" + name + "@" + strconv.Itoa(number)
}

// open decrypts one version.
func (s *Service) open(ctx context.Context, r store.Reader, environment string, g Group, name string, number int) (material, error) {
	var m material
	var sealed string
	err := r.QueryRow(ctx, "SELECT sealed FROM secrets_versions WHERE environment = ? AND group_name = ? AND name = ? AND number = ?",
		environment, g.Name, name, number).Scan(&sealed)
	if errors.Is(err, store.ErrNoRows) {
		return m, fmt.Errorf("%w: there is no version %d (any more)", control.ErrNotFound, number)
	}
	if err != nil {
		return m, fmt.Errorf("reading a secret: %w", err)
	}
	key, err := s.dataKey(environment, g)
	if err != nil {
		return m, err
	}
	plain, err := key.Open(place(environment, g.Name, name, number), sealed)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(plain, &m); err != nil {
		return m, errors.New("a kept secret can not be read")
	}
	return m, nil
}
