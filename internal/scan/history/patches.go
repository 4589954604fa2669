package history

import (
	"context"
	"errors"
	"fmt"

	"farrier.dev/farrier/internal/store"
)

// In is the history of another environment.
func (h *History) In(environment string) *History { return &History{h.db, environment} }

// PatchesVersion grows with every change of the virtual patches; 0 before the first.
func (h *History) PatchesVersion(ctx context.Context) (version int64, err error) {
	err = h.db.Read().QueryRow(ctx, "SELECT version FROM scan_patches WHERE environment = ?", h.environment).Scan(&version)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("asking for virtual patches: %w", err)
	}
	return version, nil
}

// Patches are the virtual patches of the environment as they were written, empty
// before the first.
func (h *History) Patches(ctx context.Context) (text string, version int64, err error) {
	if text, version, err = h.patches(ctx, h.db.Read()); err != nil {
		return "", 0, fmt.Errorf("reading virtual patches: %w", err)
	}
	return text, version, nil
}

func (h *History) patches(ctx context.Context, r store.Reader) (text string, version int64, err error) {
	err = r.QueryRow(ctx, "SELECT patches, version FROM scan_patches WHERE environment = ?", h.environment).Scan(&text, &version)
	if errors.Is(err, store.ErrNoRows) {
		err = nil
	}
	return text, version, err
}

// ChangePatches writes what change makes of the virtual patches. Its error changes
// nothing.
func (h *History) ChangePatches(ctx context.Context, change func(text string) (string, error)) (text string, version int64, err error) {
	err = h.db.Write(ctx, func(tx *store.Tx) error {
		before, was, err := h.patches(ctx, tx.Reader)
		if err != nil {
			return err
		}
		if text, err = change(before); err != nil {
			return err
		}
		version = was + 1
		_, err = tx.Exec(ctx, `INSERT INTO scan_patches (environment, version, patches) VALUES (?, ?, ?)
			ON CONFLICT (environment) DO UPDATE SET version = excluded.version, patches = excluded.patches`, h.environment, version, text)
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("writing virtual patches: %w", err)
	}
	return text, version, nil
}
