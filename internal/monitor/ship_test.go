package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/store/storetest"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// outpost is a gateway whose records are handed over.
type outpost struct {
	bench
	receiver *Receiver
	// before and after fail a shipment before or after it was received.
	before, after bool
	dir           string
}

func newOutpost(t *testing.T, db *store.DB) *outpost {
	t.Helper()
	c := newClock()
	o := &outpost{bench: bench{clock: c, rollup: NewRollup(c.Now)}, dir: t.TempDir()}
	o.reopen(t)
	var err error
	o.receiver, err = NewReceiver(t.Context(), Options{DB: db, Environment: "production", Gateway: "edge-1", Now: c.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *outpost) reopen(t *testing.T) {
	t.Helper()
	if o.journal != nil {
		if err := o.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if o.journal, err = journal.Open(o.dir, journal.Options{Now: o.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.journal.Close() })
}

func (o *outpost) shipper(process string) *Shipper {
	return NewShipper(ShipperOptions{
		Journal: o.journal, Rollup: o.rollup, Process: process, Now: o.clock.Now, Log: slog.New(slog.DiscardHandler),
		Send: func(ctx context.Context, s *Shipment) (journal.Position, error) {
			if o.before {
				return journal.Position{}, errors.New("not reached")
			}
			text, err := json.Marshal(s)
			if err != nil {
				return journal.Position{}, err
			}
			var got Shipment
			if err := json.Unmarshal(text, &got); err != nil {
				return journal.Position{}, err
			}
			place, err := o.receiver.Receive(ctx, &got)
			if err == nil && o.after {
				err = errors.New("the answer was lost")
			}
			return place, err
		},
	})
}

// TestCountsAloneAreHandedOver: counts arrive each time, also where no record does.
func TestCountsAloneAreHandedOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOutpost(t, db)
		s := o.shipper("one")
		for n := range 3 {
			o.rollup.Count("default/orders", "GET /orders", 200, traffic.Served, time.Millisecond, 0, 0)
			if err := s.Ship(t.Context()); err != nil {
				t.Fatal(err)
			}
			apis, err := o.receiver.m.APIs(t.Context(), o.clock.Now().Add(-time.Hour))
			if err != nil || len(apis) != 1 || apis[0].Requests != uint64(n+1) {
				t.Fatalf("after %d: %+v, %v", n+1, apis, err)
			}
		}
	})
}

// TestHandedOverOnce: whatever is lost on the way, each record and count arrives
// once.
func TestHandedOverOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOutpost(t, db)
		s := o.shipper("one")
		refuse := func(n int) {
			for range n {
				o.refuse(t, func(r *traffic.Record) { r.Environment, r.Gateway = "production", "edge-1" })
			}
		}
		ship := func(good bool) {
			t.Helper()
			if err := s.Ship(t.Context()); (err == nil) != good {
				t.Errorf("shipped: %v, want it to work: %v", err, good)
			}
		}
		total := func(want int64) {
			t.Helper()
			if n := number(t, db, "SELECT count(*) FROM monitor_refusals WHERE environment = 'production' AND gateway = 'edge-1'"); n != want {
				t.Errorf("%d refusals arrived, want %d", n, want)
			}
			minutes, err := o.receiver.m.APIs(t.Context(), o.clock.Now().Add(-time.Hour))
			if err != nil || want > 0 && (len(minutes) != 1 || minutes[0].Requests != uint64(want)) {
				t.Errorf("%+v %v, want %d requests", minutes, err, want)
			}
		}
		ship(true)
		total(0)
		refuse(3)
		ship(true)
		total(3)
		o.before = true
		refuse(2)
		ship(false)
		o.before, o.after = false, true
		ship(false) // received, but nobody knows
		ship(false)
		o.after = false
		refuse(1)
		ship(true)
		total(6)
		// The process is killed and comes again with its journal; its counts that were
		// not sent are gone.
		refuse(600)
		ship(true)
		total(606)
		o.reopen(t)
		s = o.shipper("two")
		refuse(1)
		ship(true)
		total(607)
		// The journal is lost; a new one begins.
		o.clock.Add(time.Minute)
		o.dir = t.TempDir()
		o.reopen(t)
		s = o.shipper("three")
		refuse(1)
		ship(true)
		total(608)
	})
}
