package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// maxNote bounds the note of a revision, in bytes.
const maxNote = 2000

// Revision is a numbered picture of all resources of an environment, as it was
// published.
type Revision struct {
	Number int64  `json:"number"`
	Digest string `json:"digest"`
	Note   string `json:"note,omitempty"`
	// Author published it, or asked for the review; Reviewer agreed.
	Author   string `json:"author"`
	Reviewer string `json:"reviewer,omitempty"`
	// Restores is the revision that it brought back, 0 for none.
	Restores int64 `json:"restores,omitempty"`
	// Changed is how many resources differ from the revision before.
	Changed int64     `json:"changed"`
	At      time.Time `json:"at"`
}

// Before is the number of the revision before, 0 for none.
func (r Revision) Before() int64 { return r.Number - 1 }

// Publishing is what is to be published.
type Publishing struct {
	// Draft is the version of the draft that was looked at.
	Draft int64
	Note  string
	// Agree only agrees to a review that somebody else asked for, and never asks for one.
	Agree bool
}

// Publish puts the draft into service as the next revision. Where a review is needed,
// the first person asks for it, which is ErrReview, and a second one, who changed
// nothing of the draft, publishes it.
func (s *Service) Publish(ctx context.Context, p control.Principal, environment string, o Publishing) (*Revision, error) {
	if err := s.may(ctx, p, environment, access.Publish); err != nil {
		return nil, err
	}
	if err := s.writable(environment); err != nil {
		return nil, err
	}
	if len(o.Note) > maxNote {
		return nil, invalid("note: must be at most %d bytes", maxNote)
	}
	found, err := s.draftRows(ctx, s.o.DB.Read(), environment)
	if err != nil {
		return nil, err
	}
	if err := s.servable(ctx, environment, found); err != nil {
		return nil, err
	}
	var out *Revision
	asked := false
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if state.draft != o.Draft {
			return fmt.Errorf("%w: look at the changes again", control.ErrConflict)
		}
		if o.Agree {
			if err := agreeable(ctx, tx.Reader, p, environment, &state); err != nil {
				return err
			}
		}
		next := Revision{Author: p.Operator, Note: strings.TrimSpace(o.Note)}
		if state.review {
			if asked, err = s.review(ctx, tx, p, environment, &state, &next); err != nil || asked {
				return err
			}
		}
		rows, err := s.draftRows(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if out, err = s.publish(ctx, tx, p, environment, &state, rows, next); err != nil {
			return err
		}
		return s.settle(ctx, tx, environment, &state)
	})
	switch {
	case err != nil:
		return nil, err
	case asked:
		return nil, ErrReview
	}
	s.tell(environment)
	return out, nil
}

// servable refuses rows of which no revision can be made, or none that can be served.
func (s *Service) servable(ctx context.Context, environment string, of []row) error {
	if err := s.reachable(ctx, environment, of); err != nil {
		return err
	}
	rev, problems, err := s.build(ctx, environment, of)
	if err != nil {
		return err
	}
	if rev != nil && s.o.Try != nil {
		for _, one := range s.o.Try(ctx, environment, rev) {
			problems = append(problems, s.problem(environment, one))
		}
	}
	if wrong := onlyErrors(problems); len(wrong) > 0 {
		return &InvalidError{wrong}
	}
	return nil
}

func (s *Service) tell(environment string) {
	if s.o.Published != nil {
		s.o.Published(environment)
	}
}

// review reports whether a review had to be asked for first; else next says who agreed.
func (s *Service) review(ctx context.Context, tx *store.Tx, p control.Principal, environment string, state *environmentRow, next *Revision) (asked bool, err error) {
	changed, err := editors(ctx, tx.Reader, environment)
	if err != nil {
		return false, err
	}
	if !slices.Contains(changed, p.Operator) && state.askedBy != p.Operator && state.askedBy != "" && state.askedDraft == state.draft {
		next.Author, next.Reviewer = state.askedBy, p.Operator
		if next.Note == "" {
			next.Note = state.askedNote
		}
		return false, nil
	}
	if state.askedBy != "" && state.askedDraft == state.draft {
		return true, nil // it was asked for already
	}
	state.askedBy, state.askedAt, state.askedDraft, state.askedNote = p.Operator, s.o.Now().UnixMilli(), state.draft, next.Note
	if err := errors.Join(writeEnvironment(ctx, tx, environment, *state), unrefuse(ctx, tx, environment)); err != nil {
		return false, err
	}
	return true, s.o.Auditor.Record(ctx, tx, control.Told(p, environment, audit.ReviewAsked, "draft of "+environment))
}

// publish writes the next revision.
func (s *Service) publish(ctx context.Context, tx *store.Tx, p control.Principal, environment string, state *environmentRow, rows []row, next Revision) (*Revision, error) {
	before, err := s.snapshotRows(ctx, tx.Reader, environment, state.live)
	if err != nil {
		return nil, err
	}
	old, changed := apart(before, rows)
	kept := map[Key]bool{}
	for _, one := range changed {
		kept[one.Key] = true
	}
	for _, one := range old {
		if !kept[one.Key] {
			changed = append(changed, row{Key: one.Key})
		}
	}
	if len(changed) == 0 {
		return nil, invalid("%v", errNothing)
	}
	next.Number, next.At, next.Changed, next.Digest = state.live+1, s.o.Now().UTC().Truncate(time.Millisecond), int64(len(changed)), digestOfRows(rows)
	state.live = next.Number
	if _, err := tx.Exec(ctx, `INSERT INTO resource_revisions (environment, number, digest, note, author, reviewer, restores, changed, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		environment, next.Number, next.Digest, next.Note, next.Author, next.Reviewer, next.Restores, next.Changed, next.At.UnixMilli()); err != nil {
		return nil, fmt.Errorf("writing revision %d: %w", next.Number, err)
	}
	for _, one := range changed {
		if _, err := tx.Exec(ctx, `INSERT INTO resource_changes (environment, kind, namespace, name, number, digest) VALUES (?, ?, ?, ?, ?, ?)`,
			environment, one.Kind, one.Namespace, one.Name, next.Number, one.digest); err != nil {
			return nil, fmt.Errorf("writing revision %d: %w", next.Number, err)
		}
	}
	e := control.Told(p, environment, audit.DraftPublished, fmt.Sprintf("revision %d of %s", next.Number, environment))
	if e.After, err = json.Marshal(map[string]any{"digest": next.Digest, "changed": next.Changed, "author": next.Author, "reviewer": next.Reviewer, "restores": next.Restores}); err != nil {
		return nil, err
	}
	return &next, s.o.Auditor.Record(ctx, tx, e)
}

// digestOfRows is the digest of all resources of a revision.
func digestOfRows(rows []row) string {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, func(a, b row) int { return compareKeys(a.Key, b.Key) })
	sum := sha256.New()
	for _, one := range sorted {
		_, _ = io.WriteString(sum, one.String()+" "+one.digest+"\n") // a hash never fails
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Rollback publishes what a revision held as a new one. The draft becomes equal to it
// too, so that version must be that of the draft. Where a review is needed, it only
// brings the draft back, and is then published as any.
func (s *Service) Rollback(ctx context.Context, p control.Principal, environment string, number int64, o Publishing) (*Revision, error) {
	if err := s.may(ctx, p, environment, access.Publish); err != nil {
		return nil, err
	}
	if err := s.writable(environment); err != nil {
		return nil, err
	}
	then, err := s.Revision(ctx, p, environment, number)
	if err != nil {
		return nil, err
	}
	rows, err := s.snapshotRows(ctx, s.o.DB.Read(), environment, number)
	if err != nil {
		return nil, err
	}
	if err := s.servable(ctx, environment, rows); err != nil {
		return nil, err
	}
	var out *Revision
	reviewed := false
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if state.draft != o.Draft {
			return fmt.Errorf("%w: look at the changes again", control.ErrConflict)
		}
		if err := s.replaceDraft(ctx, tx, p, environment, &state, rows); err != nil {
			return err
		}
		next := Revision{Author: p.Operator, Restores: number, Note: strings.TrimSpace(o.Note)}
		if next.Note == "" {
			next.Note = fmt.Sprintf("Back to revision %d of %s.", number, then.At.Format("2 January 2006 15:04 UTC"))
		}
		if state.review {
			reviewed = true
			if err := noteEditor(ctx, tx, environment, p.Operator); err != nil {
				return err
			}
			_, err := s.review(ctx, tx, p, environment, &state, &next)
			return err
		}
		if out, err = s.publish(ctx, tx, p, environment, &state, rows, next); err != nil {
			return err
		}
		return s.settle(ctx, tx, environment, &state)
	})
	switch {
	case err != nil:
		return nil, err
	case reviewed:
		return nil, ErrReview
	}
	s.tell(environment)
	return out, nil
}

const revisionColumns = `number, digest, note, author, reviewer, restores, changed, at`

// Revisions lists the revisions of an environment, the newest first, below a number; 0
// begins with the newest.
func (s *Service) Revisions(ctx context.Context, p control.Principal, environment string, below int64, limit int) (out []Revision, err error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return nil, err
	}
	if below <= 0 {
		below = 1 << 62
	}
	found, err := s.o.DB.Read().Query(ctx, `SELECT `+revisionColumns+` FROM resource_revisions WHERE environment = ? AND number < ? ORDER BY number DESC LIMIT ?`, environment, below, limit)
	if err != nil {
		return nil, fmt.Errorf("reading revisions: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		one, err := scanRevision(found.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, *one)
	}
	return out, found.Err()
}

func scanRevision(scan func(...any) error) (*Revision, error) {
	var r Revision
	var at int64
	if err := scan(&r.Number, &r.Digest, &r.Note, &r.Author, &r.Reviewer, &r.Restores, &r.Changed, &at); err != nil {
		return nil, err
	}
	r.At = time.UnixMilli(at).UTC()
	return &r, nil
}

// Revision gives one revision.
func (s *Service) Revision(ctx context.Context, p control.Principal, environment string, number int64) (*Revision, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return nil, err
	}
	r, err := scanRevision(s.o.DB.Read().QueryRow(ctx, `SELECT `+revisionColumns+` FROM resource_revisions WHERE environment = ? AND number = ?`, environment, number).Scan)
	if errors.Is(err, store.ErrNoRows) {
		return nil, control.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", number, err)
	}
	return r, nil
}

// Diff tells how a revision differs from an older one; 0 stands for one without
// resources.
func (s *Service) Diff(ctx context.Context, p control.Principal, environment string, from, to int64) ([]Change, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies); err != nil {
		return nil, err
	}
	for _, number := range []int64{from, to} {
		if number == 0 {
			continue
		}
		if _, err := s.Revision(ctx, p, environment, number); err != nil {
			return nil, err
		}
	}
	next, err := s.snapshotRows(ctx, s.o.DB.Read(), environment, to)
	if err != nil {
		return nil, err
	}
	return s.compare(ctx, environment, from, next)
}
