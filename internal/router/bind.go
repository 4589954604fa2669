package router

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/revision"
)

// state is what the steps of one binding keep across revisions.
type state struct {
	mu     *sync.Mutex
	values map[string]any
}

func (c *compiler) clients(list []revision.Client) (*policy.Clients, error) {
	made := make([]*policy.Client, 0, len(list))
	denied := map[string]string{}
	for _, one := range list {
		if one.State != "" {
			denied[one.ID] = one.State
			continue
		}
		secret, err := c.expand(one.Secret)
		if err != nil {
			return nil, fmt.Errorf("client %s: %w", one.ID, err)
		}
		limits := make([]policy.Limit, len(one.Limits))
		for i, l := range one.Limits {
			limits[i] = policy.Limit{Max: l.MaximumRequests, Period: l.TimePeriodInMilliseconds, Burst: l.Burst}
		}
		client := policy.NewClient(one.ID, one.Name, secret, one.Tier, limits)
		for _, hashed := range one.Secrets {
			if err := client.Accept(hashed.Hash, hashed.Until, c.Now); err != nil {
				return nil, fmt.Errorf("client %s: %w", one.ID, err)
			}
		}
		made = append(made, client)
	}
	clients, err := policy.NewClients(made)
	if err != nil {
		return nil, err
	}
	for id, state := range denied {
		clients.Deny(id, state)
	}
	return clients, nil
}

func (c *compiler) chain(target string, bindings []revision.Binding, clients *policy.Clients) *policy.Chain {
	links := make([]policy.Link, 0, len(bindings))
	for i := range bindings {
		b := &bindings[i]
		link, err := c.link(target, b, clients)
		if err != nil {
			c.fail(b.Source, "%s: policy %s: %w", target, b.Policy, err)
			continue
		}
		links = append(links, link)
	}
	chain, err := policy.NewChain(c.Runtime, links)
	if err != nil {
		c.fail(revision.Source{}, "%s: %w", target, err)
	}
	return chain
}

func (c *compiler) link(target string, b *revision.Binding, clients *policy.Clients) (policy.Link, error) {
	rules, err := compileRules(b.Rules)
	if err != nil {
		return policy.Link{}, err
	}
	entry := c.Catalogue.Find(b.Policy)
	if entry == nil {
		return policy.Link{}, errors.New("it is not in the catalogue")
	}
	settings, err := c.resolve(b.Policy, b.Settings)
	if err != nil {
		return policy.Link{}, err
	}
	key := digest(entry.Name, string(settings))
	if entry.Version != nil {
		now := entry.Version()
		c.inputs.versions = append(c.inputs.versions, version{entry, now})
		key = digest(key, now)
	}
	compiled := c.table.compiled[key]
	if compiled == nil && c.Previous != nil {
		compiled = c.Previous.compiled[key]
	}
	if compiled == nil {
		if compiled, err = entry.Compile(settings); err != nil {
			return policy.Link{}, err
		}
	}
	c.table.compiled[key] = compiled
	c.inputs.compiled = append(c.inputs.compiled, key)
	name := b.Name.String()
	step, err := compiled.Bind(policy.Env{
		Now: c.Now, API: target, Binding: name, Clients: clients, HTTP: c.HTTP, Models: c.Models, Capture: c.Capture,
		Shared: c.shared, Local: c.Local, Durable: c.Durable, Tracing: c.tracing, Expand: c.inputs.expand, Module: c.inputs.module, Load: c.Runtime.Load,
		Log:   c.Log.With("api", target, "binding", name, "policy", entry.Name),
		State: c.state(digest("state", target, name, key)),
	})
	if err != nil {
		return policy.Link{}, err
	}
	return policy.Link{
		Binding: name, Policy: entry.Name, Mule: strings.HasSuffix(b.As, "-mule"),
		Match: matcher(rules), Step: step,
	}, nil
}

// state finds what a binding kept in the previous revision, or begins anew.
func (c *compiler) state(key string) func(string, func() any) any {
	s, ok := c.table.states[key]
	if !ok && c.Previous != nil {
		s, ok = c.Previous.states[key]
	}
	if !ok {
		s = state{mu: new(sync.Mutex), values: map[string]any{}}
	}
	c.table.states[key] = s
	c.inputs.states = append(c.inputs.states, key)
	return func(name string, make func() any) any {
		s.mu.Lock()
		defer s.mu.Unlock()
		value, ok := s.values[name]
		if !ok {
			value = make()
			s.values[name] = value
		}
		return value
	}
}
