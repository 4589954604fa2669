package resource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

// Waiting is a draft that waits for a second person.
type Waiting struct {
	Environment string `json:"environment"`
	// Draft is the version that the review was asked for.
	Draft   int64     `json:"draft"`
	Asked   string    `json:"asked"`
	AskedAt time.Time `json:"askedAt"`
	Note    string    `json:"note,omitempty"`
	// Decidable says that the reader may agree to it, or refuse it.
	Decidable bool `json:"decidable"`
}

// Refusal says why a second person did not agree to a draft.
type Refusal struct {
	By string `json:"by"`
	// Asked is who had asked for the review.
	Asked  string    `json:"asked"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Can reports whether somebody holds all of some permissions in an environment; an
// environment that can't be looked up is one where nothing is held.
func (s *Service) Can(ctx context.Context, p control.Principal, environment string, what ...access.Permission) bool {
	return s.may(ctx, p, environment, what...) == nil
}

// Waiting lists the drafts that wait for a second person, of all environments whose
// changes the principal may see, by their names.
func (s *Service) Waiting(ctx context.Context, p control.Principal) ([]Waiting, error) {
	r := s.o.DB.Read()
	found, err := names(ctx, r, `SELECT environment FROM resource_environments WHERE asked_by <> '' AND asked_draft = draft ORDER BY environment`)
	if err != nil {
		return nil, err
	}
	list := []Waiting{}
	for _, environment := range found {
		if !s.Can(ctx, p, environment, access.ViewAPIs, access.ViewPolicies) {
			continue
		}
		state, err := readEnvironment(ctx, r, environment)
		if err != nil {
			return nil, err
		}
		changed, err := editors(ctx, r, environment)
		if err != nil {
			return nil, err
		}
		list = append(list, Waiting{
			Environment: environment, Draft: state.draft, Asked: state.askedBy, AskedAt: time.UnixMilli(state.askedAt).UTC(), Note: state.askedNote,
			Decidable: s.Can(ctx, p, environment, access.Publish) && second(p, &state, changed),
		})
	}
	return list, nil
}

// second reports whether somebody neither changed the draft nor asked for its review.
func second(p control.Principal, state *environmentRow, changed []string) bool {
	return state.askedBy != p.Operator && !slices.Contains(changed, p.Operator)
}

// Reject says why a draft, of which a review was asked for, is not published. Who
// asked, or changed it, can't. The draft stays as it is; its version is another, so
// that nobody agrees to what was refused meanwhile.
func (s *Service) Reject(ctx context.Context, p control.Principal, environment string, version int64, reason string) error {
	if err := s.may(ctx, p, environment, access.Publish); err != nil {
		return err
	}
	if err := s.writable(environment); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return invalid("reason: say what has to be another way, so that it can be mended")
	case len(reason) > maxNote:
		return invalid("reason: must be at most %d bytes", maxNote)
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if state.draft != version {
			return fmt.Errorf("%w: look at the changes again", control.ErrConflict)
		}
		if err := agreeable(ctx, tx.Reader, p, environment, &state); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO resource_refusals (environment, operator, asked_by, at, reason) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (environment) DO UPDATE SET operator = excluded.operator, asked_by = excluded.asked_by, at = excluded.at, reason = excluded.reason`,
			environment, p.Operator, state.askedBy, s.o.Now().UnixMilli(), reason); err != nil {
			return fmt.Errorf("refusing the draft: %w", err)
		}
		e := control.Told(p, environment, audit.ReviewRejected, "draft of "+environment)
		e.Detail = map[string]string{"asked": state.askedBy, "reason": clip(reason, 500)}
		state.draft++
		state.askedBy, state.askedAt, state.askedDraft, state.askedNote = "", 0, 0, ""
		if err := writeEnvironment(ctx, tx, environment, state); err != nil {
			return err
		}
		return s.o.Auditor.Record(ctx, tx, e)
	})
}

// agreeable refuses whoever can't decide about a draft, and a draft of which no review
// is asked for.
func agreeable(ctx context.Context, r store.Reader, p control.Principal, environment string, state *environmentRow) error {
	if state.askedBy == "" || state.askedDraft != state.draft {
		return fmt.Errorf("%w: no review of this draft is asked for any more", control.ErrConflict)
	}
	changed, err := editors(ctx, r, environment)
	if err != nil {
		return err
	}
	if !second(p, state, changed) {
		return fmt.Errorf("%w: who changed a draft, or asked for its review, can't decide about it", control.ErrForbidden)
	}
	return nil
}

// refusal is why the draft of an environment was refused; nil when it was not.
func refusal(ctx context.Context, r store.Reader, environment string) (*Refusal, error) {
	var f Refusal
	var at int64
	err := r.QueryRow(ctx, `SELECT operator, asked_by, at, reason FROM resource_refusals WHERE environment = ?`, environment).Scan(&f.By, &f.Asked, &at, &f.Reason)
	if errors.Is(err, store.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading why the draft was refused: %w", err)
	}
	f.At = time.UnixMilli(at).UTC()
	return &f, nil
}

// unrefuse forgets why the draft of an environment was refused.
func unrefuse(ctx context.Context, tx *store.Tx, environment string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM resource_refusals WHERE environment = ?`, environment); err != nil {
		return fmt.Errorf("settling the draft: %w", err)
	}
	return nil
}

// names reads one column of text.
func names(ctx context.Context, r store.Reader, query string, args ...any) (out []string, err error) {
	found, err := r.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading environments: %w", err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return nil, fmt.Errorf("reading environments: %w", err)
		}
		out = append(out, name)
	}
	return out, found.Err()
}
