package access

import (
	"context"
	"fmt"

	"farrier.dev/farrier/internal/store"
)

// checkEnvironment refuses what is no environment.
func checkEnvironment(e *Environment) (err error) {
	if !environmentID.MatchString(e.ID) {
		return fmt.Errorf("%w: the id of an environment must be lower-case letters, digits and dashes, 63 at most", ErrInvalid)
	}
	if e.Name == "" {
		e.Name = e.ID
	}
	if e.Name, err = text("the name", e.Name, 1, 128); err != nil {
		return err
	}
	if !e.Kind.known() {
		return fmt.Errorf("%w: the kind of an environment must be production, sandbox or design", ErrInvalid)
	}
	return nil
}

// CreateEnvironment makes an environment in a business group.
func (s *Service) CreateEnvironment(ctx context.Context, by By, e Environment) (Environment, error) {
	if err := checkEnvironment(&e); err != nil {
		return Environment{}, err
	}
	e.Version, e.Own = 1, false
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if _, ok := t.groups[e.Group]; !ok {
			return ErrUnknown
		}
		if _, taken := t.environments[e.ID]; taken {
			return ErrTaken
		}
		_, err = tx.Exec(ctx, "INSERT INTO access_environments (id, name, kind, grp, review, created_at, version) VALUES (?, ?, ?, ?, ?, ?, 1)",
			e.ID, e.Name, string(e.Kind), e.Group, e.Review, s.now().UnixMilli())
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionEnvironmentCreated, "environment "+e.ID, nil, e)
	})
	if err != nil {
		return Environment{}, fmt.Errorf("making an environment: %w", err)
	}
	return e, nil
}

// UpdateEnvironment changes name, kind, review and group of an environment.
func (s *Service) UpdateEnvironment(ctx context.Context, by By, e Environment) (Environment, error) {
	if err := checkEnvironment(&e); err != nil {
		return Environment{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		before, ok := t.environments[e.ID]
		if _, there := t.groups[e.Group]; !ok || !there {
			return ErrUnknown
		}
		if before.Version != e.Version {
			return ErrVersion
		}
		if e.Group != before.Group {
			// Grants in the environment stay with it.
			if _, err := tx.Exec(ctx, "UPDATE access_grants SET grp = ? WHERE grp = ? AND environment = ?", e.Group, before.Group, e.ID); err != nil {
				return err
			}
		}
		e.Version = before.Version + 1
		e.Own = e.ID == s.own
		if _, err := tx.Exec(ctx, "UPDATE access_environments SET name = ?, kind = ?, grp = ?, review = ?, version = ? WHERE id = ?",
			e.Name, string(e.Kind), e.Group, e.Review, e.Version, e.ID); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionEnvironmentChanged, "environment "+e.ID, before, e)
	})
	if err != nil {
		return Environment{}, fmt.Errorf("changing an environment: %w", err)
	}
	return e, nil
}

// DeleteEnvironment deletes an environment, and the grants in it; ErrNotEmpty when
// something of other rooms lies in it.
func (s *Service) DeleteEnvironment(ctx context.Context, by By, id string, version int64) error {
	if id == s.own && id != "" {
		return fmt.Errorf("%w: this process serves environment %s, so that it can not be deleted", ErrInvalid, id)
	}
	err := s.change(ctx, func(tx *store.Tx) error {
		t, err := readTree(ctx, tx.Reader)
		if err != nil {
			return err
		}
		e, ok := t.environments[id]
		if !ok {
			return ErrUnknown
		}
		if e.Version != version {
			return ErrVersion
		}
		if err := s.empty(ctx, tx, id, ""); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_grants WHERE environment = ?", id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM access_environments WHERE id = ?", id); err != nil {
			return err
		}
		return s.tell(ctx, tx, by, ActionEnvironmentDeleted, "environment "+id, e, nil)
	})
	return wrap("deleting an environment", err)
}
