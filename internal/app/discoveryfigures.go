package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/tap"
)

// register adds the metrics.
func (d *discoverer) register(metrics prometheus.Registerer) {
	if d == nil {
		return
	}
	for _, one := range []struct {
		name, help string
		value      func(s discovery.Stats, t tap.Stats) float64
	}{
		{"operations", "Operations in the inventory.", func(s discovery.Stats, _ tap.Stats) float64 { return float64(s.Operations) }},
		{"candidates", "Operations that wait to be listed.", func(s discovery.Stats, _ tap.Stats) float64 { return float64(s.Candidates) }},
		{"waiting", "Exchanges that wait to be learned from.", func(_ discovery.Stats, t tap.Stats) float64 { return float64(t.Waiting) }},
		{"dropped", "Exchanges that found no room, and taught nothing.", func(_ discovery.Stats, t tap.Stats) float64 { return float64(t.Dropped) }},
		{"sampled", "Exchanges that were looked into.", func(_ discovery.Stats, t tap.Stats) float64 { return float64(t.Sampled) }},
	} {
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "farrier_discovery_" + one.name, Help: one.help}, func() float64 {
			var s discovery.Stats
			if d.learner != nil {
				s = d.learner.Stats()
			}
			return one.value(s, d.tap.Stats())
		}))
	}
}
