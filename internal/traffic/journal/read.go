package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"farrier.dev/farrier/internal/traffic"
)

// chunkBytes is how much of a segment is read at once: more than one frame.
const chunkBytes = 1 << 20

// ReadFrom reads at most that many records from a position on, and gives the
// position after the last of them. No records and no error mean that the end
// was reached. A position that no longer exists stands for the next that does.
// Damaged lines are passed over and counted.
func (j *Journal) ReadFrom(pos Position, limit int) ([]traffic.Record, Position, error) {
	var records []traffic.Record
	buf := make([]byte, 0, chunkBytes)
	for len(records) < limit {
		seg, last, ok := j.segmentAt(pos)
		if !ok {
			break
		}
		if seg.number != pos.Segment {
			pos = Position{Segment: seg.number}
		}
		if pos.Offset >= seg.size {
			if last {
				break
			}
			pos = Position{Segment: seg.number + 1}
			continue
		}
		var err error
		buf, err = j.readChunk(buf[:0], seg, pos.Offset)
		if errors.Is(err, os.ErrNotExist) { // discarded meanwhile
			pos = Position{Segment: seg.number + 1}
			continue
		}
		if err != nil {
			return records, pos, fmt.Errorf("reading the journal: %w", err)
		}
		if len(buf) == 0 { // the file is shorter than it was: nothing of it can be had
			pos.Offset = seg.size
			j.passOver(1)
			continue
		}
		used, damaged := parse(buf, limit, &records)
		pos.Offset += int64(used)
		j.passOver(damaged)
	}
	return records, pos, nil
}

// segmentAt finds the segment that holds a position or the next behind it, and
// says whether it is the last.
func (j *Journal) segmentAt(pos Position) (seg segment, last, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, s := range j.segments {
		if s.number >= pos.Segment {
			return s, i == len(j.segments)-1, true
		}
	}
	return segment{}, false, false
}

// readChunk reads from an offset to the end of the segment, as long as it was
// when it was looked up, so that no line is seen half written.
func (j *Journal) readChunk(buf []byte, seg segment, offset int64) ([]byte, error) {
	f, err := os.Open(j.path(seg.number))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	buf = buf[:min(int64(cap(buf)), seg.size-offset)]
	n, err := f.ReadAt(buf, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

// parse decodes the whole lines of a chunk. It always uses at least one byte:
// a chunk is longer than any line, so one without a newline is damage or the
// unfinished end of a segment.
func parse(chunk []byte, limit int, records *[]traffic.Record) (used int, damaged uint64) {
	for used < len(chunk) && len(*records) < limit {
		n := bytes.IndexByte(chunk[used:], '\n') + 1
		if n == 0 {
			if used == 0 || len(chunk) < chunkBytes {
				return len(chunk), damaged + 1
			}
			return used, damaged
		}
		rec, err := decode(chunk[used : used+n])
		if err != nil {
			damaged++
		} else {
			*records = append(*records, rec)
		}
		used += n
	}
	return used, damaged
}

func (j *Journal) passOver(lines uint64) {
	if lines == 0 {
		return
	}
	j.mu.Lock()
	j.stats.Damaged += lines
	j.mu.Unlock()
}
