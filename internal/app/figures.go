package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/policy"
)

// registerFigures shows what policies have to tell of themselves.
func registerFigures(metrics prometheus.Registerer, all *policy.Catalogue) {
	for _, e := range all.All() {
		if e.Figures == nil {
			continue
		}
		for i, f := range e.Figures() {
			metrics.MustRegister(prometheus.NewGaugeFunc(
				prometheus.GaugeOpts{Name: "farrier_" + f.Name, Help: f.Help},
				func() float64 { return e.Figures()[i].Value },
			))
		}
	}
}
