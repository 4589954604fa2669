package app

import (
	"log/slog"
	"sync/atomic"

	"farrier.dev/farrier/internal/monitor"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// recorder takes what the gateway saw: counts to the rollup, what may not be
// lost to the journal, samples to the monitor, all to whoever listens.
type recorder struct {
	rollup  *monitor.Rollup
	journal *journal.Journal
	feed    *traffic.Feed
	log     *slog.Logger
	// samples is nil until the store is open; until then samples are let go.
	samples atomic.Pointer[monitor.Monitor]
}

// Count implements gateway.Recorder.
func (r *recorder) Count(x *traffic.Exchange, end *traffic.Ending) {
	r.rollup.Count(x.API, x.Operation(), x.Response.Status, end.Outcome, end.Took, end.BytesIn, end.BytesOut)
	party := monitor.Party{API: x.API, Client: x.Auth.ClientID}
	if end.Outcome == traffic.RefusedByPolicy {
		for i := range x.Decisions {
			if x.Decisions[i].Action == traffic.Refused {
				party.Policy = x.Decisions[i].Policy
			}
		}
	}
	r.rollup.CountParty(party, x.Response.Status, end.Outcome, end.Took, end.BytesIn, end.BytesOut)
}

// Wants implements gateway.Recorder.
func (r *recorder) Wants(x *traffic.Exchange) bool {
	return r.feed.Wanted() || r.rollup.Wants(x.API, x.Operation())
}

// Keep implements gateway.Recorder.
func (r *recorder) Keep(rec *traffic.Record) {
	switch {
	case rec.Outcome != traffic.Served && rec.Outcome != traffic.AnsweredLocally || len(rec.Findings) > 0:
		if err := r.journal.Append(rec); err != nil {
			// The journal counts it, and the metrics show the count.
			r.log.Error("a record could not be kept", "exchange", rec.ID, "error", err)
		}
	default:
		if m := r.samples.Load(); m != nil {
			m.Keep(rec)
		}
	}
	r.feed.Publish(rec)
}
