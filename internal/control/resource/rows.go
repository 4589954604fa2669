package resource

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// text is how a resource is kept: everything but its name.
type text struct {
	APIVersion  string            `json:"apiVersion"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Spec        json.RawMessage   `json:"spec"`
}

func digestOf(d *manifest.Document) (digest string, plain []byte, err error) {
	// What is kept is what was canonical: "<" stays as it is.
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text{d.APIVersion, d.Labels, d.Annotations, d.Spec}); err != nil {
		return "", nil, fmt.Errorf("writing %s: %w", d.ID(), err)
	}
	plain = b.Bytes()
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:]), plain, nil
}

// environmentRow is the row of an environment, zero for one that has none yet.
type environmentRow struct {
	draft, live int64
	review      bool
	askedBy     string
	askedAt     int64
	askedDraft  int64
	askedNote   string
}

func readEnvironment(ctx context.Context, r store.Reader, environment string) (environmentRow, error) {
	var e environmentRow
	err := r.QueryRow(ctx, `SELECT draft, live, review, asked_by, asked_at, asked_draft, asked_note FROM resource_environments WHERE environment = ?`, environment).
		Scan(&e.draft, &e.live, &e.review, &e.askedBy, &e.askedAt, &e.askedDraft, &e.askedNote)
	if err != nil && !errors.Is(err, store.ErrNoRows) {
		return e, fmt.Errorf("reading the state of the draft: %w", err)
	}
	return e, nil
}

func writeEnvironment(ctx context.Context, tx *store.Tx, environment string, e environmentRow) error {
	_, err := tx.Exec(ctx, `INSERT INTO resource_environments (environment, draft, live, review, asked_by, asked_at, asked_draft, asked_note)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment) DO UPDATE SET draft = excluded.draft, live = excluded.live, review = excluded.review,
		asked_by = excluded.asked_by, asked_at = excluded.asked_at, asked_draft = excluded.asked_draft, asked_note = excluded.asked_note`,
		environment, e.draft, e.live, e.review, e.askedBy, e.askedAt, e.askedDraft, e.askedNote)
	if err != nil {
		return fmt.Errorf("writing the state of the draft: %w", err)
	}
	return nil
}

// row is a resource in a draft or a revision, by its digest.
type row struct {
	Key
	version int64
	digest  string
	author  string
	at      int64
}

func (s *Service) draftRows(ctx context.Context, r store.Reader, environment string) ([]row, error) {
	return rows(ctx, r, `SELECT kind, namespace, name, version, digest, author, at FROM resource_drafts WHERE environment = ? ORDER BY kind, namespace, name`, environment)
}

func draftRow(ctx context.Context, r store.Reader, environment string, k Key) (row, bool, error) {
	found, err := rows(ctx, r, `SELECT kind, namespace, name, version, digest, author, at FROM resource_drafts WHERE environment = ? AND kind = ? AND namespace = ? AND name = ?`,
		environment, k.Kind, k.Namespace, k.Name)
	if err != nil || len(found) == 0 {
		return row{}, false, err
	}
	return found[0], true, nil
}

// snapshotRows are the resources of a revision; none of revision 0.
func (s *Service) snapshotRows(ctx context.Context, r store.Reader, environment string, number int64) ([]row, error) {
	return rows(ctx, r, `SELECT c.kind, c.namespace, c.name, c.number, c.digest, '', 0 FROM resource_changes c JOIN
		(SELECT kind, namespace, name, MAX(number) AS newest FROM resource_changes WHERE environment = ? AND number <= ? GROUP BY kind, namespace, name) m
		ON m.kind = c.kind AND m.namespace = c.namespace AND m.name = c.name AND m.newest = c.number
		WHERE c.environment = ? AND c.digest <> '' ORDER BY c.kind, c.namespace, c.name`, environment, number, environment)
}

func rows(ctx context.Context, r store.Reader, query string, args ...any) (out []row, err error) {
	found, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading resources: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var one row
		if err := found.Scan(&one.Kind, &one.Namespace, &one.Name, &one.version, &one.digest, &one.author, &one.at); err != nil {
			return nil, fmt.Errorf("reading resources: %w", err)
		}
		out = append(out, one)
	}
	return out, found.Err()
}

// maxAsked bounds the arguments of one statement.
const maxAsked = 500

// texts opens what rows say.
func (s *Service) texts(ctx context.Context, r store.Reader, environment string, of []row) ([]Resource, error) {
	sealed := map[string]string{}
	for _, one := range of {
		sealed[one.digest] = ""
	}
	wanted := make([]any, 0, len(sealed))
	for digest := range sealed {
		wanted = append(wanted, digest)
	}
	for part := range slices.Chunk(wanted, maxAsked) {
		if err := readSealed(ctx, r, environment, part, sealed); err != nil {
			return nil, err
		}
	}
	out := make([]Resource, 0, len(of))
	opened := map[string]*text{}
	for _, one := range of {
		t := opened[one.digest]
		if t == nil {
			plain, err := s.o.Sealer.Open(SealPurpose, sealed[one.digest])
			if err != nil {
				return nil, fmt.Errorf("opening %s: %w", one.Key, err)
			}
			t = new(text)
			if err := json.Unmarshal(plain, t); err != nil {
				return nil, fmt.Errorf("reading %s: %w", one.Key, err)
			}
			opened[one.digest] = t
		}
		res := Resource{Version: one.version, Author: one.author, Document: manifest.Document{
			APIVersion: t.APIVersion, Kind: one.Kind, Name: revision.Name{Namespace: one.Namespace, Name: one.Name},
			Labels: t.Labels, Annotations: t.Annotations, Spec: t.Spec,
		}}
		if one.at > 0 {
			res.At = time.UnixMilli(one.at).UTC()
		}
		out = append(out, res)
	}
	return out, nil
}

func readSealed(ctx context.Context, r store.Reader, environment string, digests []any, into map[string]string) (err error) {
	found, err := r.Query(ctx, `SELECT digest, sealed FROM resource_texts WHERE environment = ? AND digest IN (?`+strings.Repeat(", ?", len(digests)-1)+`)`,
		append([]any{environment}, digests...)...)
	if err != nil {
		return fmt.Errorf("reading resources: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var digest, sealed string
		if err := found.Scan(&digest, &sealed); err != nil {
			return fmt.Errorf("reading resources: %w", err)
		}
		into[digest] = sealed
	}
	return found.Err()
}

// keepText keeps what a resource says and gives its digest.
func (s *Service) keepText(ctx context.Context, tx *store.Tx, environment string, d *manifest.Document) (string, error) {
	digest, plain, err := digestOf(d)
	if err != nil {
		return "", err
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM resource_texts WHERE environment = ? AND digest = ?`, environment, digest).Scan(&n); err != nil {
		return "", fmt.Errorf("reading resources: %w", err)
	}
	if n > 0 {
		return digest, nil
	}
	sealed, err := s.o.Sealer.Seal(SealPurpose, plain)
	if err != nil {
		return "", fmt.Errorf("sealing %s: %w", d.ID(), err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO resource_texts (environment, digest, sealed) VALUES (?, ?, ?)`, environment, digest, sealed); err != nil {
		return "", fmt.Errorf("writing %s: %w", d.ID(), err)
	}
	return digest, nil
}

func putRow(ctx context.Context, tx *store.Tx, environment string, r row) error {
	_, err := tx.Exec(ctx, `INSERT INTO resource_drafts (environment, kind, namespace, name, version, digest, author, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (environment, kind, namespace, name) DO UPDATE SET version = excluded.version, digest = excluded.digest, author = excluded.author, at = excluded.at`,
		environment, r.Kind, r.Namespace, r.Name, r.version, r.digest, r.author, r.at)
	if err != nil {
		return fmt.Errorf("writing %s: %w", r.Key, err)
	}
	return nil
}

func deleteRow(ctx context.Context, tx *store.Tx, environment string, k Key) error {
	if _, err := tx.Exec(ctx, `DELETE FROM resource_drafts WHERE environment = ? AND kind = ? AND namespace = ? AND name = ?`, environment, k.Kind, k.Namespace, k.Name); err != nil {
		return fmt.Errorf("removing %s: %w", k, err)
	}
	return nil
}

func editors(ctx context.Context, r store.Reader, environment string) (out []string, err error) {
	found, err := r.Query(ctx, `SELECT operator FROM resource_editors WHERE environment = ? ORDER BY operator`, environment)
	if err != nil {
		return nil, fmt.Errorf("reading who changed the draft: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return nil, fmt.Errorf("reading who changed the draft: %w", err)
		}
		out = append(out, name)
	}
	return out, found.Err()
}

func noteEditor(ctx context.Context, tx *store.Tx, environment, operator string) error {
	if _, err := tx.Exec(ctx, `INSERT INTO resource_editors (environment, operator) VALUES (?, ?) ON CONFLICT (environment, operator) DO NOTHING`, environment, operator); err != nil {
		return fmt.Errorf("noting who changed the draft: %w", err)
	}
	return nil
}
