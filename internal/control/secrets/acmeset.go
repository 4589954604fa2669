package secrets

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/secrets/acme"
	"farrier.dev/farrier/internal/store"
)

// check puts what was written into the form in which it is kept.
func (in *ACMEInput) check() (mac []byte, err error) {
	in.Directory = cmp.Or(strings.TrimSpace(in.Directory), LetsEncrypt)
	in.Contact, in.KeyID = strings.TrimSpace(in.Contact), strings.TrimSpace(in.KeyID)
	if err := acme.Directory(in.Directory); err != nil {
		return nil, invalid("directory", "%v", err)
	}
	if in.Domains, err = acme.Domains(in.Domains); err != nil {
		return nil, invalid("domains", "%v", err)
	}
	if err := acme.Contact(in.Contact); err != nil {
		return nil, invalid("contact", "%v", err)
	}
	if mac, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(in.HMAC), "=")); err != nil || len(mac) > 1024 || len(mac) > 0 && len(mac) < 16 {
		return nil, invalid("hmac", "must be the key of the account in base64url, as the authority shows it")
	}
	switch {
	case len(in.KeyID) > 200:
		return nil, invalid("keyId", "must be at most 200 bytes long")
	case in.KeyID == "" && len(mac) > 0:
		return nil, invalid("keyId", "is missing: the key belongs to an account that has an id")
	case !in.Agreed:
		return nil, invalid("agreed", "must be set: the authority issues only to those who agree to its terms")
	}
	_, err = rootsOf(in.Roots)
	return mac, err
}

// rootsOf reads certificates with which a directory is verified; nil for none.
func rootsOf(text string) (*x509.CertPool, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // those of the system
	}
	pool, n, rest := x509.NewCertPool(), 0, []byte(text)
	for len(text) <= 64<<10 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, invalid("roots", "must be certificates in PEM and nothing else")
		}
		pool.AddCert(one)
		n++
	}
	if n == 0 || n > 20 {
		return nil, invalid("roots", "must be 1 to 20 certificates in PEM, 64 KiB at most")
	}
	return pool, nil
}

// SetACME has a keystore obtained from an authority and renewed: a new one when seen is
// 0, else the settings of the one whose version was seen. It is asked for at once, in
// the background. A keystore of that name that exists already gets another version.
func (s *Service) SetACME(ctx context.Context, p control.Principal, environment, group, name string, in ACMEInput, seen int64) (ACMECertificate, error) {
	var out ACMECertificate
	if err := s.gate.Environment(ctx, p, access.ManageSecrets, environment); err != nil {
		return out, err
	}
	if !secretName.MatchString(name) {
		return out, invalid("name", "must have 1 to 64 letters, digits, - and _, and begin with a letter or digit")
	}
	mac, err := in.check()
	if err != nil {
		return out, err
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := s.group(ctx, tx.Reader, environment, group)
		if err != nil {
			return err
		}
		before, kept, err := s.acmeBefore(ctx, tx, environment, g, name, &in, seen)
		if err != nil {
			return err
		}
		if in.KeyID != "" && len(mac) > 0 {
			kept.HMAC = mac
		}
		if in.KeyID == "" {
			kept.HMAC = nil
		} else if len(kept.HMAC) == 0 {
			return invalid("hmac", "is missing: it belongs to the id of the account")
		}
		if err := s.writeACME(ctx, tx, p, environment, g, name, in.ACME, kept, seen); err != nil {
			return err
		}
		e := control.Told(p, environment, audit.ACMESet, object(group, name))
		if seen != 0 {
			e.Before = asJSON(before.ACME)
		}
		e.After = asJSON(in.ACME)
		if err := s.o.Audit.Record(ctx, tx, e); err != nil {
			return err
		}
		out, err = s.acme(ctx, tx.Reader, environment, group, name)
		return err
	})
	if err == nil {
		s.askNow()
	}
	return out, err
}

// acmeBefore is what is kept before the settings are written: with another authority,
// contact or external account, a new account of our own.
func (s *Service) acmeBefore(ctx context.Context, tx *store.Tx, environment string, g Group, name string, in *ACMEInput, seen int64) (before ACMECertificate, kept acmeKept, err error) {
	entry, err := s.entry(ctx, tx.Reader, environment, g.Name, name)
	if err == nil && entry.Kind != Keystore {
		return before, kept, invalid("name", "there is a %s of this name; a certificate with its key is a keystore", entry.Kind)
	}
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return before, kept, err
	}
	all, err := s.acmes(ctx, tx.Reader, environment, g.Name)
	if err != nil {
		return before, kept, err
	}
	at := slices.IndexFunc(all, func(c ACMECertificate) bool { return c.Name == name })
	switch {
	case at < 0 && seen != 0:
		return before, kept, control.ErrNotFound
	case at >= 0 && seen == 0:
		return before, kept, fmt.Errorf("%w: %s is obtained from an authority already", control.ErrConflict, name)
	case at >= 0 && all[at].Version != seen:
		return before, kept, control.ErrConflict
	case at >= 0:
		before = all[at]
	case len(all) >= maxACME:
		return before, kept, invalid("", "a group obtains at most %d certificates; make another group", maxACME)
	}
	// Authorities limit how many accounts are made: one is shared within a group, that
	// which the secret itself has before others.
	same := func(c ACMECertificate) bool {
		return c.Directory == in.Directory && c.Contact == in.Contact && c.KeyID == in.KeyID
	}
	from := slices.IndexFunc(all, func(c ACMECertificate) bool { return c.Name == name && same(c) })
	if from < 0 && len(in.HMAC) == 0 {
		from = slices.IndexFunc(all, same)
	}
	if from >= 0 {
		known, err := s.openACME(environment, g, all[from].Name, all[from].sealed)
		return before, acmeKept{AccountKey: known.AccountKey, URI: known.URI, HMAC: known.HMAC}, err
	}
	key, err := acme.NewKey()
	if err != nil {
		return before, kept, err
	}
	kept.AccountKey, err = keyPEM(key)
	return before, kept, err
}

// maxACME bounds how many certificates one group obtains.
const maxACME = 200

func (s *Service) writeACME(ctx context.Context, tx *store.Tx, p control.Principal, environment string, g Group, name string, settings ACME, kept acmeKept, seen int64) error {
	sealed, err := s.sealACME(environment, g, name, kept)
	if err != nil {
		return err
	}
	now := s.o.Now().UnixMilli()
	if seen == 0 {
		_, err = tx.Exec(ctx, `INSERT INTO secrets_acme (environment, group_name, name, settings, sealed, expires_at, failures, last_error, last_try, next_try, made_at, made_by, version)
			VALUES (?, ?, ?, ?, ?, 0, 0, '', 0, ?, ?, ?, 1)`, environment, g.Name, name, string(asJSON(settings)), sealed, now, now, p.Operator)
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE secrets_acme SET settings = ?, sealed = ?, failures = 0, last_error = '', next_try = ?, version = version + 1 WHERE environment = ? AND group_name = ? AND name = ?",
		string(asJSON(settings)), sealed, now, environment, g.Name, name)
	return err
}

// TryACME has a certificate asked for now, whose version was seen.
func (s *Service) TryACME(ctx context.Context, p control.Principal, environment, group, name string, seen int64) (ACMECertificate, error) {
	var out ACMECertificate
	if err := s.allowed(ctx, p, access.WriteSecrets, environment, group); err != nil {
		return out, err
	}
	err := s.changeACME(ctx, p, environment, group, name, seen, audit.ACMETried, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE secrets_acme SET next_try = ?, version = version + 1 WHERE environment = ? AND group_name = ? AND name = ?", s.o.Now().UnixMilli(), environment, group, name); err != nil {
			return err
		}
		var err error
		out, err = s.acme(ctx, tx.Reader, environment, group, name)
		return err
	})
	if err == nil {
		s.askNow()
	}
	return out, err
}

// EndACME ends that a keystore is obtained from an authority. What was obtained stays.
func (s *Service) EndACME(ctx context.Context, p control.Principal, environment, group, name string, seen int64) error {
	if err := s.gate.Environment(ctx, p, access.ManageSecrets, environment); err != nil {
		return err
	}
	return s.changeACME(ctx, p, environment, group, name, seen, audit.ACMEEnded, func(tx *store.Tx) error {
		return s.dropACME(ctx, tx, environment, group, name)
	})
}

func (s *Service) dropACME(ctx context.Context, tx *store.Tx, environment, group, name string) error {
	_, err := tx.Exec(ctx, "DELETE FROM secrets_acme WHERE environment = ? AND group_name = ? AND name = ?", environment, group, name)
	return err
}

func (s *Service) changeACME(ctx context.Context, p control.Principal, environment, group, name string, seen int64, action audit.Action, change func(tx *store.Tx) error) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		before, err := s.acme(ctx, tx.Reader, environment, group, name)
		if err != nil {
			return err
		}
		if before.Version != seen {
			return control.ErrConflict
		}
		if err := change(tx); err != nil {
			return err
		}
		e := control.Told(p, environment, action, object(group, name))
		e.Detail = map[string]string{"directory": before.Directory}
		return s.o.Audit.Record(ctx, tx, e)
	})
}

// readKey reads a key that keyPEM wrote, nil for an empty text.
func readKey(text string) (*ecdsa.PrivateKey, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, errors.New("a kept key can not be read")
}
