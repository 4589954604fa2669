package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// The bounds of the tree.
const (
	maxGroupDepth = 32
	maxTeamDepth  = 10
)

// environmentID is what an environment may be called by programs.
var environmentID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// EnvironmentKind says what an environment is for.
type EnvironmentKind string

// The kinds of environments, as in Anypoint.
const (
	Production EnvironmentKind = "production"
	Sandbox    EnvironmentKind = "sandbox"
	Design     EnvironmentKind = "design"
)

// EnvironmentKinds lists the kinds of environments.
func EnvironmentKinds() []EnvironmentKind { return []EnvironmentKind{Production, Sandbox, Design} }

func (k EnvironmentKind) known() bool { return k == Production || k == Sandbox || k == Design }

// Group is a business group.
type Group struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
	// Path are the ids from the top, which scopes carry; it changes when the group moves.
	Path    string `json:"path"`
	Version int64  `json:"version"`
}

// Environment is where APIs are served and managed.
type Environment struct {
	ID   string          `json:"id"`
	Name string          `json:"name"`
	Kind EnvironmentKind `json:"kind"`
	// Group is the id of the business group that it belongs to.
	Group string `json:"group"`
	// Review says that a second person is needed to publish.
	Review bool `json:"review"`
	// Own says that this process serves it.
	Own     bool  `json:"own,omitempty"`
	Version int64 `json:"version"`
}

// tree is all business groups and environments. It does not change once it was read.
type tree struct {
	groups       map[string]Group
	environments map[string]Environment
	order        []string // ids of groups, parents first
}

func readTree(ctx context.Context, r store.Reader) (*tree, error) {
	groups, err := collect(ctx, r, func(scan func(...any) error) (g Group, err error) {
		return g, scan(&g.ID, &g.Name, &g.Parent, &g.Version)
	}, "SELECT id, name, parent, version FROM access_groups ORDER BY name, id")
	if err != nil {
		return nil, err
	}
	environments, err := collect(ctx, r, func(scan func(...any) error) (e Environment, err error) {
		return e, scan(&e.ID, &e.Name, &e.Kind, &e.Group, &e.Review, &e.Version)
	}, "SELECT id, name, kind, grp, review, version FROM access_environments ORDER BY id")
	if err != nil {
		return nil, err
	}
	t := &tree{groups: make(map[string]Group, len(groups)), environments: make(map[string]Environment, len(environments))}
	below := map[string][]Group{}
	for _, g := range groups {
		below[g.Parent] = append(below[g.Parent], g)
	}
	t.place("", "", below, 0)
	for _, e := range environments {
		t.environments[e.ID] = e
	}
	return t, nil
}

// place gives the groups below one their paths. What does not hang below the top, or
// too deep, is not in the tree.
func (t *tree) place(parent, path string, below map[string][]Group, depth int) {
	if depth > maxGroupDepth {
		return
	}
	for _, g := range below[parent] {
		g.Path = strings.TrimPrefix(path+"/"+g.ID, "/")
		t.groups[g.ID] = g
		t.order = append(t.order, g.ID)
		t.place(g.ID, g.Path, below, depth+1)
	}
}

// scope is the scope of a group, or of an environment in it.
func (t *tree) scope(group, environment string) (Scope, bool) {
	g, ok := t.groups[group]
	if !ok {
		return Scope{}, false
	}
	if environment == "" {
		return Scope{Group: g.Path}, true
	}
	e, ok := t.environments[environment]
	return Scope{Group: g.Path, Environment: environment}, ok && e.Group == group
}

// ScopeOf is the scope of an environment; ErrUnknown when there is none.
func (s *Service) ScopeOf(ctx context.Context, environment string) (Scope, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return Scope{}, fmt.Errorf("looking for an environment: %w", err)
	}
	at, ok := t.scope(t.environments[environment].Group, environment)
	if !ok || environment == "" {
		return Scope{}, ErrUnknown
	}
	return at, nil
}

// GroupScope is the scope of a business group; ErrUnknown when there is none.
func (s *Service) GroupScope(ctx context.Context, group string) (Scope, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return Scope{}, fmt.Errorf("looking for a business group: %w", err)
	}
	at, ok := t.scope(group, "")
	if !ok {
		return Scope{}, ErrUnknown
	}
	return at, nil
}

// Groups are all business groups, each after the one it lies in.
func (s *Service) Groups(ctx context.Context) ([]Group, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the business groups: %w", err)
	}
	list := make([]Group, 0, len(t.order))
	for _, id := range t.order {
		list = append(list, t.groups[id])
	}
	return list, nil
}

// Environments are all environments by their ids.
func (s *Service) Environments(ctx context.Context) (map[string]Environment, error) {
	t, err := s.currentTree(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the environments: %w", err)
	}
	list := make(map[string]Environment, len(t.environments))
	for id, e := range t.environments {
		e.Own = id == s.own
		list[id] = e
	}
	return list, nil
}

// CreateGroup makes a business group with a random id in another.
func (s *Service) CreateGroup(ctx context.Context, by By, g Group) (Group, error) {
	name, err := text("the name", g.Name, 1, 128)
	if err != nil {
		return Group{}, err
	}
	made := Group{ID: secret.NewID(), Name: name, Parent: g.Parent, Version: 1}
	err = s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if err := t.fits(made, made.Parent, 1); err != nil {
			return err
		}
		made.Path = t.groups[made.Parent].Path + "/" + made.ID
		_, err = tx.Exec(ctx, "INSERT INTO access_groups (id, name, parent, created_at, version) VALUES (?, ?, ?, ?, 1)",
			made.ID, made.Name, made.Parent, s.now().UnixMilli())
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionGroupCreated, "group "+made.ID, nil, made)
	})
	if err != nil {
		return Group{}, fmt.Errorf("making a business group: %w", err)
	}
	return made, nil
}

// fits refuses a place that is none, too deep, or has one of that name.
func (t *tree) fits(g Group, parent string, height int) error {
	above, ok := t.groups[parent]
	switch {
	case !ok:
		return ErrUnknown
	case strings.Count(above.Path, "/")+height > maxGroupDepth-1:
		return fmt.Errorf("%w: business groups may lie at most %d deep", ErrInvalid, maxGroupDepth)
	}
	for id, other := range t.groups {
		if id != g.ID && other.Parent == parent && other.Name == g.Name {
			return ErrTaken
		}
	}
	return nil
}

// height is how many levels a group and what lies in it take.
func (t *tree) height(group string) int {
	path, most := t.groups[group].Path, 0
	for _, g := range t.groups {
		if g.Path == path || strings.HasPrefix(g.Path, path+"/") {
			most = max(most, strings.Count(g.Path, "/")-strings.Count(path, "/")+1)
		}
	}
	return most
}

// UpdateGroup renames a business group, or moves it to another with all that lies in
// it. The organisation itself can't be moved, and none into itself.
func (s *Service) UpdateGroup(ctx context.Context, by By, g Group) (Group, error) {
	name, err := text("the name", g.Name, 1, 128)
	if err != nil {
		return Group{}, err
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		before, ok := t.groups[g.ID]
		switch {
		case !ok:
			return ErrUnknown
		case before.Version != g.Version:
			return ErrVersion
		case g.ID == Root && g.Parent != "":
			return fmt.Errorf("%w: the organisation itself can not be moved", ErrInvalid)
		}
		after := before
		after.Name, after.Parent, after.Version = name, g.Parent, before.Version+1
		if g.ID != Root {
			if to := t.groups[g.Parent].Path; to == before.Path || strings.HasPrefix(to, before.Path+"/") {
				return fmt.Errorf("%w: a business group can not be moved into itself", ErrInvalid)
			}
			if err := t.fits(after, g.Parent, t.height(g.ID)); err != nil {
				return err
			}
			after.Path = t.groups[g.Parent].Path + "/" + g.ID
		}
		if _, err := tx.Exec(ctx, "UPDATE access_groups SET name = ?, parent = ?, version = ? WHERE id = ?", after.Name, after.Parent, after.Version, g.ID); err != nil {
			return err
		}
		g = after
		return s.tell(ctx, tx, by, ActionGroupChanged, "group "+g.ID, before, after)
	})
	if err != nil {
		return Group{}, fmt.Errorf("changing a business group: %w", err)
	}
	return g, nil
}

// DeleteGroup deletes an empty business group; ErrNotEmpty when something lies in it.
func (s *Service) DeleteGroup(ctx context.Context, by By, id string, version int64) error {
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		g, ok := t.groups[id]
		switch {
		case !ok:
			return ErrUnknown
		case g.Version != version:
			return ErrVersion
		case id == Root:
			return fmt.Errorf("%w: the organisation itself can not be deleted", ErrInvalid)
		}
		for _, other := range t.groups {
			if other.Parent == id {
				return ErrNotEmpty
			}
		}
		for _, e := range t.environments {
			if e.Group == id {
				return ErrNotEmpty
			}
		}
		if err := s.empty(ctx, tx, "", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_grants WHERE grp = ?", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_groups WHERE id = ?", id); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionGroupDeleted, "group "+id, g, nil)
	})
	return wrap("deleting a business group", err)
}

// wrap says what was being done; nil stays nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

var errNoSealer = errors.New("there is no master key to seal it with")
