package resource

import (
	"context"
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/store"
)

// Export writes the draft, or what is live, as one canonical manifest. It holds the
// secrets that stand in settings for whoever may change them; for others they are
// masked. Who read them is recorded.
func (s *Service) Export(ctx context.Context, p control.Principal, environment string, live bool) ([]byte, error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs, access.ViewPolicies); err != nil {
		return nil, err
	}
	r := s.o.DB.Read()
	found, err := s.draftRows(ctx, r, environment)
	if live && err == nil {
		var state environmentRow
		if state, err = readEnvironment(ctx, r, environment); err == nil {
			found, err = s.snapshotRows(ctx, r, environment, state.live)
		}
	}
	if err != nil {
		return nil, err
	}
	opened, err := s.texts(ctx, r, environment, found)
	if err != nil {
		return nil, err
	}
	whole := s.may(ctx, p, environment, access.ManageAPIs, access.ManagePolicies) == nil
	documents, secrets := make([]manifest.Document, len(opened)), 0
	for i := range opened {
		documents[i] = opened[i].Document
		if n := len(s.secrets(&documents[i])); n > 0 {
			secrets += n
			if !whole {
				if documents[i], err = s.masked(documents[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	if whole && secrets > 0 {
		e := control.Told(p, environment, audit.ResourcesExported, "resources of "+environment)
		e.Detail = map[string]string{"values": fmt.Sprint(secrets)}
		if err := s.o.DB.Write(ctx, func(tx *store.Tx) error { return s.o.Auditor.Record(ctx, tx, e) }); err != nil {
			return nil, err
		}
	}
	return manifest.Write(documents)
}

// Applying says how manifests are applied.
type Applying struct {
	// DryRun changes nothing and tells what would change.
	DryRun bool
	// Prune removes the resources of the draft that the manifests do not name.
	Prune bool
	// draft is the version of the draft that was looked at, nil for any.
	draft *int64
}

// Applied is what became, or would become, of a draft.
type Applied struct {
	// Draft is the version of the draft afterwards.
	Draft   int64    `json:"draft"`
	Changes []Change `json:"changes"`
	// Unchanged is how many resources are as the manifests say.
	Unchanged int  `json:"unchanged"`
	DryRun    bool `json:"dryRun,omitempty"`
}

// errDry ends a transaction that is not to be kept.
var errDry = fmt.Errorf("dry run")

// Apply makes the draft say what manifests say, all of it or nothing. What they do not
// name stays, unless it is pruned. Applied again they change nothing.
func (s *Service) Apply(ctx context.Context, p control.Principal, environment string, text []byte, o Applying) (*Applied, error) {
	if err := s.may(ctx, p, environment, access.ManageAPIs, access.ManagePolicies); err != nil {
		return nil, err
	}
	documents, found := manifest.Documents([]manifest.File{{Name: "manifest", Text: text}})
	if manifest.HasErrors(found) {
		wrong := &InvalidError{}
		for _, one := range found {
			wrong.Problems = append(wrong.Problems, s.problem(environment, one))
		}
		wrong.Problems = onlyErrors(wrong.Problems)
		return nil, wrong
	}
	return s.apply(ctx, p, environment, documents, o)
}

func (s *Service) apply(ctx context.Context, p control.Principal, environment string, documents []manifest.Document, o Applying) (*Applied, error) {
	seen := map[Key]manifest.Document{}
	for i := range documents {
		d := &documents[i]
		if err := s.changeable(environment, d); err != nil {
			return nil, err
		}
		if first, twice := seen[keyOf(d)]; twice {
			return nil, invalid("%s stands twice, in lines %d and %d", keyOf(d), first.Source.Line, d.Source.Line)
		}
		seen[keyOf(d)] = *d
	}
	out := &Applied{DryRun: o.DryRun}
	err := s.edit(ctx, p, environment, func(tx *store.Tx, e *editing) error {
		if o.draft != nil && *o.draft != e.state.draft-1 {
			return fmt.Errorf("%w: look at the changes again", control.ErrConflict)
		}
		before, err := s.draftRows(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		out.Draft = e.state.draft
		for i := range documents {
			if _, err := s.put(ctx, tx, e, documents[i]); err != nil {
				return err
			}
		}
		if o.Prune {
			if err := s.prune(ctx, tx, e, before, seen); err != nil {
				return err
			}
		}
		after, err := s.draftRows(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		if out.Changes, err = s.differences(ctx, tx, environment, before, after); err != nil {
			return err
		}
		out.Unchanged = len(documents) - len(slices.DeleteFunc(slices.Clone(out.Changes), func(c Change) bool { return c.Change == Removed }))
		if e.count == 0 {
			out.Draft--
		}
		if o.DryRun {
			return errDry
		}
		return nil
	})
	if err != nil && err != errDry { //nolint:errorlint // it is ours, and not wrapped
		return nil, err
	}
	return out, nil
}

func (s *Service) prune(ctx context.Context, tx *store.Tx, e *editing, before []row, named map[Key]manifest.Document) error {
	gone := slices.DeleteFunc(slices.Clone(before), func(r row) bool { _, kept := named[r.Key]; return kept })
	opened, err := s.texts(ctx, tx.Reader, e.environment, gone)
	if err != nil {
		return err
	}
	for i := range opened {
		if err := s.remove(ctx, tx, e, &opened[i]); err != nil {
			return err
		}
	}
	return nil
}

// differences tells how two lists of rows differ.
func (s *Service) differences(ctx context.Context, tx *store.Tx, environment string, before, after []row) ([]Change, error) {
	before, after = apart(before, after)
	old, err := s.texts(ctx, tx.Reader, environment, before)
	if err != nil {
		return nil, err
	}
	next, err := s.texts(ctx, tx.Reader, environment, after)
	if err != nil {
		return nil, err
	}
	return s.changes(old, next), nil
}
