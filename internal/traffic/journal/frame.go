package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"farrier.dev/farrier/internal/traffic"
)

// A frame is one line: the length of the JSON and the CRC-32C of it, eight
// hexadecimal digits each, the JSON of one record, which has no newline in it,
// and a newline. A reader that met damage goes on behind the next newline.
const (
	headBytes = 8 + 1 + 8 + 1
	// recordBytes is what the JSON of a record should keep to; maxRecordBytes is
	// what it never exceeds, and a longer frame is damage.
	recordBytes    = 8 << 10
	maxRecordBytes = 32 << 10
	version        = 1
)

// frame is the memory in which a record is encoded.
type frame struct {
	buf     bytes.Buffer
	encoder *json.Encoder
}

func newFrame() any {
	f := new(frame)
	f.encoder = json.NewEncoder(&f.buf)
	f.encoder.SetEscapeHTML(false)
	return f
}

// castagnoli and blank are never changed.
var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	blank      [headBytes]byte
)

// encode gives the line of a record, valid until the next call.
func (f *frame) encode(rec *traffic.Record) ([]byte, error) {
	if err := f.write(rec); err != nil {
		return nil, err
	}
	if f.size() > recordBytes {
		if err := f.shorten(rec); err != nil {
			return nil, err
		}
	}
	line := f.buf.Bytes()
	payload := line[headBytes : len(line)-1]
	putHex(line, uint32(len(payload))) //nolint:gosec // at most maxRecordBytes
	line[8] = ' '
	putHex(line[9:], crc32.Checksum(payload, castagnoli))
	line[17] = ' '
	return line, nil
}

// Marshal gives the JSON of a record as Append writes it: shortened when it is
// larger than 8 KiB, and saying so.
func Marshal(rec *traffic.Record) ([]byte, error) {
	f, _ := newFrame().(*frame)
	line, err := f.encode(rec)
	if err != nil {
		return nil, err
	}
	return line[headBytes : len(line)-1], nil
}

func (f *frame) write(rec *traffic.Record) error {
	f.buf.Reset()
	f.buf.Write(blank[:])
	return f.encoder.Encode(rec) // ends with a newline
}

func (f *frame) size() int { return f.buf.Len() - headBytes - 1 }

// shorten writes a copy of the record without what an operator misses least,
// one step after the other until it fits. The rules and fingerprints of
// findings stay: they are counted from here.
func (f *frame) shorten(rec *traffic.Record) error {
	r := *rec
	r.Trimmed = slices.Clone(rec.Trimmed)
	r.Findings = slices.Clone(rec.Findings)
	for _, step := range shortenings {
		step.do(&r)
		r.Trimmed = append(r.Trimmed, step.what)
		if err := f.write(&r); err != nil {
			return err
		}
		if f.size() <= recordBytes {
			return nil
		}
	}
	if f.size() > maxRecordBytes {
		return fmt.Errorf("record of %d bytes: more than %d even when shortened", f.size(), maxRecordBytes)
	}
	return nil
}

// The bounds of what shortening leaves.
const (
	keptDecisions = 8
	keptText      = 64
	keptFindings  = 64
)

var shortenings = []struct {
	what string
	do   func(*traffic.Record)
}{
	{"headers", func(r *traffic.Record) { r.Headers = nil }},
	{"query", func(r *traffic.Record) { r.Query = nil }},
	{"decisions", shortenDecisions},
	{"notInspected", func(r *traffic.Record) { r.NotInspected = nil }},
	{"evidence", shortenFindings},
	{"text", shortenText},
}

// shortenDecisions keeps the decisions that explain the outcome.
func shortenDecisions(r *traffic.Record) {
	var kept []traffic.Decision
	for _, d := range r.Decisions {
		if len(kept) < keptDecisions && d.Action != traffic.Continued && d.Action != traffic.Skipped {
			kept = append(kept, d)
		}
	}
	r.Decisions = kept
}

// shortenFindings leaves of each finding what counting it needs. The API and
// operation of its location stand in the record as well; decode puts them back.
func shortenFindings(r *traffic.Record) {
	r.Findings = r.Findings[:min(len(r.Findings), keptFindings)]
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Message, f.Excerpt, f.Fix, f.Decoders = "", "", "", nil
		f.Title = cut(f.Title)
		if f.Location.API == r.API {
			f.Location.API = ""
		}
		if f.Location.Operation == r.Operation {
			f.Location.Operation = ""
		}
	}
}

func shortenText(r *traffic.Record) {
	for _, s := range []*string{
		&r.Host, &r.Client, &r.ClientID, &r.ClientName, &r.Step, &r.Policy, &r.Reason, &r.Service,
	} {
		*s = cut(*s)
	}
	for i := range r.Decisions {
		d := &r.Decisions[i]
		d.Binding, d.Policy, d.Reason = cut(d.Binding), cut(d.Policy), cut(d.Reason)
	}
}

// cut shortens a text; a rune cut in half is replaced when it is encoded.
func cut(s string) string { return s[:min(len(s), keptText)] }

var errDamaged = errors.New("damaged")

// decode reads one line with its newline.
func decode(line []byte) (traffic.Record, error) {
	var rec traffic.Record
	payload, ok := unframe(line)
	if !ok {
		return rec, errDamaged
	}
	if err := json.Unmarshal(payload, &rec); err != nil {
		return traffic.Record{}, fmt.Errorf("reading a record of the journal: %w", err)
	}
	if rec.Version != version {
		return traffic.Record{}, fmt.Errorf("record of version %d: this program reads version %d", rec.Version, version)
	}
	if slices.Contains(rec.Trimmed, "evidence") {
		for i := range rec.Findings {
			at := &rec.Findings[i].Location
			if at.API == "" {
				at.API = rec.API
			}
			if at.Operation == "" {
				at.Operation = rec.Operation
			}
		}
	}
	return rec, nil
}

// unframe checks one line and gives the JSON in it.
func unframe(line []byte) ([]byte, bool) {
	if len(line) < headBytes+2 || len(line) > headBytes+maxRecordBytes+1 ||
		line[8] != ' ' || line[17] != ' ' || line[len(line)-1] != '\n' {
		return nil, false
	}
	length, ok1 := getHex(line[:8])
	sum, ok2 := getHex(line[9:17])
	payload := line[headBytes : len(line)-1]
	return payload, ok1 && ok2 && int(length) == len(payload) && sum == crc32.Checksum(payload, castagnoli)
}

// lastFrame is the offset behind the last whole frame of a segment.
func lastFrame(data []byte) int64 {
	for end := len(data); end > 0; {
		if data[end-1] != '\n' {
			end = bytes.LastIndexByte(data[:end], '\n') + 1
			continue
		}
		start := bytes.LastIndexByte(data[:end-1], '\n') + 1
		if _, ok := unframe(data[start:end]); ok {
			return int64(end)
		}
		end = start
	}
	return 0
}

func putHex(to []byte, n uint32) {
	const digits = "0123456789abcdef"
	for i := 7; i >= 0; i-- {
		to[i] = digits[n&15]
		n >>= 4
	}
}

func getHex(from []byte) (uint32, bool) {
	var b [4]byte
	if _, err := hex.Decode(b[:], from); err != nil {
		return 0, false
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), true
}
