package app

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/posture"
	"farrier.dev/farrier/internal/router"
)

// inventoryNews is one operation that stands differently than at the last judgement.
type inventoryNews struct {
	Host    string            `json:"host"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Version string            `json:"version,omitempty"`
	Name    string            `json:"name,omitempty"`
	Before  []discovery.State `json:"before"`
	Now     []discovery.State `json:"now"`
}

// maxNews bounds what one call of a webhook tells.
const maxNews = 100

// report hands what is wrong with each API to posture; what is wrong no more is mended.
func (d *discoverer) report(ctx context.Context, into *posture.Posture, found []finding.Finding) {
	byAPI := map[string][]finding.Finding{"": nil}
	if rev := d.status().Serving; rev != nil {
		for i := range rev.APIs {
			byAPI[rev.APIs[i].Name.String()] = nil
		}
	}
	for _, f := range found {
		byAPI[f.Location.API] = append(byAPI[f.Location.API], f)
	}
	for api, some := range byAPI {
		mark := fingerprints(some)
		if before, told := d.told[api]; told && before == mark {
			continue
		}
		if err := into.Renew(ctx, "discovery", api, some); err != nil {
			d.log.Error("findings of the inventory can't be kept", "api", api, "error", err)
			continue
		}
		d.told[api] = mark
	}
}

// news tells the log and the webhooks what stands differently than at the last judgement.
// The first one after a start tells nothing: it compares with nothing.
func (d *discoverer) news(ctx context.Context, seen map[discovery.Key][]discovery.State) {
	news := differences(d.seen, seen)
	d.seen = seen
	if len(news) == 0 {
		return
	}
	for _, one := range news[:min(len(news), 10)] {
		d.log.Info("the inventory changed", "operation", one.Method+" "+one.Host+one.Path, "before", words(one.Before), "now", words(one.Now))
	}
	body, err := json.Marshal(map[string]any{
		"version": 1, "event": "inventory", "at": d.now().UTC(), "changed": len(news), "operations": news[:min(len(news), maxNews)],
	})
	if err != nil {
		d.log.Error("a webhook could not be called", "error", err)
		return
	}
	for _, address := range d.cfg.Webhooks {
		if err := callHook(ctx, router.PolicyClient(nil), address, body); err != nil {
			d.log.Error("a webhook of discovery could not be called", "error", err)
		}
	}
}

// fingerprints is one text for the same findings.
func fingerprints(found []finding.Finding) string {
	all := make([]string, len(found))
	for i := range found {
		all[i] = found[i].Fingerprint + found[i].Severity.String()
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// differences are the operations that are new or stand differently; nil before means that
// there is nothing to compare with.
func differences(before, now map[discovery.Key][]discovery.State) []inventoryNews {
	if before == nil {
		return nil
	}
	var out []inventoryNews
	for key, states := range now {
		was, known := before[key]
		if known && slices.Equal(was, states) {
			continue
		}
		out = append(out, inventoryNews{Host: key.Host, Method: key.Method, Path: key.Path, Version: key.Version, Name: key.Name, Before: was, Now: states})
	}
	slices.SortFunc(out, func(a, b inventoryNews) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Name, b.Name))
	})
	return out
}
