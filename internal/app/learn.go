package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/behaviour"
	"farrier.dev/farrier/internal/store"
)

// newLearner makes the learner of values. It learns from the start, also while
// there is no store to load from.
func newLearner() *behaviour.Learner {
	o := behaviour.Options{Now: time.Now}
	_, _ = rand.Read(o.Key[:]) // it never fails
	return behaviour.New(o)
}

// learn runs the learner until ctx ends. db may be nil.
func learn(ctx context.Context, l *behaviour.Learner, db *store.DB, cfg Config, log *slog.Logger) {
	l.Run(ctx, behaviour.Keep{DB: db, Environment: cfg.Environment, Gateway: cfg.Gateway}, func(err error) {
		log.Error("what was learned of values could not be kept", "error", err)
	})
}

// registerLearner shows how much was learned.
func registerLearner(metrics prometheus.Registerer, l *behaviour.Learner) {
	gauge := func(name, help string, value func(behaviour.Stats) float64) {
		metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(l.Stats()) }))
	}
	gauge("farrier_learned_operations", "Operations whose values are learned.", func(s behaviour.Stats) float64 { return float64(s.Operations) })
	gauge("farrier_learned_places", "Places of values in them.", func(s behaviour.Stats) float64 { return float64(s.Places) })
	gauge("farrier_learned_dropped", "Lessons that were lost since the start.", func(s behaviour.Stats) float64 { return float64(s.Dropped) })
}
