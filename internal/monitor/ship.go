package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
	"farrier.dev/farrier/internal/traffic/journal"
)

// Shipment is what a gateway that is a process of its own hands over at once: records
// of its journal and counts. A Receiver takes each once, however often it comes.
type Shipment struct {
	// From and To are the places in the gateway's journal before and behind Records.
	From    journal.Position `json:"from"`
	To      journal.Position `json:"to"`
	Records []traffic.Record `json:"records,omitempty"`
	// Process is a name that the gateway's process made for itself, Sequence counts its
	// shipments of counts from 1; 0 says that there are none.
	Process  string        `json:"process"`
	Sequence int64         `json:"sequence"`
	Minutes  []ShippedSlot `json:"minutes,omitempty"`
	Series   []ShippedSlot `json:"series,omitempty"`
}

// ShippedSlot is the counts of one minute of an operation, or of a series.
type ShippedSlot struct {
	Kind   string `json:"kind,omitempty"`
	API    string `json:"api,omitempty"`
	Name   string `json:"name,omitempty"`
	Minute int64  `json:"minute"`
	Slot   []byte `json:"slot"`
}

// ShipperOptions are what a Shipper works with; all are required.
type ShipperOptions struct {
	Journal *journal.Journal
	Rollup  *Rollup
	// Send hands a shipment over and says up to where the receiver has the journal.
	Send func(ctx context.Context, s *Shipment) (journal.Position, error)
	// Process is a name that no other process of this gateway had.
	Process string
	Now     func() time.Time
	Log     *slog.Logger
}

// Shipper hands over what a gateway counted and recorded. What can't be handed over
// waits: records in the journal, counts in memory.
type Shipper struct {
	o ShipperOptions

	mu       sync.Mutex
	known    bool // place is where the receiver is
	place    journal.Position
	sequence int64
	waiting  *Shipment // counts that were sent, and perhaps received
}

// NewShipper makes a shipper.
func NewShipper(o ShipperOptions) *Shipper { return &Shipper{o: o} }

// shipEvery is how often counts are handed over.
const shipEvery = 5 * time.Second

// Run hands over until ctx ends, and once more then.
func (s *Shipper) Run(ctx context.Context) {
	ticker := time.NewTicker(shipEvery)
	defer ticker.Stop()
	failing := false
	ship := func(ctx context.Context) {
		err := s.Ship(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.o.Log.ErrorContext(ctx, "records can't be handed over; they wait", "component", "monitor", "error", err)
		}
		failing = err != nil
	}
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			ship(last)
			return
		case <-s.o.Journal.Ready():
		case <-ticker.C:
		}
		ship(ctx)
	}
}

// Ship hands over all that there is.
func (s *Shipper) Ship(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.o.Journal.Sync(); err != nil {
		return fmt.Errorf("handing over records: %w", err)
	}
	if !s.known {
		if err := s.ask(ctx); err != nil {
			return err
		}
	}
	for {
		next := s.counts()
		var err error
		next.From = s.place
		if next.Records, next.To, err = s.o.Journal.ReadFrom(s.place, batchRecords); err != nil {
			return fmt.Errorf("handing over records: %w", err)
		}
		if next.To == s.place && next.Sequence == 0 {
			return nil
		}
		if s.place, err = s.o.Send(ctx, next); err != nil {
			s.known = false // whether it arrived is known only to the receiver
			return fmt.Errorf("handing over records: %w", err)
		}
		s.waiting = nil
		if err := s.o.Journal.Discard(s.place); err != nil {
			return fmt.Errorf("handing over records: %w", err)
		}
	}
}

// ask finds out where the receiver is.
func (s *Shipper) ask(ctx context.Context) error {
	place, err := s.o.Send(ctx, &Shipment{Process: s.o.Process})
	if err != nil {
		return fmt.Errorf("asking which records were handed over: %w", err)
	}
	// A journal that ends before the place is another one: all of it is new.
	if s.o.Journal.End().Before(place) {
		place = journal.Position{}
	}
	s.place, s.known = place, true
	return nil
}

// counts begins a shipment with the counts that wait: the same as the last time,
// when it is not known whether they arrived.
func (s *Shipper) counts() *Shipment {
	if s.waiting == nil || s.waiting.Sequence == 0 { // what held no counts waits for nothing
		s.waiting = s.gather()
	}
	next := *s.waiting
	return &next
}

func (s *Shipper) gather() *Shipment {
	next := &Shipment{Process: s.o.Process}
	for _, c := range s.o.Rollup.take() {
		next.Minutes = append(next.Minutes, ShippedSlot{API: c.api, Name: c.operation, Minute: c.minute.Unix() / 60, Slot: pack([]Slot{c.Slot})})
	}
	for _, c := range s.o.Rollup.parties.take(s.o.Now()) {
		next.Series = append(next.Series, ShippedSlot{Kind: string(c.kind), API: c.api, Name: c.name, Minute: c.minute, Slot: pack([]Slot{c.Slot})})
	}
	if len(next.Minutes)+len(next.Series) > 0 {
		s.sequence++
		next.Sequence = s.sequence
	}
	return next
}

// Receiver takes the shipments of one gateway into the store.
type Receiver struct{ m *Monitor }

// NewReceiver makes the receiver of the gateway that the options name. Journal and
// Feed are not needed.
func NewReceiver(ctx context.Context, o Options) (*Receiver, error) {
	if o.DB == nil || o.Now == nil || o.Log == nil {
		return nil, errors.New("monitor: DB, Now and Log are required")
	}
	o.Rollup = NewRollup(o.Now)
	m, err := newMonitor(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Receiver{m: m}, nil
}

// Receive takes a shipment, unless it has it already, and says up to where it has the
// gateway's journal. A shipment that begins elsewhere is not taken: the answer says
// where the next must begin.
func (r *Receiver) Receive(ctx context.Context, s *Shipment) (journal.Position, error) {
	m := r.m
	m.drainMu.Lock()
	defer m.drainMu.Unlock()
	counts, err := s.pending()
	if err != nil {
		return journal.Position{}, fmt.Errorf("receiving records: %w", err)
	}
	b := m.newBatch(s.Records)
	var after place
	err = m.opts.DB.Write(ctx, func(tx *store.Tx) error {
		b.trailBytes, after = 0, place{}
		err := tx.QueryRow(ctx, "SELECT segment, place, last_refusal FROM monitor_journal WHERE environment = ? AND gateway = ?",
			m.opts.Environment, m.opts.Gateway).Scan(&after.position.Segment, &after.position.Offset, &after.lastRefusal)
		if err != nil && !errors.Is(err, store.ErrNoRows) {
			return err
		}
		if s.From == after.position && s.To != s.From || s.From == (journal.Position{}) && s.To != s.From && s.To.Before(after.position) {
			after.position = s.To
			if err := m.writeBatch(ctx, tx, b, &after); err != nil {
				return err
			}
		}
		return m.countOnce(ctx, tx, s, &counts)
	})
	if err != nil {
		return journal.Position{}, fmt.Errorf("receiving records: %w", err)
	}
	m.trailBytes.Add(b.trailBytes)
	return after.position, m.pruneTrailBytes(ctx)
}

// countOnce adds counts unless they came before.
func (m *Monitor) countOnce(ctx context.Context, tx *store.Tx, s *Shipment, counts *pending) error {
	if s.Sequence == 0 {
		return nil
	}
	n, err := tx.Exec(ctx, `INSERT INTO monitor_shipments (environment, gateway, process, sequence) VALUES (?, ?, ?, ?)
		ON CONFLICT (environment, gateway) DO UPDATE SET process = excluded.process, sequence = excluded.sequence
		WHERE monitor_shipments.process <> excluded.process OR monitor_shipments.sequence < excluded.sequence`,
		m.opts.Environment, m.opts.Gateway, s.Process, s.Sequence)
	if err != nil || n == 0 {
		return err
	}
	return m.writeRollups(ctx, tx, counts)
}

// pending are the counts as they are stored.
func (s *Shipment) pending() (pending, error) {
	var (
		p       pending
		minutes []counted
		series  []seriesCount
	)
	for _, one := range s.Minutes {
		slot := make([]Slot, 1)
		if err := unpack(one.Slot, slot); err != nil {
			return p, err
		}
		minutes = append(minutes, counted{api: one.API, operation: one.Name, minute: time.Unix(one.Minute*60, 0).UTC(), Slot: slot[0]})
	}
	for _, one := range s.Series {
		slot := make([]Slot, 1)
		if err := unpack(one.Slot, slot); err != nil {
			return p, err
		}
		series = append(series, seriesCount{seriesKey{seriesKind(one.Kind), one.API, one.Name}, one.Minute, slot[0]})
	}
	p.add(minutes)
	p.addSeries(series)
	return p, nil
}
