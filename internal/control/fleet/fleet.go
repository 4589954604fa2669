// Package fleet knows the gateways that are processes of their own: it invites them,
// issues the certificates by which they are known, hands them what they must serve
// and notes what they say of themselves. How they talk to it is package link.
package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The lifetimes.
const (
	// InvitationLife is how long an enrolment token can be used.
	InvitationLife = time.Hour
	// CertificateLife is that of a gateway's certificate, which it renews when a third
	// of it is left.
	CertificateLife = 90 * 24 * time.Hour
	// SilentAfter is when a gateway that says nothing is shown as silent.
	SilentAfter = time.Minute
)

// ErrUnknownGateway says that a certificate or token belongs to no gateway, or to one
// that was removed.
var ErrUnknownGateway = errors.New("this gateway is not known, or was removed; enrol it with a new token")

// ErrToken says that an enrolment token is good for nothing.
var ErrToken = errors.New("this token was used, is over, or was never made here: invite the gateway again (Gateways), and start it with the new token")

// Sealer keeps the authority's key unreadable; *secret.Keyring is the one to use.
type Sealer interface {
	Seal(purpose string, plain []byte) (string, error)
	Open(purpose, sealed string) ([]byte, error)
}

// Served is what the gateways of an environment must serve.
type Served struct {
	// Version grows with every change that was published in the environment, whichever
	// process published it.
	Version  int64
	Revision *revision.Revision
	// Secrets are the values of the references to secrets that the revision holds.
	Secrets map[string]string
}

// Publication is how publishing stands in an environment, at the control process that
// is asked.
type Publication struct {
	// Revision and Digest are what gateways are handed, 0 and empty before the first;
	// Published is when it was made.
	Revision  uint64    `json:"revision"`
	Digest    string    `json:"digest"`
	Published time.Time `json:"published,omitzero"`
	// Problem is why what operators published since is not served, empty when all is.
	// Since is when it began, Again when it is tried the next time.
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Again   time.Time `json:"again,omitzero"`
}

// Options are what the service works with; all are required.
type Options struct {
	DB     *store.DB
	Gate   control.Gate
	Audit  control.Auditor
	Sealer Sealer
	Now    func() time.Time
	// Served is what an environment's gateways must serve now, nil while nothing is
	// published there.
	Served func(ctx context.Context, environment string) (*Served, error)
	// Publication tells how publishing stands in an environment.
	Publication func(ctx context.Context, environment string) Publication
}

// Service answers operators and gateways. It is safe for use by many goroutines.
type Service struct {
	o Options

	mu        sync.Mutex
	authority *authority
}

// authority issues the certificates of gateways.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Open brings the tables up to date in the control database.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Gate.Tree == nil || o.Audit == nil || o.Sealer == nil || o.Now == nil || o.Served == nil || o.Publication == nil {
		return nil, errors.New("fleet: all options are required")
	}
	if err := o.DB.Migrate(ctx, "fleet", migrations); err != nil {
		return nil, fmt.Errorf("opening the fleet: %w", err)
	}
	return &Service{o: o}, nil
}

// Status is what a gateway says of itself.
type Status struct {
	// Program is its version; Revision and Digest are what it serves.
	Program  string `json:"program"`
	Revision int64  `json:"revision"`
	Digest   string `json:"digest"`
	// Refused is why it does not serve what it was handed last, empty when it does.
	Refused string `json:"refused,omitempty"`
	// Address is where it came from.
	Address string `json:"address,omitempty"`
}

// State says how a gateway stands.
type State string

// The states.
const (
	Invited State = "invited"
	Serving State = "serving"
	// Behind says that it does not serve what is published.
	Behind State = "behind"
	// Silent says that it was not heard for SilentAfter; it serves what it had.
	Silent State = "silent"
	// Expired says that its invitation was not used in time.
	Expired State = "expired"
)

// Gateway is one gateway as operators see it.
type Gateway struct {
	ID          string    `json:"id"`
	Environment string    `json:"environment"`
	Name        string    `json:"name"`
	State       State     `json:"state"`
	Invited     time.Time `json:"invited"`
	// Enrolled and Seen are zero before the gateway came.
	Enrolled time.Time `json:"enrolled,omitzero"`
	Seen     time.Time `json:"seen,omitzero"`
	// Expires is when its certificate ends, or its invitation.
	Expires time.Time `json:"expires"`
	Status  Status    `json:"status"`
}

const columns = "id, environment, name, token_hash, token_expires, certificate_expires, invited_at, enrolled_at, seen_at, status"

// List gives the gateways of an environment, by name.
func (s *Service) List(ctx context.Context, p control.Principal, environment string) ([]Gateway, error) {
	if err := s.o.Gate.Environment(ctx, p, access.ViewGateways, environment); err != nil {
		return nil, err
	}
	rows, err := s.o.DB.Read().Query(ctx, "SELECT "+columns+" FROM fleet_gateways WHERE environment = ? ORDER BY name", environment)
	if err != nil {
		return nil, fmt.Errorf("listing gateways: %w", err)
	}
	defer rows.Close() //nolint:errcheck // Err says what matters
	digest := s.o.Publication(ctx, environment).Digest
	list := []Gateway{}
	for rows.Next() {
		g, err := s.scan(rows.Scan, digest)
		if err != nil {
			return nil, fmt.Errorf("listing gateways: %w", err)
		}
		list = append(list, g)
	}
	return list, rows.Err()
}

// Publication tells how publishing stands in an environment.
func (s *Service) Publication(ctx context.Context, p control.Principal, environment string) (Publication, error) {
	if err := s.o.Gate.Environment(ctx, p, access.ViewGateways, environment); err != nil {
		return Publication{}, err
	}
	return s.o.Publication(ctx, environment), nil
}

func (s *Service) scan(scan func(...any) error, digest string) (Gateway, error) {
	var (
		g                                                  Gateway
		token, status                                      string
		tokenExpires, expires, invited, enrolled, lastSeen int64
	)
	if err := scan(&g.ID, &g.Environment, &g.Name, &token, &tokenExpires, &expires, &invited, &enrolled, &lastSeen, &status); err != nil {
		return Gateway{}, err
	}
	g.Invited, g.Expires = time.UnixMilli(invited).UTC(), time.UnixMilli(tokenExpires).UTC()
	if status != "" {
		if err := json.Unmarshal([]byte(status), &g.Status); err != nil {
			return Gateway{}, fmt.Errorf("gateway %s: %w", g.ID, err)
		}
	}
	now := s.o.Now()
	if enrolled == 0 {
		g.State = Invited
		if now.After(g.Expires) {
			g.State = Expired
		}
		return g, nil
	}
	g.Enrolled, g.Seen, g.Expires = time.UnixMilli(enrolled).UTC(), time.UnixMilli(lastSeen).UTC(), time.UnixMilli(expires).UTC()
	switch {
	case now.Sub(g.Seen) > SilentAfter:
		g.State = Silent
	case digest != "" && digest != g.Status.Digest:
		g.State = Behind
	default:
		g.State = Serving
	}
	return g, nil
}

var gatewayName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// Invite makes a place for a gateway and the token with which it enrols once, within
// InvitationLife. The token is shown now and never again. A gateway of that name that
// has not enrolled yet is invited anew.
func (s *Service) Invite(ctx context.Context, p control.Principal, environment, name string) (Gateway, string, error) {
	if err := s.o.Gate.Environment(ctx, p, access.ManageGateways, environment); err != nil {
		return Gateway{}, "", err
	}
	if !gatewayName.MatchString(name) {
		return Gateway{}, "", fmt.Errorf("%w: name must be lower-case letters, digits, dots and hyphens, 63 at most", control.ErrInvalid)
	}
	ca, err := s.ca(ctx)
	if err != nil {
		return Gateway{}, "", err
	}
	id, _ := secret.NewToken()
	bare, hash := secret.NewToken()
	now := s.o.Now()
	g := Gateway{ID: id[:22], Environment: environment, Name: name, State: Invited, Invited: now.UTC(), Expires: now.Add(InvitationLife).UTC()}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM fleet_gateways WHERE environment = ? AND name = ? AND enrolled_at = 0", environment, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO fleet_gateways (id, environment, name, token_hash, token_expires, serial, previous_serial,
			certificate_expires, invited_at, enrolled_at, seen_at, status) VALUES (?, ?, ?, ?, ?, '', '', 0, ?, 0, 0, '')`,
			g.ID, environment, name, fmt.Sprintf("%x", hash), g.Expires.UnixMilli(), now.UnixMilli())
		if store.IsConflict(err) {
			return fmt.Errorf("%w: a gateway named %s serves there already; remove it first, or choose another name", control.ErrInvalid, name)
		}
		if err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, control.Told(p, environment, audit.GatewayInvited, "gateway "+name))
	})
	if err != nil {
		return Gateway{}, "", fmt.Errorf("inviting a gateway: %w", err)
	}
	return g, tokenPrefix + bare + "." + fingerprint(ca.certificate), nil
}

// Remove forgets a gateway: what it asks from now on is refused. It goes on serving
// what it has until it is stopped.
func (s *Service) Remove(ctx context.Context, p control.Principal, environment, id string) error {
	if err := s.o.Gate.Environment(ctx, p, access.ManageGateways, environment); err != nil {
		return err
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var name string
		err := tx.QueryRow(ctx, "DELETE FROM fleet_gateways WHERE environment = ? AND id = ? RETURNING name", environment, id).Scan(&name)
		if errors.Is(err, store.ErrNoRows) {
			return control.ErrNotFound
		}
		if err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, tx, control.Told(p, environment, audit.GatewayRemoved, "gateway "+name))
	})
	if err != nil {
		return fmt.Errorf("removing a gateway: %w", err)
	}
	return nil
}
