package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"farrier.dev/farrier/internal/store"
	"farrier.dev/farrier/internal/traffic"
)

// Retention says what is left of an exchange.
type Retention uint8

// What may be left of an exchange.
const (
	// Unknown: no exchange of that id was counted here.
	Unknown Retention = iota
	// CountedNotKept: exchanges of that minute were counted, this one's record
	// was not kept.
	CountedNotKept
	// Kept: the trail is there.
	Kept
)

// String is the retention as pages show it.
func (r Retention) String() string {
	switch r {
	case Kept:
		return "kept"
	case CountedNotKept:
		return "counted, not kept"
	case Unknown:
	}
	return "unknown"
}

// Trail is what is kept of one exchange.
type Trail struct {
	Record traffic.Record `json:"record"`
	// Whole says that Record is the sealed record; else only the short line of a
	// refusal is left, and what it doesn't hold is empty.
	Whole bool `json:"whole"`
}

// Lookup finds what is left of the exchange with a correlation id. Records
// that are still in the journal are drained first, so that an id is found as
// soon as a client can have read it.
func (m *Monitor) Lookup(ctx context.Context, id string) (Trail, Retention, error) {
	id = strings.ToUpper(strings.TrimSpace(id))
	at, ok := idTime(id)
	if !ok {
		return Trail{}, Unknown, nil
	}
	trail, found, err := m.stored(ctx, id)
	if err == nil && !found && m.undrained() {
		if err = m.drainAll(ctx); err == nil {
			trail, found, err = m.stored(ctx, id)
		}
	}
	if err != nil {
		return Trail{}, Unknown, fmt.Errorf("looking up exchange %s: %w", id, err)
	}
	if found {
		return trail, Kept, nil
	}
	if rec, ok := m.inSample(id); ok {
		return Trail{Record: rec, Whole: true}, Kept, nil
	}
	was, err := m.counted(ctx, at)
	if err != nil {
		return Trail{}, Unknown, fmt.Errorf("looking up exchange %s: %w", id, err)
	}
	if was {
		return Trail{}, CountedNotKept, nil
	}
	return Trail{}, Unknown, nil
}

func (m *Monitor) undrained() bool {
	m.drainMu.Lock()
	defer m.drainMu.Unlock()
	return m.place == nil || m.place.position != m.opts.Journal.End()
}

// stored finds the trail in the store.
func (m *Monitor) stored(ctx context.Context, id string) (Trail, bool, error) {
	var text string
	err := m.opts.DB.Read().QueryRow(ctx, "SELECT record FROM monitor_trails WHERE environment = ? AND id = ?",
		m.opts.Environment, id).Scan(&text)
	if err == nil {
		t := Trail{Whole: true}
		if err := json.Unmarshal([]byte(text), &t.Record); err != nil {
			return Trail{}, false, err
		}
		return t, true, nil
	}
	if !errors.Is(err, store.ErrNoRows) {
		return Trail{}, false, err
	}
	lines, err := m.lines(ctx, "id = ?", []any{id}, 1)
	if err != nil || len(lines) == 0 {
		return Trail{}, false, err
	}
	l := lines[0]
	method, _, _ := strings.Cut(l.Operation, " ")
	return Trail{Record: traffic.Record{
		Version: 1, ID: l.ID, Received: l.Received, Environment: l.Environment, Gateway: l.Gateway, Revision: l.Revision,
		API: l.API, Operation: l.Operation, Method: method, Client: l.Client, ClientID: l.ClientID, Status: l.Status,
		Outcome: l.Outcome, Step: l.Step, Policy: l.Policy, Reason: l.Reason,
	}}, true, nil
}

// inSample finds a record of the sample that is not stored yet.
func (m *Monitor) inSample(id string) (traffic.Record, bool) {
	m.keepMu.Lock()
	defer m.keepMu.Unlock()
	for _, s := range append(unstored(m.sampled.of), m.sampled.left...) {
		if s.record.ID == id {
			return *s.record, true
		}
	}
	return traffic.Record{}, false
}

// counted says whether any exchange was counted around a time. An exchange is
// counted when it is over, which may be a while after its id was made.
func (m *Monitor) counted(ctx context.Context, at time.Time) (bool, error) {
	now := m.opts.Now()
	if at.After(now.Add(time.Minute)) {
		return false, nil
	}
	const longest = 10 * time.Minute
	from, to := at.Truncate(time.Minute), at.Add(longest)
	if to.After(now) {
		to = now
	}
	found := false
	l := levels[0]
	if now.Sub(at) > HoursKept-24*time.Hour {
		l, from, to = levels[2], at.Truncate(24*time.Hour), at.Truncate(24*time.Hour)
	}
	err := m.scanSeries(ctx, l, seriesKey{byAPI, "", ""}, from, to, func(minute int64, s *Slot) {
		within := minute >= from.Unix()/60 && minute <= to.Unix()/60
		found = found || within && s.Requests > 0
	})
	return found, err
}

// idTime reads the time from a correlation id.
func idTime(id string) (time.Time, bool) {
	if !traffic.ValidID(id) {
		return time.Time{}, false
	}
	var ms int64
	for i := range 10 {
		digit := strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", id[i])
		if digit < 0 {
			return time.Time{}, false
		}
		ms = ms<<5 | int64(digit)
	}
	return time.UnixMilli(ms).UTC(), true
}

// Trail gives the trail of an exchange, and false when none is kept.
func (m *Monitor) Trail(ctx context.Context, id string) (Trail, bool, error) {
	t, retention, err := m.Lookup(ctx, id)
	return t, retention == Kept, err
}
