package resource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// Draft is the state of the draft of an environment.
type Draft struct {
	// Version counts the changes of the draft; Live is the revision that serves, 0 for
	// none.
	Version int64 `json:"version"`
	Live    int64 `json:"live"`
	// Changes are what differs from the live revision.
	Changes []Change `json:"changes"`
	// Editors changed the draft since it was last published.
	Editors []string `json:"editors"`
	// Review says that a second person must agree. Asked is who asked for that, for the
	// draft as it is.
	Review   bool      `json:"review"`
	Asked    string    `json:"asked,omitempty"`
	AskedAt  time.Time `json:"askedAt,omitzero"`
	Note     string    `json:"note,omitempty"`
	ReadOnly bool      `json:"readOnly,omitempty"`
	// Refused is why a second person did not agree to it when they were last asked.
	Refused *Refusal `json:"refused,omitempty"`
}

// Draft tells how the draft differs from what serves.
func (s *Service) Draft(ctx context.Context, p control.Principal, environment string) (*Draft, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies); err != nil {
		return nil, err
	}
	return s.draft(ctx, environment)
}

func (s *Service) draft(ctx context.Context, environment string) (*Draft, error) {
	r := s.o.DB.Read()
	state, err := readEnvironment(ctx, r, environment)
	if err != nil {
		return nil, err
	}
	next, err := s.draftRows(ctx, r, environment)
	if err != nil {
		return nil, err
	}
	d := &Draft{Version: state.draft, Live: state.live, Review: state.review, Note: state.askedNote, Asked: state.askedBy}
	if state.askedAt > 0 {
		d.AskedAt = time.UnixMilli(state.askedAt).UTC()
	}
	d.ReadOnly = s.writable(environment) != nil
	if d.Editors, err = editors(ctx, r, environment); err != nil {
		return nil, err
	}
	if d.Refused, err = refusal(ctx, r, environment); err != nil {
		return nil, err
	}
	d.Changes, err = s.compare(ctx, environment, state.live, next)
	return d, err
}

// compare tells how rows differ from a revision.
func (s *Service) compare(ctx context.Context, environment string, number int64, next []row) ([]Change, error) {
	r := s.o.DB.Read()
	old, err := s.snapshotRows(ctx, r, environment, number)
	if err != nil {
		return nil, err
	}
	old, next = apart(old, next)
	before, err := s.texts(ctx, r, environment, old)
	if err != nil {
		return nil, err
	}
	after, err := s.texts(ctx, r, environment, next)
	if err != nil {
		return nil, err
	}
	return s.changes(before, after), nil
}

// Problems says what is wrong with the draft as a whole, beside the files and the
// contracts with which it would be served. It can be published when none is an error.
func (s *Service) Problems(ctx context.Context, p control.Principal, environment string) ([]Problem, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies); err != nil {
		return nil, err
	}
	found, err := s.draftRows(ctx, s.o.DB.Read(), environment)
	if err != nil {
		return nil, err
	}
	_, problems, err := s.build(ctx, environment, found)
	return problems, err
}

// DryRun says what the draft would have refused of recorded traffic.
func (s *Service) DryRun(ctx context.Context, p control.Principal, environment string) (any, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies, access.ViewTraffic); err != nil {
		return nil, err
	}
	if s.o.DryRun == nil {
		return nil, control.ErrNotFound
	}
	found, err := s.draftRows(ctx, s.o.DB.Read(), environment)
	if err != nil {
		return nil, err
	}
	rev, problems, err := s.build(ctx, environment, found)
	if err != nil {
		return nil, err
	}
	if rev == nil {
		return nil, &InvalidError{onlyErrors(problems)}
	}
	return s.o.DryRun(ctx, environment, rev)
}

// build makes of some rows what a gateway would serve; the revision is nil when one of
// the problems is an error.
func (s *Service) build(ctx context.Context, environment string, of []row) (*revision.Revision, []Problem, error) {
	files, err := s.files(ctx, s.o.DB.Read(), environment, of)
	if err != nil {
		return nil, nil, err
	}
	if s.o.Beside != nil {
		more, err := s.o.Beside(ctx, environment)
		if err != nil {
			return nil, nil, fmt.Errorf("reading what is served beside the draft: %w", err)
		}
		files = append(files, more...)
	}
	var paths []string
	if s.o.Paths != nil {
		paths = s.o.Paths(environment)
	}
	rev, found := manifest.Build(manifest.Join(paths, files), s.o.Catalogue, s.o.Build(environment))
	var problems []Problem
	for _, one := range found {
		problems = append(problems, s.problem(environment, one))
	}
	return rev, problems, nil
}

// problem tells a problem of a manifest as one of a resource.
func (s *Service) problem(environment string, one manifest.Problem) Problem {
	out := Problem{Severity: one.Severity.String(), Field: one.Field, Message: one.Message}
	if key, ok := keyOfFile(environment, one.File); ok {
		out.Resource = key
	} else {
		out.File, out.Line = one.File, one.Line
	}
	return out
}

func onlyErrors(problems []Problem) []Problem {
	var out []Problem
	for _, one := range problems {
		if one.Severity == manifest.Error.String() {
			out = append(out, one)
		}
	}
	return out
}

// files writes rows as manifests, one each.
func (s *Service) files(ctx context.Context, r store.Reader, environment string, of []row) ([]manifest.File, error) {
	opened, err := s.texts(ctx, r, environment, of)
	if err != nil {
		return nil, err
	}
	files := make([]manifest.File, len(opened))
	for i := range opened {
		text, err := opened[i].YAML()
		if err != nil {
			return nil, err
		}
		files[i] = manifest.File{Name: opened[i].Key().file(environment), Text: text}
	}
	return files, nil
}

// Files are the resources of the live revision as canonical manifests, one each: a
// source of what is served.
func (s *Service) Files(ctx context.Context, environment string) ([]manifest.File, error) {
	r := s.o.DB.Read()
	state, err := readEnvironment(ctx, r, environment)
	if err != nil {
		return nil, err
	}
	found, err := s.snapshotRows(ctx, r, environment, state.live)
	if err != nil {
		return nil, err
	}
	return s.files(ctx, r, environment, found)
}

// Live is the number of the revision that an environment serves, 0 for none.
func (s *Service) Live(ctx context.Context, environment string) (int64, error) {
	state, err := readEnvironment(ctx, s.o.DB.Read(), environment)
	return state.live, err
}

// Discard brings the draft back to what serves. version is that of the draft.
func (s *Service) Discard(ctx context.Context, p control.Principal, environment string, version int64) error {
	if err := s.may(ctx, p, environment, access.ManageAPIs, access.ManagePolicies); err != nil {
		return err
	}
	if err := s.writable(environment); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if state.draft != version {
			return control.ErrConflict
		}
		live, err := s.snapshotRows(ctx, tx.Reader, environment, state.live)
		if err != nil {
			return err
		}
		if err := s.replaceDraft(ctx, tx, p, environment, &state, live); err != nil {
			return err
		}
		return s.o.Auditor.Record(ctx, tx, control.Told(p, environment, audit.DraftDiscarded, "draft of "+environment))
	})
}

// replaceDraft makes the draft equal to some rows, and nobody its editor.
func (s *Service) replaceDraft(ctx context.Context, tx *store.Tx, p control.Principal, environment string, state *environmentRow, next []row) error {
	now, err := s.draftRows(ctx, tx.Reader, environment)
	if err != nil {
		return err
	}
	gone, changed := apart(now, next)
	state.draft++
	for _, one := range gone {
		if err := deleteRow(ctx, tx, environment, one.Key); err != nil {
			return err
		}
	}
	for _, one := range changed {
		one.version, one.author, one.at = state.draft, p.Operator, s.o.Now().UnixMilli()
		if err := putRow(ctx, tx, environment, one); err != nil {
			return err
		}
	}
	return s.settle(ctx, tx, environment, state)
}

// settle says that nobody has changed the draft, and nobody is asked to review it.
func (s *Service) settle(ctx context.Context, tx *store.Tx, environment string, state *environmentRow) error {
	if _, err := tx.Exec(ctx, `DELETE FROM resource_editors WHERE environment = ?`, environment); err != nil {
		return fmt.Errorf("settling the draft: %w", err)
	}
	if err := unrefuse(ctx, tx, environment); err != nil {
		return err
	}
	state.askedBy, state.askedAt, state.askedDraft, state.askedNote = "", 0, 0, ""
	return writeEnvironment(ctx, tx, environment, *state)
}

// SetReview says whether a second person must agree to what is published.
func (s *Service) SetReview(ctx context.Context, p control.Principal, environment string, review bool) error {
	if err := s.may(ctx, p, environment, access.ManageAccess); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil || state.review == review {
			return err
		}
		state.review = review
		if err := writeEnvironment(ctx, tx, environment, state); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.ReviewSet, "environment "+environment)
		e.Before, e.After = fmt.Appendf(nil, `{"review":%t}`, !review), fmt.Appendf(nil, `{"review":%t}`, review)
		return s.o.Auditor.Record(ctx, tx, e)
	})
}

// errNothing says that a draft equals what serves.
var errNothing = errors.New("the draft changes nothing, so there is nothing to publish")
