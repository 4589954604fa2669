// Package journal keeps on disk what may not be lost of the traffic: sealed
// records, one write(2) each, before the answer they speak of leaves. What was
// appended survives kill -9; power loss may cost what came after the last
// Sync. It is a queue between the gateway and the one reader that drains it
// into a store; it is not a database and answers no questions.
package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// ErrFull says that the journal holds as much as it may: nothing was appended,
// and nothing that waits to be drained was given up for it.
var ErrFull = errors.New("the journal is full: its reader has not kept up")

// The sizes of a journal where Options leave them out.
const (
	DefaultSegmentBytes = 8 << 20
	DefaultMaxBytes     = 512 << 20
	minSegmentBytes     = 64 << 10
)

// suffix ends the name of a segment, which begins with its number.
const suffix = ".journal"

// Options bound a journal.
type Options struct {
	// SegmentBytes is the size at which a new file is begun: 64 KiB at least,
	// 8 MiB when 0.
	SegmentBytes int64
	// MaxBytes is the size of all files together at which Append refuses: twice
	// SegmentBytes at least, 512 MiB when 0.
	MaxBytes int64
	// Now is the clock; a new segment's number is not below its milliseconds, so
	// that a position read from an older, removed journal points before it.
	Now func() time.Time
}

// Position is a place between two records. The zero value is before the first.
type Position struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

// Before says whether a reader comes to p earlier than to q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Stats is what a journal says of itself.
type Stats struct {
	// Bytes and Segments are what lies on disk, drained or not.
	Bytes    int64
	Segments int
	// Appended, Full and Failed count the calls of Append since Open: those that
	// wrote, those that found no room, those that could not write.
	Appended, Full, Failed uint64
	// Torn counts the unfinished ends that Open cut off, Damaged the lines that
	// a reader had to pass over.
	Torn, Damaged uint64
}

// segment is one file. Only the last one grows.
type segment struct {
	number uint64
	size   int64
}

// Journal is an open journal. Its methods are safe for concurrent use. One
// process at a time may open a folder.
type Journal struct {
	dir   string
	opts  Options
	ready chan struct{}
	// frames holds the memory of calls of Append.
	frames sync.Pool

	mu       sync.Mutex
	closed   bool
	segments []segment  // oldest first, never empty
	active   *os.File   // the last segment, appended to
	unsynced []*os.File // full segments that Sync has yet to see
	renamed  bool       // the folder has a name that Sync has yet to see
	bytes    int64
	stats    Stats
}

// Open opens the journal in a folder, which it makes when it is missing. What
// a killed process left unfinished at the end is cut off and counted.
func Open(dir string, opts Options) (*Journal, error) {
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = max(DefaultMaxBytes, 2*opts.SegmentBytes)
	}
	switch {
	case opts.SegmentBytes < minSegmentBytes:
		return nil, fmt.Errorf("journal: segments of %d bytes: must be %d at least", opts.SegmentBytes, minSegmentBytes)
	case opts.MaxBytes < 2*opts.SegmentBytes:
		return nil, fmt.Errorf("journal: %d bytes in all: must be twice the %d of a segment at least", opts.MaxBytes, opts.SegmentBytes)
	case opts.Now == nil:
		return nil, errors.New("journal: no clock")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &Journal{dir: dir, opts: opts, ready: make(chan struct{}, 1), frames: sync.Pool{New: newFrame}}
	if err := j.load(); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j.signal()
	return j, nil
}

// load finds the segments, mends the last one and opens it for appending.
func (j *Journal) load() error {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		number, err := strconv.ParseUint(name, 10, 63)
		if !ok || err != nil || segmentName(number) != e.Name() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		j.segments = append(j.segments, segment{number: number, size: info.Size()})
		j.bytes += info.Size()
	}
	slices.SortFunc(j.segments, func(a, b segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	if len(j.segments) > 0 {
		if err := j.mend(&j.segments[len(j.segments)-1]); err != nil {
			return err
		}
	}
	// A fresh segment for each opening: no position that a reader kept can lie
	// beyond the end of what it speaks of and then hide what is written there.
	return j.roll()
}

// mend cuts off what follows the last whole frame of a segment.
func (j *Journal) mend(last *segment) error {
	name := j.path(last.number)
	data, err := os.ReadFile(name) //nolint:gosec // the name is made of the folder and a number
	if err != nil {
		return err
	}
	end := lastFrame(data)
	if end == int64(len(data)) {
		return nil
	}
	if err := os.Truncate(name, end); err != nil {
		return err
	}
	j.stats.Torn++
	j.bytes -= last.size - end
	last.size = end
	return nil
}

// roll begins a new segment.
func (j *Journal) roll() error {
	var number uint64
	if n := len(j.segments); n > 0 {
		number = j.segments[n-1].number + 1
	}
	number = max(number, uint64(max(j.opts.Now().UnixMilli(), 1))) //nolint:gosec // at least 1
	f, err := os.OpenFile(j.path(number), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	j.renamed = true
	if j.active != nil {
		j.unsynced = append(j.unsynced, j.active)
	}
	j.active = f
	j.segments = append(j.segments, segment{number: number})
	j.dropEmpty()
	return nil
}

// dropEmpty removes the segments before the last that hold nothing, as each
// opening without traffic leaves one.
func (j *Journal) dropEmpty() {
	last := len(j.segments) - 1
	kept := j.segments[:0]
	for i, s := range j.segments {
		if i < last && s.size == 0 && os.Remove(j.path(s.number)) == nil {
			continue
		}
		kept = append(kept, s)
	}
	j.segments = kept
}

// Append writes a record with one write(2) and returns when the kernel has it.
// A record larger than 8 KiB of JSON is written without its less important
// parts, and says so. The error is ErrFull when there is no room for it; the
// caller then still has to refuse what it was about to refuse.
func (j *Journal) Append(rec *traffic.Record) error {
	buf, _ := j.frames.Get().(*frame) // the pool holds nothing else
	defer j.frames.Put(buf)
	line, err := buf.encode(rec)
	if err != nil {
		return fmt.Errorf("writing record %s to the journal: %w", rec.ID, err)
	}
	j.mu.Lock()
	err = j.write(line)
	switch {
	case err == nil:
		j.stats.Appended++
	case errors.Is(err, ErrFull):
		j.stats.Full++
	default:
		j.stats.Failed++
	}
	j.mu.Unlock()
	if err != nil {
		if errors.Is(err, ErrFull) {
			return ErrFull
		}
		return fmt.Errorf("writing record %s to the journal: %w", rec.ID, err)
	}
	j.signal()
	return nil
}

func (j *Journal) write(line []byte) error {
	if j.closed {
		return os.ErrClosed
	}
	n := int64(len(line))
	if j.bytes+n > j.opts.MaxBytes {
		return ErrFull
	}
	last := &j.segments[len(j.segments)-1]
	if last.size > 0 && last.size+n > j.opts.SegmentBytes {
		if err := j.roll(); err != nil {
			return err
		}
		last = &j.segments[len(j.segments)-1]
	}
	wrote, err := j.active.Write(line)
	if err != nil {
		// Half a line must not stand before the next one. If even cutting it off
		// fails, readers pass over it as damaged.
		if wrote > 0 && j.active.Truncate(last.size) != nil {
			last.size += int64(wrote)
			j.bytes += int64(wrote)
		}
		return err
	}
	last.size += n
	j.bytes += n
	return nil
}

// signal wakes the reader without waiting for it.
func (j *Journal) signal() {
	select {
	case j.ready <- struct{}{}:
	default:
	}
}

// Ready yields a value when there may be records to read. It has room for one
// value and one reader.
func (j *Journal) Ready() <-chan struct{} { return j.ready }

// End is the position after the last record.
func (j *Journal) End() Position {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := j.segments[len(j.segments)-1]
	return Position{Segment: last.number, Offset: last.size}
}

// Stats tells the sizes and counts.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Bytes, s.Segments = j.bytes, len(j.segments)
	return s
}

// Discard removes the segments that lie wholly before the position. The one
// that is written to stays.
func (j *Journal) Discard(before Position) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.segments) > 1 {
		first := j.segments[0]
		if first.number > before.Segment || first.number == before.Segment && before.Offset < first.size {
			return nil
		}
		if err := os.Remove(j.path(first.number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("discarding drained records: %w", err)
		}
		j.bytes -= first.size
		j.segments = slices.Delete(j.segments, 0, 1)
	}
	return nil
}

// Sync makes what was appended survive a power loss. Appending goes on
// meanwhile. It is to be called every second or so.
func (j *Journal) Sync() error {
	j.mu.Lock()
	full, active, renamed := j.unsynced, j.active, j.renamed
	j.unsynced, j.renamed = nil, false
	j.mu.Unlock()
	var errs []error
	if renamed {
		errs = append(errs, syncDir(j.dir))
	}
	for _, f := range full {
		errs = append(errs, f.Sync(), f.Close())
	}
	if active != nil {
		if err := active.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("making the journal durable: %w", err)
	}
	return nil
}

// Close syncs and closes the journal. Records not yet drained stay on disk.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	err := j.Sync()
	return errors.Join(err, j.active.Close())
}

func (j *Journal) path(number uint64) string { return filepath.Join(j.dir, segmentName(number)) }

func segmentName(number uint64) string { return fmt.Sprintf("%019d%s", number, suffix) }

// syncDir makes the names of new files survive a power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the journal's own folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
