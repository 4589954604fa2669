package app

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/access"
	"farrier.dev/farrier/internal/control/client"
	"farrier.dev/farrier/internal/control/portal"
	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/gateway"
	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
)

// contractPoll is how often contracts are looked at that another process changed.
const contractPoll = 500 * time.Millisecond

// contractFiles are the contracts as a source of the publisher: those of the database,
// or of the revision in service while that can't be opened.
func (c *control) contractFiles(environment string, status func() publish.Status) func(context.Context) ([]manifest.File, error) {
	return func(ctx context.Context) ([]manifest.File, error) {
		if c.clients == nil {
			return client.Copied(status().Serving), nil
		}
		return c.clients.Files(ctx, environment)
	}
}

// keepClients opens client applications, contracts and the portal, and publishes
// contracts when they change.
func (c *control) keepClients(ctx context.Context, cfg Config, publisher *publish.Publisher, g *gateway.Gateway, running *group) {
	serving := func(environment string) *revision.Revision {
		if environment != cfg.Environment {
			return nil
		}
		return publisher.Status().Serving
	}
	shown, err := portal.New(portal.Options{
		Tree: c.access, Serving: serving, Now: c.now,
		Listener: func(environment, address string) net.Addr {
			if environment != cfg.Environment {
				return nil
			}
			return g.Addresses()[address]
		},
	})
	if err != nil {
		c.log.Error("the developer portal can't be opened", "error", err)
		return
	}
	changed := make(chan struct{}, 1)
	clients, err := client.Open(ctx, client.Options{
		DB: c.controlDB, Tree: c.access, Audit: c.audit, Now: c.now, Teams: c.teamsOf, Owner: c.ownerID, Published: shown.Published,
		Counts: &counted{environment: cfg.Environment, stores: c.stores, series: c.monitor, serving: serving},
		Taken:  func(environment, api, id string) string { return heldByFile(serving(environment), api, id) },
		Changed: func(environment string) {
			if environment != cfg.Environment {
				return // its own gateways ask for the version
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		c.log.Error("client applications can't be opened; nothing new is published", "error", err)
		return
	}
	c.clients, c.portal = clients, shown
	running.Go(func() error { c.followContracts(ctx, cfg.Environment, publisher, changed); return nil })
}

// followContracts publishes when contracts have changed, here or in another process.
func (c *control) followContracts(ctx context.Context, environment string, publisher *publish.Publisher, changed <-chan struct{}) {
	var seen int64
	tick := time.NewTicker(contractPoll)
	defer tick.Stop()
	for {
		version, err := c.clients.Version(ctx, environment)
		switch {
		case err != nil && ctx.Err() == nil:
			c.log.Error("the version of the contracts can't be read", "error", err)
		case err == nil && version != seen:
			c.publishContracts(ctx, environment, publisher)
			seen = version
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

// publishContracts puts contracts into service. When a manifest is broken, so that
// nothing new can be built, they are put into the revision that serves.
func (c *control) publishContracts(ctx context.Context, environment string, publisher *publish.Publisher) {
	if !manifest.HasErrors(publisher.Publish(ctx)) {
		return
	}
	if err := publisher.Repin(ctx, func(rev *revision.Revision) error { return c.clients.Renew(ctx, environment, rev) }); err != nil {
		c.log.Error("contracts could not be put into service", "error", err)
	}
}

// heldByFile is where a file of manifests gives a client a contract, empty for none.
func heldByFile(rev *revision.Revision, api, id string) string {
	if rev == nil {
		return ""
	}
	for i := range rev.APIs {
		if rev.APIs[i].Name.String() != api {
			continue
		}
		for _, one := range rev.APIs[i].Clients {
			if one.ID == id && !strings.HasPrefix(one.Source.File, client.FilePrefix) {
				return one.Source.File
			}
		}
	}
	return ""
}

// accountID is the id of the account of a name, empty for none.
func (c *control) accountID(ctx context.Context, name string) (string, error) {
	account, err := c.access.AccountNamed(ctx, name)
	if errors.Is(err, access.ErrUnknown) {
		return "", nil
	}
	return account.ID, err
}

// ownerID is the id of an account or a team, "account:ID" or "team:ID", by its name;
// empty for none.
func (c *control) ownerID(ctx context.Context, owner string) (string, error) {
	kind, name, _ := strings.Cut(owner, ":")
	if kind == "account" {
		id, err := c.accountID(ctx, name)
		if err != nil || id == "" {
			return "", err
		}
		return kind + ":" + id, nil
	}
	teams, err := c.access.Teams(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range teams {
		if one.Name == name {
			return kind + ":" + one.ID, nil
		}
	}
	return "", nil
}

// teamsOf are the ids of the teams that an account is in, by its id.
func (c *control) teamsOf(ctx context.Context, account string) ([]string, error) {
	members, err := c.access.Members(ctx, "", account)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range members {
		if !slices.Contains(ids, one.Team) {
			ids = append(ids, one.Team)
		}
	}
	return ids, nil
}
