package inventory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/store"
)

// The bounds of what operators write.
const (
	maxName   = 80
	maxTags   = 20
	maxPath   = 2048
	maxHost   = 300
	maxMethod = 40
)

// Edit decides about a template for good: whether a segment is a parameter (merge) or
// stands for itself (split), whether an operation is listed (list) or none (ignore).
func (s *Service) Edit(ctx context.Context, p control.Principal, e discovery.Edit) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	e.Method, e.Host, e.Path = strings.ToUpper(strings.TrimSpace(e.Method)), strings.ToLower(strings.TrimSpace(e.Host)), strings.TrimSpace(e.Path)
	switch {
	case !slices.Contains([]string{"merge", "split", "list", "ignore"}, e.Kind):
		return wrong("the decision must be merge, split, list or ignore")
	case e.Host == "" || len(e.Host) > maxHost || !printable(e.Host):
		return wrong("the host is missing or too long")
	case !strings.HasPrefix(e.Path, "/") || len(e.Path) > maxPath || !printable(e.Path):
		return wrong("the path must begin with a slash and be at most %d characters long", maxPath)
	case len(e.Method) > maxMethod || !printable(e.Method):
		return wrong("the method is too long")
	case e.Kind == "merge" && !strings.Contains(e.Path, "{"):
		return wrong("to make a segment a parameter write it in braces, as /orders/{orderId}")
	}
	e.By, e.At = p.Operator, s.o.Now().UTC()
	return s.edit(ctx, p, e, audit.InventoryEdited, func(t *tables, tx *store.Tx) error { return t.memory.AddEdit(ctx, tx, e) })
}

// Unedit takes a decision back.
func (s *Service) Unedit(ctx context.Context, p control.Principal, e discovery.Edit) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	return s.edit(ctx, p, e, audit.InventoryEditEnded, func(t *tables, tx *store.Tx) error { return t.memory.RemoveEdit(ctx, tx, e) })
}

// edit changes the decisions together with their entry in the audit log, and teaches
// the learner.
func (s *Service) edit(ctx context.Context, p control.Principal, e discovery.Edit, action audit.Action, change func(t *tables, tx *store.Tx) error) error {
	t, err := s.tables()
	if err != nil {
		return err
	}
	err = s.o.Write(ctx, func(tx *store.Tx) error {
		if err := change(t, tx); err != nil {
			return err
		}
		return s.o.Record(ctx, tx, audit.Entry{
			Operator: p.Operator, Action: action, Object: cut("operation "+e.Method+" "+e.Host+e.Path, 250), Outcome: audit.Done, Detail: map[string]string{"decision": e.Kind},
		})
	})
	if errors.Is(err, keep.ErrTooMany) {
		return wrong("%v", err)
	}
	if err != nil {
		return err
	}
	// Who reads later teaches later, so that the learner ends with all decisions.
	s.deciding.Lock()
	defer s.deciding.Unlock()
	all, err := t.memory.Edits(ctx)
	if err != nil {
		return err
	}
	s.o.Learner.Edit(all)
	s.stale.Store(true)
	return nil
}

// Subject is what marks belong to: an operation by its ID, or else an API.
type Subject struct{ Operation, API string }

func (s Subject) text() string {
	if s.Operation != "" {
		return subjectOperation(s.Operation)
	}
	return subjectAPI(s.API)
}

// Mark keeps owner, tags and labels of an operation or an API, in the place of those
// that were said before. Labels that begin with a minus take away concluded ones.
func (s *Service) Mark(ctx context.Context, p control.Principal, of Subject, owner string, tags, labels []string) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	pic, err := s.now(ctx, p)
	if err != nil {
		return err
	}
	t, err := s.tables()
	if err != nil {
		return err
	}
	if _, known := pic.byID[of.Operation]; of.Operation != "" && !known || of.Operation == "" && of.API == "" {
		return control.ErrNotFound
	}
	m := keep.Marks{Owner: strings.TrimSpace(owner)}
	for _, one := range tags {
		if one = strings.TrimSpace(one); one != "" && !slices.Contains(m.Tags, one) {
			m.Tags = append(m.Tags, one)
		}
	}
	for _, one := range labels {
		one = strings.ToLower(strings.TrimSpace(one))
		switch bare, not := strings.CutPrefix(one, "-"); {
		case bare == "":
		case not:
			m.NotLabels = append(m.NotLabels, bare)
		default:
			m.Labels = append(m.Labels, bare)
		}
	}
	all := slices.Concat(m.Tags, m.Labels, m.NotLabels, []string{m.Owner})
	if len(all) > maxTags || slices.ContainsFunc(all, func(one string) bool { return !name(one) }) {
		return wrong("an owner, tag or label is at most %d characters long, on one line, without commas; and there are at most %d", maxName, maxTags)
	}
	err = s.o.Write(ctx, func(tx *store.Tx) error {
		if err := t.memory.Mark(ctx, tx, of.text(), m); err != nil {
			return err
		}
		return s.o.Record(ctx, tx, audit.Entry{Operator: p.Operator, Action: audit.InventoryMarked, Object: cut(of.text(), 250), Outcome: audit.Done, Detail: map[string]string{
			"owner": m.Owner, "tags": strings.Join(m.Tags, ", "), "labels": strings.Join(m.Labels, ", "),
		}})
	})
	if err == nil {
		s.stale.Store(true)
		err = s.Refresh(ctx) // whoever marked wants to see it
	}
	return err
}

// View is a saved query.
type View struct {
	Name, Query string
	// Shared says that all operators see it.
	Shared bool
}

// Views are those of the principal and the shared ones.
func (s *Service) Views(ctx context.Context, p control.Principal) ([]View, error) {
	if err := control.Authorise(p, access.ViewInventory, s.o.Where.At()); err != nil {
		return nil, err
	}
	t, err := s.tables()
	if err != nil {
		return nil, err
	}
	all, err := t.memory.Views(ctx, p.Operator)
	if err != nil {
		return nil, err
	}
	out := make([]View, len(all))
	for i, v := range all {
		out[i] = View{Name: v.Name, Query: v.Query, Shared: v.Operator == ""}
	}
	return out, nil
}

// SaveView keeps a query under a name, for its operator or for all. A view that was
// called was is renamed to it.
func (s *Service) SaveView(ctx context.Context, p control.Principal, v View, was string) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	v.Name, v.Query = strings.TrimSpace(v.Name), strings.TrimSpace(v.Query)
	if v.Name == "" || !name(v.Name) {
		return wrong("a view has a name of at most %d characters on one line, without commas", maxName)
	}
	if _, err := ParseQuery(v.Query, s.o.Now()); err != nil {
		return err
	}
	return s.view(ctx, p, v, "saved", func(t *tables, tx *store.Tx) error {
		if was != "" && was != v.Name {
			if err := t.memory.RemoveView(ctx, tx, operatorOf(p, v), was); err != nil {
				return err
			}
		}
		return t.memory.SaveView(ctx, tx, keep.View{Operator: operatorOf(p, v), Name: v.Name, Query: v.Query})
	})
}

// RemoveView removes a view.
func (s *Service) RemoveView(ctx context.Context, p control.Principal, v View) error {
	if err := control.Authorise(p, access.ManageInventory, s.o.Where.At()); err != nil {
		return err
	}
	return s.view(ctx, p, v, "removed", func(t *tables, tx *store.Tx) error {
		return t.memory.RemoveView(ctx, tx, operatorOf(p, v), v.Name)
	})
}

func operatorOf(p control.Principal, v View) string {
	if v.Shared {
		return ""
	}
	return p.Operator
}

func (s *Service) view(ctx context.Context, p control.Principal, v View, what string, change func(t *tables, tx *store.Tx) error) error {
	t, err := s.tables()
	if err != nil {
		return err
	}
	err = s.o.Write(ctx, func(tx *store.Tx) error {
		if err := change(t, tx); err != nil {
			return err
		}
		return s.o.Record(ctx, tx, audit.Entry{Operator: p.Operator, Action: audit.InventoryViewChanged, Object: cut("view "+v.Name, 250), Outcome: audit.Done, Detail: map[string]string{"change": what}})
	})
	if errors.Is(err, keep.ErrTooMany) {
		return wrong("%v", err)
	}
	return err
}

// name says whether a text may be an owner, tag, label or name of a view.
func name(text string) bool {
	return len(text) <= maxName && printable(text) && !strings.Contains(text, ",")
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// cut bounds a text that others chose.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
