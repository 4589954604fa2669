package secrets

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/store"
)

const (
	listLimit = 10 << 20 // bytes of a revocation list that is read
	listTime  = 15 * time.Second
)

func contextOf(m material) (*Context, error) {
	var c Context
	if err := json.Unmarshal([]byte(m.Fields["settings"]), &c); err != nil {
		return nil, errors.New("a kept TLS context can not be read")
	}
	return &c, nil
}

// fetch loads a revocation list and keeps it as a new version when it is another.
func (s *Service) fetch(ctx context.Context, environment, group, name string) (changed bool, err error) {
	if s.o.Fetch == nil {
		return false, nil
	}
	r := s.o.DB.Read()
	g, err := s.group(ctx, r, environment, group)
	if err != nil {
		return false, err
	}
	entry, err := s.entry(ctx, r, environment, group, name)
	if err != nil {
		return false, err
	}
	m, err := s.open(ctx, r, environment, g, name, entry.Current)
	if err != nil {
		return false, err
	}
	minutes, err := strconv.Atoi(m.Fields["minutes"])
	if err != nil {
		return false, err
	}
	next := s.o.Now().Add(time.Duration(minutes) * time.Minute).UnixMilli()
	// The next time is set first: a list that can't be fetched is not asked for each minute.
	if err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE secrets_entries SET next_fetch = ? WHERE environment = ? AND group_name = ? AND name = ?", next, environment, group, name)
		return err
	}); err != nil {
		return false, err
	}
	list, err := s.load(ctx, m.Fields["url"])
	if err != nil {
		return false, err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list.Raw}))
	if text == m.Fields["crl"] {
		return false, nil
	}
	if before, _ := pem.Decode([]byte(m.Fields["crl"])); before != nil {
		old, err := x509.ParseRevocationList(before.Bytes)
		if err == nil && old.Number != nil && list.Number != nil && list.Number.Cmp(old.Number) < 0 {
			return false, errors.New("the list that was fetched is older than the one that is kept")
		}
	}
	fields := maps.Clone(m.Fields)
	fields["crl"] = text
	facts := Facts{List: &ListFacts{
		URL: fields["url"], Minutes: minutes, Issuer: short(list.Issuer.String()), Revoked: len(list.RevokedCertificateEntries), NextUpdate: list.NextUpdate.UTC(),
	}}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := s.put(ctx, tx, putting{
			p: control.Principal{Operator: system}, environment: environment, group: group, name: name, kind: CRL,
			m: made{fields: fields, facts: facts, expires: list.NextUpdate}, how: "fetched", action: audit.SecretRotated, seen: entry.Version,
		})
		return err
	})
	return err == nil, err
}

func (s *Service) load(ctx context.Context, url string) (*x509.RevocationList, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	res, err := s.o.Fetch.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching: the server answers HTTP %d", res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, listLimit+1))
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	if len(text) > listLimit {
		return nil, fmt.Errorf("fetching: the list is longer than %d MiB", listLimit>>20)
	}
	if block, _ := pem.Decode(text); block != nil {
		text = block.Bytes
	}
	list, err := x509.ParseRevocationList(text)
	if err != nil {
		return nil, errors.New("fetching: what the server sends is no certificate revocation list")
	}
	return list, nil
}
