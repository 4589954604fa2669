package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/secrets/acme"
	"farrier.dev/farrier/internal/store"
)

// LetsEncrypt is the directory that is asked where none is named.
const LetsEncrypt = acme.LetsEncrypt

// ACME says how a keystore is obtained from an authority by ACME (RFC 8555).
type ACME struct {
	// Directory is the https address of the authority's directory; empty means Let's
	// Encrypt.
	Directory string `json:"directory,omitempty"`
	// Domains are the names of the certificate, 1 to 100, without wildcards.
	Domains []string `json:"domains"`
	// Contact is the e-mail address that the authority is told, empty for none.
	Contact string `json:"contact,omitempty"`
	// KeyID names an account that the authority knows from elsewhere; empty for none.
	KeyID string `json:"keyId,omitempty"`
	// Roots are certificates in PEM with which the directory is verified; empty means
	// those of the system.
	Roots string `json:"roots,omitempty"`
	// Agreed says that the terms of the authority are agreed to; it must be set.
	Agreed bool `json:"agreed"`
}

// ACMEInput is ACME as it is written.
type ACMEInput struct {
	ACME
	// HMAC is the key that belongs to KeyID, in base64url. It is kept sealed; empty
	// leaves the one that is kept.
	HMAC string `json:"hmac,omitempty"`
}

// The states of a certificate from an authority.
const (
	// ACMEPending says that the first is not there yet, ACMEValid that there is one,
	// ACMEFailing that the last attempt failed.
	ACMEPending = "pending"
	ACMEValid   = "valid"
	ACMEFailing = "failing"
)

// ACMECertificate is what may be known of a keystore that an authority issues.
type ACMECertificate struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	ACME
	State string `json:"state"`
	// Error is why the last attempt failed, Failures how many have since the last that
	// did not.
	Error    string `json:"error,omitempty"`
	Failures int    `json:"failures,omitempty"`
	// Until is when the certificate that was obtained last ends.
	Until   time.Time `json:"until,omitzero"`
	LastTry time.Time `json:"lastTry,omitzero"`
	NextTry time.Time `json:"nextTry"`
	Made    time.Time `json:"made"`
	MadeBy  string    `json:"madeBy"`
	// Version is that of what operators change.
	Version int64 `json:"version"`

	sealed string
}

// acmeKept is what is sealed of it.
type acmeKept struct {
	// AccountKey and OrderKey are PKCS #8 in PEM.
	AccountKey string `json:"accountKey"`
	URI        string `json:"uri,omitempty"`
	HMAC       []byte `json:"hmac,omitempty"`
	Order      string `json:"order,omitempty"`
	OrderKey   string `json:"orderKey,omitempty"`
}

// acmePlace binds what is sealed to where it lies.
func acmePlace(environment, group, name string) string {
	return environment + "/" + group + "/" + name + "#acme"
}

func (s *Service) sealACME(environment string, g Group, name string, k acmeKept) (string, error) {
	key, err := s.dataKey(environment, g)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(k)
	if err != nil {
		return "", fmt.Errorf("writing an account: %w", err)
	}
	return key.Seal(acmePlace(environment, g.Name, name), plain)
}

func (s *Service) openACME(environment string, g Group, name, sealed string) (k acmeKept, err error) {
	key, err := s.dataKey(environment, g)
	if err != nil {
		return k, err
	}
	plain, err := key.Open(acmePlace(environment, g.Name, name), sealed)
	if err != nil {
		return k, err
	}
	if json.Unmarshal(plain, &k) != nil {
		return k, errors.New("a kept account can not be read")
	}
	return k, nil
}

const acmeColumns = "group_name, name, settings, sealed, expires_at, failures, last_error, last_try, next_try, made_at, made_by, version FROM secrets_acme"

func scanACME(row scanner) (c ACMECertificate, err error) {
	var settings string
	var until, last, next, madeAt int64
	if err := row.Scan(&c.Group, &c.Name, &settings, &c.sealed, &until, &c.Failures, &c.Error, &last, &next, &madeAt, &c.MadeBy, &c.Version); err != nil {
		return c, err
	}
	c.Until, c.LastTry, c.NextTry, c.Made = moment(until), moment(last), moment(next), moment(madeAt)
	switch {
	case c.Failures > 0:
		c.State = ACMEFailing
	case until == 0:
		c.State = ACMEPending
	default:
		c.State = ACMEValid
	}
	if err := json.Unmarshal([]byte(settings), &c.ACME); err != nil {
		return c, fmt.Errorf("certificate %s/%s: %w", c.Group, c.Name, err)
	}
	return c, nil
}

func (s *Service) acme(ctx context.Context, r store.Reader, environment, group, name string) (ACMECertificate, error) {
	c, err := scanACME(r.QueryRow(ctx, "SELECT "+acmeColumns+" WHERE environment = ? AND group_name = ? AND name = ?", environment, group, name))
	if errors.Is(err, store.ErrNoRows) {
		return c, control.ErrNotFound
	}
	return c, err
}

func (s *Service) acmes(ctx context.Context, r store.Reader, environment, group string) (all []ACMECertificate, err error) {
	rows, err := r.Query(ctx, "SELECT "+acmeColumns+" WHERE environment = ? AND group_name = ? ORDER BY name", environment, group)
	if err != nil {
		return nil, fmt.Errorf("listing certificates: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		c, err := scanACME(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// ACMECertificates lists the keystores of a group that authorities issue, those among
// them for which there is no certificate yet.
func (s *Service) ACMECertificates(ctx context.Context, p control.Principal, environment, group string) ([]ACMECertificate, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return nil, err
	}
	if _, err := s.group(ctx, s.o.DB.Read(), environment, group); err != nil {
		return nil, err
	}
	return s.acmes(ctx, s.o.DB.Read(), environment, group)
}

// ACMECertificate gives one of them.
func (s *Service) ACMECertificate(ctx context.Context, p control.Principal, environment, group, name string) (ACMECertificate, error) {
	if err := s.allowed(ctx, p, access.ViewSecrets, environment, group); err != nil {
		return ACMECertificate{}, err
	}
	return s.acme(ctx, s.o.DB.Read(), environment, group, name)
}
