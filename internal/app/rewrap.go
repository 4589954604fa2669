package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/authserver"
	controls "farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/control/idempotency"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/resource"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/control/sso"
	"farrier.dev/farrier/internal/monitor/capture"
	"farrier.dev/farrier/internal/secret"
)

// sealedColumns are all columns of the control database whose values the master key
// has sealed. A column that is missing here can't be read any more after a rotation
// whose old key was forgotten.
func sealedColumns() []secrets.Column {
	always := func(purpose string) func([]string) string { return func([]string) string { return purpose } }
	return []secrets.Column{
		secrets.DataKeys(),
		{Table: "access_factors", Sealed: "data", Keys: []string{"id"}, Purpose: always(access.SealPurpose)},
		{Table: "alerts_channels", Sealed: "sealed", Keys: []string{"environment", "id"}, Purpose: alert.SealPurpose},
		{Table: "authserver_keys", Sealed: "sealed", Keys: []string{"id"}, Purpose: always(authserver.SealPurpose)},
		{Table: "discovery_key", Sealed: "sealed", Keys: []string{"environment"}, Bytes: true, Purpose: always(keyPurpose)},
		{Table: "fleet_authority", Sealed: "sealed_key", Purpose: always(fleet.SealPurpose)},
		{Table: "idempotency_answers", Sealed: "answer", Keys: []string{"operator", "key_hash"}, Purpose: always(idempotency.SealPurpose)},
		{Table: "resource_texts", Sealed: "sealed", Keys: []string{"environment", "digest"}, Purpose: always(resource.SealPurpose)},
		{Table: "sso_key", Sealed: "sealed", Keys: []string{"id"}, Purpose: sso.SealedFor},
		{Table: "store_values", Sealed: "value", Keys: []string{"name"}, Purpose: always(sameKeyPurpose)},
	}
}

// sealedTables are those of the sealed columns whose tables were made already.
func (c *control) sealedTables(ctx context.Context) ([]secrets.Column, error) {
	tables, err := c.controlDB.Read().Tables(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(sealedColumns(), func(one secrets.Column) bool { return !slices.Contains(tables, one.Table) }), nil
}

// rotateMaster makes a new master key and seals with it what is sealed. The keys
// before stay in the key file until forgetMasters lets go of them.
func (c *control) rotateMaster(ctx context.Context, p controls.Principal, refs *references, publisher *publish.Publisher) (id string, rewrapped int, err error) {
	if id, err = refs.keyring.Rotate(ctx); err != nil {
		return "", 0, err
	}
	e := controls.Told(p, "", audit.MasterKeyRotated, "master key "+id)
	if err := c.audit.Record(ctx, nil, e); err != nil {
		return id, 0, err
	}
	rewrapped, err = c.rewrap(ctx, refs, publisher)
	return id, rewrapped, err
}

// rewrap seals anew what an older master key has sealed, all but captured requests,
// which go by themselves. It goes on where it was stopped.
func (c *control) rewrap(ctx context.Context, refs *references, publisher *publish.Publisher) (done int, err error) {
	columns, err := c.sealedTables(ctx)
	errs := []error{err}
	for _, one := range columns {
		n, err := secrets.RewrapColumn(ctx, c.controlDB, one, refs.keyring)
		done, errs = done+n, append(errs, err)
	}
	n, err := c.posts.rewrap(refs.keyring)
	done, errs = done+n, append(errs, err)
	for _, file := range []func() (bool, error){refs.rewrap, c.drafts.rewrap, func() (bool, error) { return publisher.Rewrap(refs.keyring.Stale) }} {
		changed, err := file()
		if errs = append(errs, err); changed {
			done++
		}
	}
	return done, errors.Join(errs...)
}

// rewrapFile seals a file of WriteSealed anew when another master key has sealed it.
func rewrapFile(keyring *secret.Keyring, path, purpose string) (bool, error) {
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !keyring.Stale(string(sealed)) {
		return false, err
	}
	plain, err := keyring.Open(purpose, string(sealed))
	if err != nil {
		return false, fmt.Errorf("sealing %s anew: %w", filepath.Base(path), err)
	}
	return true, keyring.WriteSealed(path, purpose, plain)
}

// forgetMasters removes the retired master keys that nothing is sealed by any more. It
// says which, and for those that stay where something is that they have sealed.
func (c *control) forgetMasters(ctx context.Context, p controls.Principal, refs *references, publisher *publish.Publisher) (forgotten []string, needed map[string][]string, err error) {
	if _, err := c.rewrap(ctx, refs, publisher); err != nil {
		return nil, nil, err
	}
	places, err := sealedFiles(refs.cfg.Data)
	if err != nil {
		return nil, nil, err
	}
	columns, err := c.sealedTables(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, one := range columns {
		counts, err := secrets.SealedBy(ctx, c.controlDB, one)
		if err != nil {
			return nil, nil, err
		}
		for id := range counts {
			places[id] = append(places[id], "table "+one.Table)
		}
	}
	needed = map[string][]string{}
	for _, id := range refs.keyring.Retired() {
		if len(places[id]) > 0 {
			needed[id] = places[id]
			continue
		}
		if err := refs.keyring.Forget(ctx, id); err != nil {
			return forgotten, needed, err
		}
		forgotten = append(forgotten, id)
		if err := c.audit.Record(ctx, nil, controls.Told(p, "", audit.MasterKeyForgotten, "master key "+id)); err != nil {
			return forgotten, needed, err
		}
	}
	return forgotten, needed, nil
}

// toldForgotten says in words what forgetMasters did.
func toldForgotten(forgotten []string, needed map[string][]string) string {
	var out strings.Builder
	for _, id := range forgotten {
		_, _ = fmt.Fprintf(&out, "master key %s is forgotten; nothing was sealed by it\n", id)
	}
	for _, id := range slices.Sorted(maps.Keys(needed)) {
		_, _ = fmt.Fprintf(&out, "master key %s stays; it has sealed what is in: %s\n", id, strings.Join(needed[id], ", "))
	}
	if out.Len() == 0 {
		return "there is no retired master key\n"
	}
	return out.String()
}

// sealedFileLimit bounds the files that are searched, in bytes; ours are smaller.
const sealedFileLimit = 256 << 20

// sealedFiles finds by the id of a master key the files of a data folder in which
// something is that it has sealed.
func sealedFiles(data string) (map[string][]string, error) {
	places := map[string][]string{}
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		name, _ := filepath.Rel(data, path)
		if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".sealed" && !strings.HasPrefix(name, capture.Folder+string(filepath.Separator)) {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() > sealedFileLimit {
			return fmt.Errorf("%s has %d bytes; what has sealed it can't be told", name, info.Size())
		}
		var text []byte
		if err == nil {
			text, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, id := range sealersOf(text) {
			places[id] = append(places[id], name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for what is sealed: %w", err)
	}
	return places, nil
}

// sealersOf are the ids of the master keys that have sealed what stands in text.
func sealersOf(text []byte) []string {
	const longest = 64 // more than the mark and an id have
	mark := []byte(secret.SealMark)
	found := map[string]bool{}
	for i := bytes.Index(text, mark); i >= 0; i = bytes.Index(text, mark) {
		if id := secret.SealedBy(string(text[i:min(i+longest, len(text))])); id != "" {
			found[id] = true
		}
		text = text[i+len(mark):]
	}
	return slices.Sorted(maps.Keys(found))
}
