package app

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"farrier.dev/farrier/internal/control/publish"
	"farrier.dev/farrier/internal/monitor/capture"
	"farrier.dev/farrier/internal/policy"
)

// sealedExist says whether anything in the data folder was sealed, which a new
// master key could not open.
func sealedExist(data string) (bool, error) {
	if kept, err := publish.KeptExists(data); kept || err != nil {
		return kept, err
	}
	return capture.Exists(filepath.Join(data, capture.Folder))
}

// captures is the store of captured requests; a nil one captures nothing.
type captures struct {
	store *capture.Store
	log   *slog.Logger
}

// openCapture begins to capture when the settings say so. What can't be
// captured stops nobody.
func openCapture(cfg Config, sealer capture.Sealer, log *slog.Logger) *captures {
	log = log.With("component", "capture")
	if !cfg.Capture.Enabled {
		if err := capture.Sweep(cfg.Data, cfg.Capture.Days, time.Now()); err != nil {
			log.Error("old captured requests can't be removed", "error", err)
		}
		return nil
	}
	store, err := capture.Open(capture.Options{
		Dir: filepath.Join(cfg.Data, capture.Folder), Sealer: sealer, Now: time.Now, Log: log,
		Megabytes: cfg.Capture.Megabytes, Days: cfg.Capture.Days, PerOperationHour: cfg.Capture.PerOperationHour,
	})
	if err != nil {
		log.Error("requests can't be captured; the gateway serves without", "error", err)
		return nil
	}
	return &captures{store, log}
}

// capturer is what policies are handed, nil when nothing is captured.
func (c *captures) capturer() policy.Capturer {
	if c == nil {
		return nil
	}
	return c.store
}

// register adds the metrics.
func (c *captures) register(metrics prometheus.Registerer) {
	if c == nil {
		return
	}
	counter := func(name, help string, value func(capture.Stats) int64) {
		metrics.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "farrier_capture_" + name + "_total", Help: help},
			func() float64 { return float64(value(c.store.Stats())) },
		))
	}
	counter("written", "Requests captured for dry runs.", func(s capture.Stats) int64 { return s.Written })
	counter("dropped", "Requests that were to be captured, for which there was no time or room.", func(s capture.Stats) int64 { return s.Dropped })
}

func (c *captures) close() {
	if c == nil {
		return
	}
	if err := c.store.Close(); err != nil {
		c.log.Error("the captured requests could not be closed", "error", err)
	}
}
