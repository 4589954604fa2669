package app

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/access/breached"
	"farrier.dev/farrier/internal/audit"
	"farrier.dev/farrier/internal/secret"
	"farrier.dev/farrier/internal/store"
)

// Access are the settings of who comes in to the console.
type Access struct {
	// SecondFactor is required or optional, for who signs in by password.
	SecondFactor string `yaml:"secondFactor"`
	// Idle ends a session that was not used for so long, Life every session.
	Idle time.Duration `yaml:"idle"`
	Life time.Duration `yaml:"life"`
	// BreachedPasswords is the path of a file of stolen passwords by hash, in the form of
	// Have I Been Pwned's downloads; empty for none. New passwords must not stand in it.
	BreachedPasswords string `yaml:"breachedPasswords"`
	// URL is where browsers reach the console; needed with Providers.
	URL string `yaml:"url"`
	// Providers are where people sign in beside a password, in the order of the page.
	Providers []IdentityProvider `yaml:"providers"`
}

func defaultAccess() Access {
	return Access{SecondFactor: "required", Idle: access.SessionIdle, Life: access.SessionLife}
}

// check refuses what makes no sense.
func (a *Access) check() error {
	switch {
	case a.SecondFactor != "required" && a.SecondFactor != "optional":
		return fmt.Errorf("access.secondFactor is %q; it must be required or optional", a.SecondFactor)
	case a.Idle < time.Minute || a.Idle > 24*time.Hour:
		return fmt.Errorf("access.idle is %s; it must be between 1m and 24h", a.Idle)
	case a.Life < a.Idle || a.Life > 7*24*time.Hour:
		return fmt.Errorf("access.life is %s; it must be between access.idle and 168h", a.Life)
	}
	return checkProviders(a.URL, a.Providers)
}

// breached is the list of stolen passwords; nil for none.
func (a *Access) breached() (*breached.List, error) {
	if a.BreachedPasswords == "" {
		return nil, nil //nolint:nilnil // there need be none
	}
	list, err := breached.Open(a.BreachedPasswords)
	if err != nil {
		return nil, fmt.Errorf("access.breachedPasswords: %w", err)
	}
	return list, nil
}

// errNotApproved tells how to mend a process that must use approved algorithms only.
var errNotApproved = errors.New("--fips: Go's cryptographic module does not run in FIPS 140-3 mode; " +
	"start Farrier with GODEBUG=fips140=on in its environment (deploy/farrier.service shows where)")

// assertApproved refuses to go on in a process that does not use the approved module.
// In that mode Go's TLS offers and takes approved versions, suites and curves only.
func assertApproved(cfg Config) error {
	if cfg.FIPS && !fips140.Enabled() {
		return errNotApproved
	}
	return nil
}

// newHasher is the hasher of the process.
func newHasher(cfg Config) *secret.Hasher {
	if cfg.FIPS {
		return secret.NewApprovedHasher()
	}
	return secret.NewHasher()
}

// openAccess opens accounts and sessions in the control database.
func openAccess(ctx context.Context, cfg Config, db *store.DB, sealer access.Sealer, log *audit.Log, now func() time.Time) (*access.Service, error) {
	options := []access.Option{
		access.WithEnvironment(cfg.Environment), access.WithSealer(sealer), access.WithInUse(inUse),
		access.WithSecondFactor(cfg.Access.SecondFactor != "optional"), access.WithLifetimes(cfg.Access.Idle, cfg.Access.Life),
	}
	stolen, err := cfg.Access.breached()
	if err != nil {
		return nil, err
	}
	if stolen != nil {
		options = append(options, access.WithBreached(stolen))
	}
	return access.Open(ctx, db, newHasher(cfg), auditor{log}, now, options...)
}
