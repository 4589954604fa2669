package app

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/control/secrets"
	"farrier.dev/farrier/internal/monitor/notify"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
)

// openSecrets makes the service over the open store, and lets settings resolve
// through it.
func (c *control) openSecrets(ctx context.Context, refs *references, publisher *publish.Publisher, all *policy.Catalogue) error {
	schemas := schemasOf(all)
	service, err := secrets.Open(ctx, secrets.Options{
		DB: c.controlDB, Tree: c.access, Ring: refs.keyring, Audit: c.audit, Now: c.now, Log: refs.log, Account: c.accountID,
		Fetch:     notify.NewEnv(notify.Guard{Networks: slices.Concat(companyNetworks(), refs.cfg.AlertNetworks)}, c.now).HTTP,
		Authority: c.authority(refs.cfg), Answering: c.answering(refs.cfg, publisher),
		Changed: func(environment string) {
			if environment == refs.cfg.Environment {
				refs.tell()
			}
		},
		Uses: func(environment string) []secrets.Use {
			if environment != refs.cfg.Environment {
				return nil
			}
			return secrets.UsesOf(publisher.Status().Serving, func(name string) map[string]any {
				if entry := all.Find(name); entry != nil {
					return schemas[entry.Name]
				}
				return nil
			})
		},
	})
	if err != nil {
		return err
	}
	refs.mu.Lock()
	early := refs.early
	refs.service, refs.early = service, nil
	refs.mu.Unlock()
	if early != nil {
		if err := early.Close(); err != nil {
			refs.log.Warn("closing the store that was opened early", "error", err)
		}
	}
	c.secrets = service
	return nil
}

// companyNetworks are where a company's own authorities publish revocation lists. What
// listens on this machine, or tells a cloud's machines their secrets, is not reached by
// an address that somebody wrote into a secret.
func companyNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
	}
}

// follow puts changed secrets into service, those of other processes too.
func (r *references) follow(ctx context.Context, publisher *publish.Publisher) {
	tick := time.NewTicker(secretsPause)
	defer tick.Stop()
	var seen int64 = -1
	for {
		changed := seen < 0
		select {
		case <-ctx.Done():
			return
		case <-r.news:
			changed = true
		case <-tick.C:
		}
		n, err := r.service.Counter(ctx, r.cfg.Environment)
		if err == nil && n != seen {
			changed, seen = true, n
		}
		if !changed {
			continue
		}
		if err := publisher.Repin(ctx, r.amend); err != nil && ctx.Err() == nil {
			r.log.Error("changed secrets are not in service", "error", err)
		}
		if publisher.Status().Refused != nil { // a reference may lead somewhere now
			publisher.Publish(ctx)
		}
	}
}

// keepSecrets does by schedule what is due.
func (c *control) keepSecrets(ctx context.Context, refs *references, publisher *publish.Publisher, running *group) {
	running.Go(func() error { refs.follow(ctx, publisher); return nil })
	running.Go(c.led(ctx, "secrets", c.secrets.Run))
	running.Go(func() error { refs.renewVault(ctx); return nil })
	running.Go(logged(refs.log, "what an older master key has sealed is not all sealed anew", func() error {
		n, err := c.rewrap(ctx, refs, publisher)
		if n > 0 {
			refs.log.Info("sealed anew with the master key", "key", refs.keyring.ID(), "values", n)
		}
		return err
	}))
}

// both amends a revision twice.
func both(first, second func(*revision.Revision) error) func(*revision.Revision) error {
	return func(rev *revision.Revision) error {
		if err := first(rev); err != nil {
			return err
		}
		return second(rev)
	}
}

// vaultRenewal is how often the token of Vault is renewed.
const vaultRenewal = 30 * time.Minute

// renewVault keeps the token of Vault alive until ctx ends.
func (r *references) renewVault(ctx context.Context) {
	if r.cfg.Vault.Address == "" {
		return
	}
	vault, err := newVault(r.cfg, r.cfg.Vault.Address)
	if err != nil {
		r.log.Error("vault can't be used", "error", err)
		return
	}
	tick := time.NewTicker(vaultRenewal)
	defer tick.Stop()
	for {
		if err := vault.Renew(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("the token of Vault is not renewed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
