package monitor

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// attackCounts counts drained attacks per API since the process began.
type attackCounts struct {
	mu  sync.Mutex
	per map[string]uint64
}

func (a *attackCounts) add(minutes []counted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.per == nil {
		a.per = map[string]uint64{}
	}
	for i := range minutes {
		a.per[minutes[i].api] += minutes[i].Attacks
	}
}

// collector hands the counters that exist anyway to Prometheus.
type collector struct {
	m *Monitor

	requests, duration, bytes, attacks                              *prometheus.Desc
	journalBytes, journalFull, journalFailed, journalDamaged, drops *prometheus.Desc
	drained, drainFailures, flushFailures, damagedRows              *prometheus.Desc
	trailBytes                                                      *prometheus.Desc
}

// Register adds the monitor's metrics. Their labels are API names, outcomes and
// status classes only.
func (m *Monitor) Register(r prometheus.Registerer) error {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("farrier_"+name, help, labels, nil)
	}
	return r.Register(&collector{
		m:              m,
		requests:       desc("requests_total", "Exchanges that are over.", "api", "outcome", "code"),
		duration:       desc("request_duration_seconds", "Time from the request's first byte to the end of the exchange.", "api"),
		bytes:          desc("request_bytes_total", "Bytes of bodies, in from clients and out to them.", "api", "direction"),
		attacks:        desc("attacks_total", "Exchanges with a finding, refused or only watched.", "api"),
		journalBytes:   desc("journal_bytes", "Bytes of the journal on disk, drained or not."),
		journalFull:    desc("journal_full_total", "Records that were not kept because the journal was full."),
		journalFailed:  desc("journal_failed_total", "Records that were not kept because the journal could not be written."),
		journalDamaged: desc("journal_damaged_total", "Damaged lines of the journal that were passed over, and torn ends cut off."),
		drops:          desc("feed_dropped_total", "Records that a subscriber of the feed had no room for."),
		drained:        desc("drained_records_total", "Records carried from the journal to the store."),
		drainFailures:  desc("drain_failures_total", "Attempts to drain the journal that failed."),
		flushFailures:  desc("rollup_failures_total", "Attempts to store counts or to remove old ones that failed."),
		damagedRows:    desc("rollup_damaged_total", "Stored counts that could not be read."),
		trailBytes:     desc("trail_bytes", "Bytes of the records kept whole."),
	})
}

// Describe lists the metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.requests, c.duration, c.bytes, c.attacks, c.journalBytes, c.journalFull, c.journalFailed, c.journalDamaged,
		c.drops, c.drained, c.drainFailures, c.flushFailures, c.damagedRows, c.trailBytes,
	} {
		out <- d
	}
}

// Collect reads the counters.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v int64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	for _, a := range *c.m.opts.Rollup.apis.Load() {
		c.collectAPI(a, out, counter)
	}
	c.m.attacks.mu.Lock()
	for api, n := range c.m.attacks.per {
		counter(c.attacks, n, api)
	}
	c.m.attacks.mu.Unlock()
	j := c.m.opts.Journal.Stats()
	gauge(c.journalBytes, j.Bytes)
	counter(c.journalFull, j.Full)
	counter(c.journalFailed, j.Failed)
	counter(c.journalDamaged, j.Damaged+j.Torn)
	if c.m.opts.Feed != nil {
		counter(c.drops, c.m.opts.Feed.Dropped())
	}
	counter(c.drained, c.m.drained.Load())
	counter(c.drainFailures, c.m.drainFailures.Load())
	counter(c.flushFailures, c.m.flushFailures.Load())
	counter(c.damagedRows, c.m.damagedRows.Load())
	gauge(c.trailBytes, c.m.trailBytes.Load())
}

// collectAPI adds up the operations of an API.
func (c *collector) collectAPI(a *apiCells, out chan<- prometheus.Metric, counter func(*prometheus.Desc, uint64, ...string)) {
	var (
		ends [len(outcomes)][classes]uint64
		sum  Slot
	)
	for _, cell := range *a.operations.Load() {
		for o := range ends {
			for class := range ends[o] {
				ends[o][class] += cell.ends[o][class].Load()
			}
		}
		sum.Add(cell.total())
	}
	codes := [classes]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
	for o := range ends {
		for class, n := range ends[o] {
			if n > 0 {
				counter(c.requests, n, a.name, string(outcomes[o]), codes[class])
			}
		}
	}
	counter(c.bytes, sum.BytesIn, a.name, "in")
	counter(c.bytes, sum.BytesOut, a.name, "out")
	within := map[float64]uint64{}
	var below uint64
	for class := range buckets - 1 {
		below += sum.latency[class]
		if class%2 == 1 {
			continue // half an octave is finer than a scrape should be
		}
		within[bucketEnd(class).Seconds()] = below
	}
	below += sum.latency[buckets-1]
	out <- prometheus.MustNewConstHistogram(c.duration, below, sum.Took.Seconds(), within, a.name)
}
