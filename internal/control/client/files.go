package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// FilePrefix begins the names of the files that Files gives; the publisher knows by
// "console/" that they lie on no disk.
const FilePrefix = "console/contracts/"

// maxPart bounds the text of one file, in bytes, well below what manifests may have.
const maxPart = 2 << 20

// Files are the contracts of an environment as Contract resources, in canonical
// form: one file for an API, or several for very many contracts. Contracts that give
// no access stand there with their state and without secrets, so that refusals can
// say why.
func (s *Service) Files(ctx context.Context, environment string) ([]manifest.File, error) {
	list, limits, secrets, err := s.current(ctx, environment)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return written(list, limits, secrets), nil
}

// current are the contracts of an environment as they are now, the limits of tiers by
// their ids, and the secrets that are right by application.
func (s *Service) current(ctx context.Context, environment string) (list []Contract, limits map[string][]Limit, secrets map[string][]writtenSecret, err error) {
	r := s.o.DB.Read()
	list, err = contracts(ctx, r, "WHERE c.environment = ? ORDER BY c.api, a.client_id", environment)
	if err != nil || len(list) == 0 {
		return nil, nil, nil, err
	}
	limits = map[string][]Limit{}
	all, err := tiers(ctx, r, "WHERE t.environment = ?", environment)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range all {
		limits[all[i].ID] = all[i].Limits
	}
	rows, err := r.Query(ctx, `SELECT application_id, hash, ends_at FROM clients_secrets WHERE (ends_at = 0 OR ends_at > ?)
		AND application_id IN (SELECT application_id FROM clients_contracts WHERE environment = ? AND state = 'APPROVED') ORDER BY application_id, ends_at, hash`, s.o.Now().UnixMilli(), environment)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading hashes: %w", err)
	}
	secrets = map[string][]writtenSecret{}
	err = each(rows, func() error {
		var id, hash string
		var ends int64
		err := rows.Scan(&id, &hash, &ends)
		one := writtenSecret{Hash: hash}
		if ends != 0 {
			one.Until = millis(ends).Format(time.RFC3339Nano)
		}
		secrets[id] = append(secrets[id], one)
		return err
	})
	return list, limits, secrets, err
}

// writtenSecret is a secret as a manifest has it.
type writtenSecret struct{ Hash, Until string }

func written(list []Contract, limits map[string][]Limit, secrets map[string][]writtenSecret) []manifest.File {
	var files []manifest.File
	var text bytes.Buffer
	name, part := "", 1
	end := func() {
		if text.Len() == 0 {
			return
		}
		file := FilePrefix + name
		if part > 1 {
			file = fmt.Sprintf("%s-%d", file, part)
		}
		files = append(files, manifest.File{Name: file + ".yaml", Text: bytes.Clone(text.Bytes())})
		text.Reset()
	}
	for i := range list {
		c := &list[i]
		switch {
		case c.API != name:
			end()
			name, part = c.API, 1
		case text.Len() > maxPart:
			end()
			part++
		}
		if text.Len() > 0 {
			text.WriteString("---\n")
		}
		writeContract(&text, c, limits[tierID(c.Tier)], secrets[c.Application])
	}
	end()
	return files
}

// Copied are the contracts that Files gave for a revision, written again from what the
// revision holds of them: it serves them while the database can't be asked.
func Copied(rev *revision.Revision) []manifest.File {
	if rev == nil {
		return nil
	}
	var list []Contract
	limits, secrets := map[string][]Limit{}, map[string][]writtenSecret{}
	for i := range rev.APIs {
		for _, one := range rev.APIs[i].Clients {
			if !strings.HasPrefix(one.Source.File, FilePrefix) {
				continue
			}
			sum := sha256.Sum256([]byte(rev.APIs[i].Name.String() + " " + one.ID))
			id := hex.EncodeToString(sum[:10])
			c := Contract{ID: id, Application: id, API: rev.APIs[i].Name.String(), ClientID: one.ID, ApplicationName: one.Name, State: State(one.State)}
			if one.State == "" {
				c.State = Approved
			}
			for _, s := range one.Secrets {
				kept := writtenSecret{Hash: s.Hash}
				if !s.Until.IsZero() {
					kept.Until = s.Until.UTC().Format(time.RFC3339Nano)
				}
				secrets[id] = append(secrets[id], kept)
			}
			if one.Tier != "" {
				c.Tier = &TierName{ID: id, Name: one.Tier}
			}
			for _, l := range one.Limits {
				limits[id] = append(limits[id], Limit{MaximumRequests: l.MaximumRequests, TimePeriodInMilliseconds: l.TimePeriodInMilliseconds})
			}
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b Contract) int {
		return cmp.Or(strings.Compare(a.API, b.API), strings.Compare(a.ClientID, b.ClientID))
	})
	return written(list, limits, secrets)
}

func writeContract(b *bytes.Buffer, c *Contract, limits []Limit, secrets []writtenSecret) {
	namespace, _, _ := strings.Cut(c.API, "/")
	put := func(format string, args ...any) { _, _ = fmt.Fprintf(b, format, args...) }
	put("apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Contract\nmetadata:\n  name: contract-%s\n  namespace: %s\n  annotations:\n    farrier/optional: \"true\"\n", c.ID, quoted(namespace))
	put("spec:\n  apiId: %s\n  client:\n    id: %s\n    name: %s\n", quoted(c.API), quoted(c.ClientID), quoted(c.ApplicationName))
	if c.State != Approved {
		put("  state: %s\n", c.State)
		return
	}
	for i, secret := range secrets {
		if i == 0 {
			put("    secrets:\n")
		}
		put("      - hash: %s\n", quoted(secret.Hash))
		if secret.Until != "" {
			put("        until: %s\n", quoted(secret.Until))
		}
	}
	if c.Tier == nil {
		return
	}
	put("  sla:\n    name: %s\n    limits:\n", quoted(c.Tier.Name))
	for _, l := range limits {
		put("      - maximumRequests: %d\n        timePeriodInMilliseconds: %d\n", l.MaximumRequests, l.TimePeriodInMilliseconds)
	}
}

// quoted is a text as a double-quoted scalar: what JSON escapes, YAML reads.
func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		return `""` // texts can always be written
	}
	return string(out)
}
