package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/revision"
)

// Renew puts the contracts of an environment, as they are now, into a revision in
// the place of those that Files gave it: while a broken manifest keeps anything new
// from being built, a contract that was revoked must end all the same. Contracts that
// files hold stay, and go before. Slices of rev are replaced, not written into.
func (s *Service) Renew(ctx context.Context, environment string, rev *revision.Revision) error {
	list, limits, secrets, err := s.current(ctx, environment)
	if err != nil {
		return fmt.Errorf("reading contracts: %w", err)
	}
	of := map[string][]revision.Client{}
	for i := range list {
		c := &list[i]
		one, err := served(c, limits[tierID(c.Tier)], secrets[c.Application])
		if err != nil {
			return fmt.Errorf("reading contracts: %w", err)
		}
		of[c.API] = append(of[c.API], one)
	}
	rev.APIs = slices.Clone(rev.APIs)
	for i := range rev.APIs {
		api := &rev.APIs[i]
		var clients []revision.Client
		held := map[string]bool{}
		for _, one := range api.Clients {
			if !strings.HasPrefix(one.Source.File, FilePrefix) {
				clients, held[one.ID] = append(clients, one), true
			}
		}
		for _, one := range of[api.Name.String()] {
			if !held[one.ID] {
				clients = append(clients, one)
			}
		}
		slices.SortFunc(clients, func(x, y revision.Client) int { return strings.Compare(x.ID, y.ID) })
		api.Clients = clients
	}
	return nil
}

// served is a contract as a gateway needs it: what its manifest would become.
func served(c *Contract, limits []Limit, secrets []writtenSecret) (revision.Client, error) {
	one := revision.Client{ID: c.ClientID, Name: c.ApplicationName, Source: revision.Source{File: FilePrefix + c.API + ".yaml", Line: 1}}
	if c.State != Approved {
		one.State = string(c.State)
		return one, nil
	}
	for _, secret := range secrets {
		kept := revision.HashedSecret{Hash: secret.Hash}
		if secret.Until != "" {
			var err error
			if kept.Until, err = time.Parse(time.RFC3339Nano, secret.Until); err != nil {
				return one, err
			}
		}
		one.Secrets = append(one.Secrets, kept)
	}
	if c.Tier != nil {
		one.Tier = c.Tier.Name
		for _, l := range limits {
			one.Limits = append(one.Limits, revision.Limit{MaximumRequests: l.MaximumRequests, TimePeriodInMilliseconds: l.TimePeriodInMilliseconds})
		}
	}
	return one, nil
}
