package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/store"
)

// Filter narrows a list.
type Filter struct {
	// Kind and Namespace are empty for all; Query is part of the name.
	Kind, Namespace, Query string
	// After is where the list goes on, Limit how long it is; 0 means no limit.
	After string
	Limit int
}

// List lists the resources of a draft, and those that files hold, by kind, namespace
// and name; secrets are masked. next is the After of what follows, empty at the end.
func (s *Service) List(ctx context.Context, p control.Principal, environment string, f Filter) (list []Resource, next string, err error) {
	if err := s.may(ctx, p, environment, access.ViewAPIs); err != nil {
		return nil, "", err
	}
	policies := s.may(ctx, p, environment, access.ViewPolicies) == nil
	found, err := s.draftRows(ctx, s.o.DB.Read(), environment)
	if err != nil {
		return nil, "", err
	}
	owned := s.owners(environment)
	for key := range owned {
		found = append(found, row{Key: key})
	}
	slices.SortFunc(found, func(a, b row) int { return compareKeys(a.Key, b.Key) })
	found = slices.DeleteFunc(found, func(r row) bool {
		return !slices.Contains(Kinds(), r.Kind) || !policies && views(r.Kind) == access.ViewPolicies || f.Kind != "" && f.Kind != r.Kind ||
			f.Namespace != "" && f.Namespace != r.Namespace || !strings.Contains(strings.ToLower(r.Name), strings.ToLower(f.Query))
	})
	if f.After != "" {
		if at := slices.IndexFunc(found, func(r row) bool { return r.String() == f.After }); at >= 0 {
			found = found[at+1:]
		}
	}
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[:f.Limit]
		next = found[f.Limit-1].String()
	}
	return s.listed(ctx, environment, found, owned, next)
}

func (s *Service) listed(ctx context.Context, environment string, found []row, owned map[Key]manifest.Resource, next string) ([]Resource, string, error) {
	kept := slices.DeleteFunc(slices.Clone(found), func(r row) bool { return r.digest == "" })
	opened, err := s.texts(ctx, s.o.DB.Read(), environment, kept)
	if err != nil {
		return nil, "", err
	}
	list := make([]Resource, 0, len(found))
	for _, r := range found {
		if r.digest == "" {
			list = append(list, managed(owned[r.Key]))
			continue
		}
		one := opened[0]
		opened = opened[1:]
		if one.Document, err = s.masked(one.Document); err != nil {
			return nil, "", err
		}
		list = append(list, one)
	}
	return list, next, nil
}

// managed is a resource that a file holds.
func managed(r manifest.Resource) Resource {
	return Resource{ManagedBy: place(r), Document: manifest.Document{Kind: r.Kind, Name: r.Name, Labels: r.Labels, Spec: json.RawMessage("{}")}}
}

// Get gives one resource of a draft, secrets masked.
func (s *Service) Get(ctx context.Context, p control.Principal, environment string, k Key) (Resource, error) {
	if err := s.may(ctx, p, environment, views(k.Kind)); err != nil {
		return Resource{}, err
	}
	one, err := s.get(ctx, s.o.DB.Read(), environment, k)
	if err != nil {
		if owned, ok := s.owners(environment)[k]; ok {
			return managed(owned), nil
		}
		return Resource{}, err
	}
	one.Document, err = s.masked(one.Document)
	return one, err
}

// get reads a resource of a draft with its secrets.
func (s *Service) get(ctx context.Context, r store.Reader, environment string, k Key) (Resource, error) {
	found, ok, err := draftRow(ctx, r, environment, k)
	if err != nil {
		return Resource{}, err
	}
	if !ok {
		return Resource{}, control.ErrNotFound
	}
	opened, err := s.texts(ctx, r, environment, []row{found})
	if err != nil {
		return Resource{}, err
	}
	return opened[0], nil
}

// Put creates a resource of a draft, when version is 0, or changes the one whose
// version that is; else it is ErrConflict. A text that is Mask keeps what it was.
func (s *Service) Put(ctx context.Context, p control.Principal, environment string, d manifest.Document, version int64) (Resource, error) {
	if err := s.may(ctx, p, environment, manages(d.Kind)); err != nil {
		return Resource{}, err
	}
	if err := s.changeable(environment, &d); err != nil {
		return Resource{}, err
	}
	var out Resource
	err := s.edit(ctx, p, environment, func(tx *store.Tx, e *editing) error {
		was, there, err := draftRow(ctx, tx.Reader, environment, keyOf(&d))
		switch {
		case err != nil:
			return err
		case version == 0 && there:
			return fmt.Errorf("%w: there is a %s already", control.ErrConflict, keyOf(&d))
		case version != 0 && !there:
			return control.ErrNotFound
		case version != was.version:
			return fmt.Errorf("%w: %s was last changed by %s", control.ErrConflict, keyOf(&d), was.author)
		}
		out, err = s.put(ctx, tx, e, d)
		return err
	})
	if err != nil {
		return Resource{}, err
	}
	out.Document, err = s.masked(out.Document)
	return out, err
}

// changeable refuses what a file holds, or everything where files alone count.
func (s *Service) changeable(environment string, d *manifest.Document) error {
	if err := s.writable(environment); err != nil {
		return err
	}
	if d.Name.Namespace == "" {
		d.Name.Namespace = revision.Name{Namespace: "default"}.Namespace
	}
	if owner, ok := s.owners(environment)[keyOf(d)]; ok {
		return fmt.Errorf("%w: %s by %s", control.ErrReadOnly, keyOf(d), place(owner))
	}
	return nil
}

// editing is one change of a draft, of any number of resources.
type editing struct {
	p           control.Principal
	environment string
	state       environmentRow
	count       int
	// mayUse tells of which groups the principal may use the secrets.
	mayUse func(group string) bool
}

// edit changes the draft in one transaction.
func (s *Service) edit(ctx context.Context, p control.Principal, environment string, change func(tx *store.Tx, e *editing) error) error {
	mayUse := func(string) bool { return false }
	if s.o.MayUse != nil {
		var err error
		if mayUse, err = s.o.MayUse(ctx, p, environment); err != nil {
			return err
		}
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		state, err := readEnvironment(ctx, tx.Reader, environment)
		if err != nil {
			return err
		}
		e := &editing{p: p, environment: environment, state: state, mayUse: mayUse}
		e.state.draft++
		if err := change(tx, e); err != nil || e.count == 0 {
			return err
		}
		if err := noteEditor(ctx, tx, environment, p.Operator); err != nil {
			return err
		}
		// What was to be reviewed is not what there is now.
		e.state.askedBy, e.state.askedAt, e.state.askedDraft, e.state.askedNote = "", 0, 0, ""
		return writeEnvironment(ctx, tx, environment, e.state)
	})
}

// put writes a resource into the draft; equal ones are left as they are.
func (s *Service) put(ctx context.Context, tx *store.Tx, e *editing, d manifest.Document) (Resource, error) {
	was, there, err := draftRow(ctx, tx.Reader, e.environment, keyOf(&d))
	if err != nil {
		return Resource{}, err
	}
	var before *manifest.Document
	if there {
		old, err := s.texts(ctx, tx.Reader, e.environment, []row{was})
		if err != nil {
			return Resource{}, err
		}
		before = &old[0].Document
	} else if err := roomLeft(ctx, tx, e.environment); err != nil {
		return Resource{}, err
	}
	if d, err = unmasked(d, before); err != nil {
		return Resource{}, err
	}
	live, err := s.live(ctx, tx.Reader, e, keyOf(&d))
	if err != nil {
		return Resource{}, err
	}
	if err := s.checked(e, &d, before, live); err != nil {
		return Resource{}, err
	}
	digest, err := s.keepText(ctx, tx, e.environment, &d)
	if err != nil {
		return Resource{}, err
	}
	if there && digest == was.digest {
		return Resource{Document: d, Version: was.version, Author: was.author}, nil
	}
	now := s.o.Now()
	next := row{Key: keyOf(&d), version: e.state.draft, digest: digest, author: e.p.Operator, at: now.UnixMilli()}
	if err := putRow(ctx, tx, e.environment, next); err != nil {
		return Resource{}, err
	}
	e.count++
	return Resource{Document: d, Version: next.version, Author: next.author, At: now.UTC()}, s.told(ctx, tx, e, before, &d)
}

func roomLeft(ctx context.Context, tx *store.Tx, environment string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM resource_drafts WHERE environment = ?`, environment).Scan(&n); err != nil {
		return fmt.Errorf("counting resources: %w", err)
	}
	if n >= maxResources {
		return invalid("an environment holds at most %d resources", maxResources)
	}
	return nil
}

// Delete removes a resource from a draft.
func (s *Service) Delete(ctx context.Context, p control.Principal, environment string, k Key, version int64) error {
	if err := s.may(ctx, p, environment, manages(k.Kind)); err != nil {
		return err
	}
	if err := s.changeable(environment, &manifest.Document{Kind: k.Kind, Name: revision.Name{Namespace: k.Namespace, Name: k.Name}}); err != nil {
		return err
	}
	return s.edit(ctx, p, environment, func(tx *store.Tx, e *editing) error {
		was, err := s.get(ctx, tx.Reader, environment, k)
		if err != nil {
			return err
		}
		if was.Version != version {
			return fmt.Errorf("%w: %s was last changed by %s", control.ErrConflict, k, was.Author)
		}
		return s.remove(ctx, tx, e, &was)
	})
}

func (s *Service) remove(ctx context.Context, tx *store.Tx, e *editing, r *Resource) error {
	if err := deleteRow(ctx, tx, e.environment, r.Key()); err != nil {
		return err
	}
	e.count++
	return s.told(ctx, tx, e, &r.Document, nil)
}

// told records a change of a resource.
func (s *Service) told(ctx context.Context, tx *store.Tx, e *editing, before, after *manifest.Document) error {
	d, action := after, audit.ResourceChanged
	switch {
	case after == nil:
		d, action = before, audit.ResourceRemoved
	case before == nil:
		action = audit.ResourceCreated
	}
	entry := control.Told(e.p, e.environment, action, keyOf(d).String())
	entry.Before, entry.After = s.picture(before, after), s.picture(after, before)
	return s.o.Auditor.Record(ctx, tx, entry)
}

// maxPicture bounds the fields of an entry in the audit log.
const maxPicture = 40

// picture is what a change made of a resource, the fields that differ from another
// state alone; secrets are masked.
func (s *Service) picture(d, other *manifest.Document) json.RawMessage {
	if d == nil {
		return nil
	}
	fields := map[string]string{}
	for _, c := range s.fieldChanges(other, d) {
		if len(fields) == maxPicture {
			fields["…"] = "more"
			break
		}
		if c.After != "" {
			fields[c.Field] = clip(c.After, 120)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil // text always marshals
	}
	return text
}

func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
