package authserver

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"time"

	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/store"
)

// SealPurpose is what the column authserver_keys.sealed is sealed for.
const SealPurpose = "authserver/signing-key"

// jwksLife is how long others may keep our key set.
const jwksLife = 15 * time.Minute

// keyLead is how long a key is published before it signs, at most half of its
// life: whoever keeps our key set has it by then.
const keyLead = 24 * time.Hour

// changeLead is the same where nobody could plan for it: the algorithm was
// changed, or nothing ran when the time came.
const changeLead = 2 * time.Hour

// rsaBits is the size of RSA keys.
const rsaBits = 3072

var coding = base64.RawURLEncoding

// key is one signing key.
type key struct {
	id, algorithm string
	private       crypto.Signer
	active        time.Time
	public        jwk
}

// jwk is the public part of a key (RFC 7517).
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid,omitempty"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
}

// keys are those in use, the ones that sign later first.
type keys struct{ all atomic.Pointer[[]*key] }

// signing is the key that signs now.
func (k *keys) signing(now time.Time) (*key, error) {
	for _, one := range *k.all.Load() {
		if !one.active.After(now) {
			return one, nil
		}
	}
	return nil, errors.New("there is no signing key")
}

func (k *keys) find(id string) *key {
	for _, one := range *k.all.Load() {
		if one.id == id {
			return one
		}
	}
	return nil
}

func (k *keys) published() []jwk {
	set := []jwk{}
	for _, one := range *k.all.Load() {
		set = append(set, one.public)
	}
	return set
}

// rotate makes the next key when its time has come, and removes keys whose last
// token is over.
func (s *Server) rotate(ctx context.Context) error {
	now := s.o.Now()
	var all []*key
	err := s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
		if all, err = s.readKeys(ctx, tx.Reader); err != nil {
			return err
		}
		if next, ok := s.nextKey(all, now); ok {
			made, err := s.makeKey(ctx, tx, next, now)
			if err != nil {
				return err
			}
			all = slices.Insert(all, 0, made)
		}
		all, err = s.dropKeys(ctx, tx, all, now)
		return err
	})
	if err != nil {
		return err
	}
	s.keys.all.Store(&all)
	return nil
}

// nextKey tells from when on another key must sign, if one has to be made now.
func (s *Server) nextKey(all []*key, now time.Time) (from time.Time, ok bool) {
	if len(all) == 0 {
		return now, true
	}
	last := all[0]
	if last.algorithm != s.o.Algorithm {
		return later(now.Add(min(changeLead, s.o.KeyLife/2)), last.active.Add(time.Millisecond)), true
	}
	lead := min(keyLead, s.o.KeyLife/2)
	if due := last.active.Add(s.o.KeyLife); !now.Add(lead).Before(due) {
		return later(due, now.Add(min(lead, changeLead))), true
	}
	return time.Time{}, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dropKeys removes each key whose successor has signed for longer than a token
// lives.
func (s *Server) dropKeys(ctx context.Context, tx *store.Tx, all []*key, now time.Time) ([]*key, error) {
	for i := 1; i < len(all); i++ {
		if all[i-1].active.Add(s.o.AccessTokenLife + time.Minute).After(now) {
			continue
		}
		for _, one := range all[i:] {
			if _, err := tx.Exec(ctx, "DELETE FROM authserver_keys WHERE id = ?", one.id); err != nil {
				return nil, err
			}
			if err := s.recordKey(ctx, tx, audit.SigningKeyRemoved, one); err != nil {
				return nil, err
			}
		}
		return all[:i:i], nil
	}
	return all, nil
}

func (s *Server) readKeys(ctx context.Context, r store.Reader) (all []*key, err error) {
	rows, err := r.Query(ctx, "SELECT sealed, algorithm, active_at FROM authserver_keys ORDER BY active_at DESC, id")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var sealed, algorithm string
		var active int64
		if err := rows.Scan(&sealed, &algorithm, &active); err != nil {
			return nil, err
		}
		der, err := s.o.Sealer.Open(SealPurpose, sealed)
		if err != nil {
			return nil, fmt.Errorf("opening a signing key: %w", err)
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, errors.New("a stored signing key can't be read")
		}
		one, err := newKey(private, algorithm, time.UnixMilli(active))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

func (s *Server) makeKey(ctx context.Context, tx *store.Tx, active, now time.Time) (*key, error) {
	var private any
	var err error
	if s.o.Algorithm == "RS256" {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	active = time.UnixMilli(active.UnixMilli())
	made, err := newKey(private, s.o.Algorithm, active)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("writing a signing key: %w", err)
	}
	sealed, err := s.o.Sealer.Seal(SealPurpose, der)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO authserver_keys (id, algorithm, sealed, made_at, active_at) VALUES (?, ?, ?, ?, ?)",
		made.id, made.algorithm, sealed, now.UnixMilli(), active.UnixMilli()); err != nil {
		return nil, err
	}
	return made, s.recordKey(ctx, tx, audit.SigningKeyMade, made)
}

func (s *Server) recordKey(ctx context.Context, tx *store.Tx, action audit.Action, k *key) error {
	return s.o.Audit.Record(ctx, tx, audit.Entry{
		Operator: "system", Action: action, Object: "signing key " + k.id, Outcome: audit.Done,
		Detail: map[string]string{"algorithm": k.algorithm, "signsFrom": k.active.UTC().Format(time.RFC3339)},
	})
}

func newKey(private any, algorithm string, active time.Time) (*key, error) {
	k := &key{algorithm: algorithm, active: active}
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		point, err := private.PublicKey.Bytes()
		if err != nil || algorithm != "ES256" || private.Curve != elliptic.P256() {
			return nil, errors.New("a stored signing key is not of its algorithm")
		}
		k.private = private
		k.public = jwk{Kty: "EC", Crv: "P-256", X: coding.EncodeToString(point[1:33]), Y: coding.EncodeToString(point[33:])}
	case *rsa.PrivateKey:
		if algorithm != "RS256" {
			return nil, errors.New("a stored signing key is not of its algorithm")
		}
		k.private = private
		k.public = jwk{Kty: "RSA", N: coding.EncodeToString(private.N.Bytes()), E: coding.EncodeToString(big.NewInt(int64(private.E)).Bytes())}
	default:
		return nil, errors.New("a stored signing key is of no kind that signs")
	}
	k.id = k.public.thumbprint()
	k.public.Kid, k.public.Use, k.public.Alg = k.id, "sig", algorithm
	return k, nil
}

// thumbprint names a key by what it is (RFC 7638).
func (j jwk) thumbprint() string {
	members := map[string]string{"kty": j.Kty}
	for name, value := range map[string]string{"crv": j.Crv, "x": j.X, "y": j.Y, "n": j.N, "e": j.E} {
		if value != "" {
			members[name] = value
		}
	}
	text, _ := json.Marshal(members) //nolint:errchkjson // texts only; keys are sorted
	sum := sha256.Sum256(text)
	return coding.EncodeToString(sum[:])
}
