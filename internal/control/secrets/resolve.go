package secrets

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/secret"
)

// previousField picks the value before the last rotation while its overlap runs, and
// the current one else.
const previousField = "previous"

// Resolve gives the value that a reference leads to, "${secret:GROUP/NAME}" or
// "${secret:GROUP/NAME.FIELD}". It is for the program itself: nobody is asked whether
// they may.
func (s *Service) Resolve(ctx context.Context, environment, reference string) (string, error) {
	ref, err := secret.ParseStored(reference)
	if err != nil {
		return "", err
	}
	return s.Value(ctx, environment, ref)
}

// Value is Resolve for a reference that was read; without pins it is pinned to what
// serves now.
func (s *Service) Value(ctx context.Context, environment string, ref secret.Stored) (string, error) {
	if len(ref.Pins) == 0 {
		var err error
		if ref, err = s.Pin(ctx, environment, ref); err != nil {
			return "", err
		}
	}
	r := s.o.DB.Read()
	g, err := s.group(ctx, r, environment, ref.Group)
	if err != nil {
		return "", unknown(err, "there is no secret group of this name")
	}
	m, err := s.open(ctx, r, environment, g, ref.Name, ref.Pins[0])
	if err != nil {
		return "", err
	}
	entry, err := s.entry(ctx, r, environment, ref.Group, ref.Name)
	if err != nil {
		return "", unknown(err, "there is no secret of this name in the group")
	}
	field, err := fieldOf(entry.Kind, ref.Field)
	if err != nil {
		return "", err
	}
	if entry.Kind == TLSContext {
		c, err := contextOf(m)
		if err != nil {
			return "", err
		}
		return s.whole(ctx, r, environment, g, c, ref.Pins[1:])
	}
	return m.Fields[field], nil
}

func unknown(err error, words string) error {
	if errors.Is(err, control.ErrNotFound) {
		return errors.New(words)
	}
	return err
}

func fieldOf(kind Kind, name string) (string, error) {
	if name == previousField && kind.Generated() != "" {
		return kind.Generated(), nil
	}
	field, ok := kind.field(name)
	if !ok {
		fields := kind.Fields()
		return "", fmt.Errorf("a %s has no such field; write the name with .%s behind it", kind, fields[0])
	}
	return field, nil
}

// Pin gives the reference with the versions that serve now.
func (s *Service) Pin(ctx context.Context, environment string, ref secret.Stored) (secret.Stored, error) {
	ref = ref.Bare()
	r := s.o.DB.Read()
	entry, err := s.entry(ctx, r, environment, ref.Group, ref.Name)
	if err != nil {
		return ref, unknown(err, "there is no such secret in this environment; make it, or correct the reference")
	}
	if _, err := fieldOf(entry.Kind, ref.Field); err != nil {
		return ref, err
	}
	number := entry.Current
	if ref.Field == previousField && entry.previous != 0 && s.o.Now().Before(entry.OverlapUntil) {
		number = entry.previous
	}
	ref.Pins = []int{number}
	if entry.Kind != TLSContext {
		return ref, nil
	}
	for _, one := range entry.Facts.Context.parts() {
		used, err := s.entry(ctx, r, environment, ref.Group, one.name)
		if err != nil {
			return ref, unknown(err, "its "+one.field+" does not exist any more")
		}
		ref.Pins = append(ref.Pins, used.Current)
	}
	return ref, nil
}
