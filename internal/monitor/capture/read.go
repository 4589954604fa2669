package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxFile bounds a file that is read: eight megabytes, and the longest line.
const maxFile = 16 << 20

// Filter says which requests are read.
type Filter struct {
	// Since is the earliest hour; the zero time is all.
	Since time.Time
	// API is namespace/name; empty means all.
	API string
}

func (f Filter) wants(api string, hour int64) bool {
	return (f.API == "" || f.API == api) && (f.Since.IsZero() || hour >= f.Since.Unix()/3600)
}

// Seen is how many exchanges one operation had.
type Seen struct {
	API, Operation string
	// Passed and Refused are all that were judged; Dropped are those that would
	// have been kept, had there been time or room.
	Passed, Refused, Dropped int64
}

// Summary is what was read.
type Summary struct {
	// Seen is by operation, in no order.
	Seen []Seen
	// Damaged are the records, counts and files that could not be read.
	Damaged int
}

// Read yields the captured requests of a folder, the newest first, refusals
// before the sample. It needs no lock: what is written or removed meanwhile may
// or may not be seen. Damage is passed over and counted. It ends early with the
// error of yield, or when ctx ends.
func Read(ctx context.Context, dir string, opener Opener, filter Filter, yield func(*Request) error) (Summary, error) {
	r := &reading{ctx: ctx, dir: dir, opener: opener, filter: filter, yield: yield, slots: map[slot]bool{}, seen: map[counter]*Seen{}}
	if _, err := os.Stat(dir); err != nil {
		return Summary{}, fmt.Errorf("reading captured requests: %w", err)
	}
	// Counts come after the requests that they count, so that there are never
	// more requests than were seen; and requests tell the least that was seen.
	for _, suffix := range []string{refusedSuffix, sampleSuffix} {
		if err := r.family(suffix); err != nil {
			return Summary{}, err
		}
	}
	if err := r.counts(); err != nil {
		return Summary{}, err
	}
	return r.summary(), nil
}

// counter is what is counted apart: an operation in one hour of one process.
type counter struct {
	run            string
	hour           int64
	api, operation string
}

// slot is a place in a reservoir; the latest request in it counts.
type slot struct {
	counter
	number int
}

type reading struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one call
	dir     string
	opener  Opener
	filter  Filter
	yield   func(*Request) error
	slots   map[slot]bool
	seen    map[counter]*Seen
	damaged int
}

func (r *reading) family(suffix string) error {
	segments, err := numbered(r.dir, suffix)
	if err != nil {
		return err
	}
	f := &family{dir: r.dir, suffix: suffix}
	for i := len(segments) - 1; i >= 0; i-- {
		data, err := readFile(f.name(segments[i].number))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			r.damaged++
			continue
		}
		if err := r.segment(data); err != nil {
			return err
		}
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // in our own data folder
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errTooLong
	}
	return data, err
}

// segment reads the lines of one file, the last first.
func (r *reading) segment(data []byte) error {
	if n := bytes.LastIndexByte(data, '\n') + 1; n < len(data) {
		r.damaged++ // cut while it was written
		data = data[:n]
	}
	for len(data) > 0 {
		if err := r.ctx.Err(); err != nil {
			return fmt.Errorf("reading captured requests: %w", err)
		}
		data = data[:len(data)-1]
		start := bytes.LastIndexByte(data, '\n') + 1
		line := data[start:]
		data = data[:start]
		q, err := r.record(string(line))
		if err != nil {
			r.damaged++
			continue
		}
		if err := r.take(q); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) record(line string) (*Request, error) {
	plain, err := r.opener.Open(purpose, line)
	if err != nil {
		return nil, err
	}
	return unmarshal(plain)
}

func (r *reading) take(q *Request) error {
	if !r.filter.wants(q.API, q.Hour) {
		return nil
	}
	at := counter{q.Run, q.Hour, q.API, q.Operation}
	n := r.at(at)
	if q.Refused {
		n.Refused = max(n.Refused, q.Seen)
		return r.yield(q)
	}
	n.Passed = max(n.Passed, q.Seen)
	place := slot{at, q.Slot}
	if r.slots[place] {
		return nil // another took its place
	}
	r.slots[place] = true
	return r.yield(q)
}

func (r *reading) at(c counter) *Seen {
	n := r.seen[c]
	if n == nil {
		n = &Seen{API: c.api, Operation: c.operation}
		r.seen[c] = n
	}
	return n
}

func (r *reading) counts() error {
	files, err := countFiles(r.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !r.filter.Since.IsZero() && f.hour < r.filter.Since.Unix()/3600 {
			continue
		}
		data, err := readFile(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var h hourCounts
		if err == nil {
			var plain []byte
			if plain, err = r.opener.Open(countsPurpose, string(bytes.TrimSuffix(data, []byte("\n")))); err == nil {
				err = json.Unmarshal(plain, &h)
			}
		}
		if err != nil || h.Version != version {
			r.damaged++
			continue
		}
		for _, c := range h.Counts {
			// What counts as one of many operations is of no API alone.
			if c.Operation == others || r.filter.wants(c.API, h.Hour) {
				n := r.at(counter{h.Run, h.Hour, c.API, c.Operation})
				n.Passed, n.Refused, n.Dropped = max(n.Passed, c.Passed), max(n.Refused, c.Refused), max(n.Dropped, c.Dropped)
			}
		}
	}
	return nil
}

func (r *reading) summary() Summary {
	total := map[stratum]*Seen{}
	for c, n := range r.seen {
		t := total[stratum{c.api, c.operation}]
		if t == nil {
			t = &Seen{API: c.api, Operation: c.operation}
			total[stratum{c.api, c.operation}] = t
		}
		t.Passed += n.Passed
		t.Refused += n.Refused
		t.Dropped += n.Dropped
	}
	s := Summary{Damaged: r.damaged}
	for _, t := range total {
		s.Seen = append(s.Seen, *t)
	}
	return s
}
