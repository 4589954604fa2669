package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

func clock() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func open(t testing.TB, dir string, opts Options) *Journal {
	t.Helper()
	if opts.Now == nil {
		opts.Now = clock
	}
	j, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func record(id string) *traffic.Record {
	return &traffic.Record{
		Version: 1, ID: id, Received: clock(), Environment: "default", Gateway: "gw-1", Revision: 7,
		API: "default/orders", Operation: "GET /orders/{int}", Method: "GET", Status: 403,
		Outcome: traffic.RefusedByPolicy, Step: "attacks", Policy: "attack-protection", Reason: "score 5 reaches 5",
		Took:      1200 * time.Microsecond,
		Headers:   []traffic.Field{{Name: "user-agent", Value: "curl/8"}},
		Decisions: []traffic.Decision{{Binding: "attacks", Policy: "attack-protection", Side: "request", Action: traffic.Refused, Status: 403}},
		Findings: []finding.Finding{{
			Rule: "crs-942100", Severity: finding.Critical, Title: "SQL injection", Message: "libinjection",
			Location: finding.Location{API: "default/orders", Operation: "GET /orders/{int}", Place: "query id"}, Fingerprint: "f1",
		}},
	}
}

// readAll reads in batches of limit until the end.
func readAll(t testing.TB, j *Journal, from Position, limit int) ([]traffic.Record, Position) {
	t.Helper()
	var all []traffic.Record
	for {
		batch, next, err := j.ReadFrom(from, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) > limit {
			t.Fatalf("%d records where at most %d were asked for", len(batch), limit)
		}
		from = next
		all = append(all, batch...)
		if len(batch) == 0 {
			return all, from
		}
	}
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	want := record("a")
	if err := j.Append(want); err != nil {
		t.Fatal(err)
	}
	got, pos := readAll(t, j, Position{}, 10)
	if len(got) != 1 || !reflect.DeepEqual(&got[0], want) {
		t.Fatalf("read %+v\nwant %+v", got, want)
	}
	if pos != j.End() {
		t.Errorf("position %v after the last record, want the end %v", pos, j.End())
	}
	select {
	case <-j.Ready():
	default:
		t.Error("the reader was not woken")
	}
}

func TestAppendFromManyGoroutines(t *testing.T) {
	j := open(t, t.TempDir(), Options{SegmentBytes: minSegmentBytes})
	const writers, each = 8, 100
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := j.Append(record(fmt.Sprintf("%d-%d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := j.Sync(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	seen := map[string]bool{}
	all, _ := readAll(t, j, Position{}, 37)
	for _, r := range all {
		seen[r.ID] = true
	}
	if len(all) != writers*each || len(seen) != len(all) {
		t.Fatalf("read %d records, %d distinct, want %d", len(all), len(seen), writers*each)
	}
	if s := j.Stats(); s.Segments < 3 || s.Appended != writers*each || s.Damaged != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestTornEnd cuts the last frame at every byte: the ones before it are read,
// the torn one is counted, and what is appended afterwards is read too.
func TestTornEnd(t *testing.T) {
	source := t.TempDir()
	j := open(t, source, Options{})
	for _, id := range []string{"a", "b"} {
		if err := j.Append(record(id)); err != nil {
			t.Fatal(err)
		}
	}
	name := segmentName(j.End().Segment)
	whole, err := os.ReadFile(filepath.Join(source, name))
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for end := len(whole)/2 + 1; end < len(whole); end += 2 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), whole[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir, Options{})
		if s := again.Stats(); s.Torn != 1 {
			t.Fatalf("cut at %d: %d torn ends counted, want 1", end, s.Torn)
		}
		if err := again.Append(record("c")); err != nil {
			t.Fatal(err)
		}
		all, _ := readAll(t, again, Position{}, 10)
		if len(all) != 2 || all[0].ID != "a" || all[1].ID != "c" || again.Stats().Damaged != 0 {
			t.Fatalf("cut at %d: read %d records, damaged %d", end, len(all), again.Stats().Damaged)
		}
		_ = again.Close()
		cases++
	}
	if t.Logf("%d cuts", cases); cases < 150 {
		t.Error("too few cuts played")
	}
}

// TestDamageInside flips a byte of the first record: it is passed over and
// counted, the one after it is read.
func TestDamageInside(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	_ = j.Append(record("a"))
	middle := j.End().Offset / 2
	_ = j.Append(record("b"))
	name := filepath.Join(dir, segmentName(j.End().Segment))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[middle] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	all, _ := readAll(t, j, Position{}, 10)
	if len(all) != 1 || all[0].ID != "b" || j.Stats().Damaged != 1 {
		t.Errorf("read %d records, damaged %d; want only b, and 1", len(all), j.Stats().Damaged)
	}
}

func TestFullIsToldAndNothingIsGivenUp(t *testing.T) {
	j := open(t, t.TempDir(), Options{SegmentBytes: minSegmentBytes, MaxBytes: 2 * minSegmentBytes})
	wrote := 0
	var err error
	for err == nil && wrote < 10_000 {
		if err = j.Append(record(fmt.Sprint(wrote))); err == nil {
			wrote++
		}
	}
	if !errors.Is(err, ErrFull) || j.Stats().Full != 1 {
		t.Fatalf("after %d records: error %v, full count %d; want ErrFull and 1", wrote, err, j.Stats().Full)
	}
	all, pos := readAll(t, j, Position{}, 100)
	if len(all) != wrote || all[0].ID != "0" {
		t.Fatalf("read %d records, want all %d", len(all), wrote)
	}
	if err := j.Discard(pos); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(record("again")); err != nil {
		t.Fatalf("after draining: %v", err)
	}
	if all, _ = readAll(t, j, pos, 10); len(all) != 1 || all[0].ID != "again" {
		t.Errorf("read %d records after draining, want the new one", len(all))
	}
	if s := j.Stats(); s.Segments > 2 || s.Bytes > minSegmentBytes+10_000 {
		t.Errorf("drained segments stay: %+v", s)
	}
}

func TestDiscardKeepsWhatIsNotDrained(t *testing.T) {
	j := open(t, t.TempDir(), Options{SegmentBytes: minSegmentBytes})
	const n = 300
	for i := range n {
		_ = j.Append(record(fmt.Sprint(i)))
	}
	read, pos, err := j.ReadFrom(Position{}, n/2)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Discard(pos); err != nil {
		t.Fatal(err)
	}
	rest, _ := readAll(t, j, pos, 50)
	if len(read)+len(rest) != n || rest[0].ID != fmt.Sprint(len(read)) {
		t.Errorf("read %d and then %d, want %d together", len(read), len(rest), n)
	}
}

// TestPositionOfARemovedJournal opens a new journal in place of a removed one:
// the position kept from the old one must not hide new records.
func TestPositionOfARemovedJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	for range 5 {
		_ = j.Append(record("old"))
	}
	kept := j.End()
	_ = j.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, Options{Now: func() time.Time { return clock().Add(time.Second) }})
	_ = j.Append(record("new"))
	if all, _ := readAll(t, j, kept, 10); len(all) != 1 || all[0].ID != "new" {
		t.Errorf("read %d records, want the new one", len(all))
	}
}

func TestLargeRecordsAreShortenedAndSaySo(t *testing.T) {
	header := func(r *traffic.Record) {
		for i := range 64 {
			r.Headers = append(r.Headers, traffic.Field{Name: fmt.Sprint("h", i), Value: strings.Repeat("v", 256)})
		}
	}
	findings := func(r *traffic.Record) {
		f := r.Findings[0]
		f.Message, f.Excerpt, f.Location.Operation = strings.Repeat("m", 256), strings.Repeat("e", 64), r.Operation
		for range 40 {
			r.Findings = append(r.Findings, f)
		}
	}
	tests := []struct {
		name string
		grow func(*traffic.Record)
		want []string
	}{
		{"small", func(*traffic.Record) {}, nil},
		{"headers", header, []string{"headers"}},
		{"query", func(r *traffic.Record) { r.Query = slicesOf(64, 200) }, []string{"headers", "query"}},
		{"findings", findings, []string{"headers", "query", "decisions", "notInspected", "evidence"}},
		{"text", func(r *traffic.Record) { r.Reason = strings.Repeat("r", recordBytes) }, []string{"headers", "query", "decisions", "notInspected", "evidence", "text"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := open(t, t.TempDir(), Options{})
			rec := record("a")
			tt.grow(rec)
			before, _ := json.Marshal(rec)
			if err := j.Append(rec); err != nil {
				t.Fatal(err)
			}
			if after, _ := json.Marshal(rec); string(after) != string(before) {
				t.Error("the caller's record was changed")
			}
			all, _ := readAll(t, j, Position{}, 10)
			if len(all) != 1 || !reflect.DeepEqual(all[0].Trimmed, tt.want) {
				t.Fatalf("read %d records, trimmed %q; want %q", len(all), all[0].Trimmed, tt.want)
			}
			if len(all[0].Findings) != len(rec.Findings) || all[0].Findings[0].Fingerprint != "f1" ||
				all[0].Findings[0].Location != rec.Findings[0].Location {
				t.Errorf("findings %+v", all[0].Findings)
			}
			if d := all[0].Decisions; len(d) != 1 || d[0].Action != traffic.Refused {
				t.Errorf("the decision that refused is gone: %+v", d)
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		j := open(t, t.TempDir(), Options{})
		rec := record("a")
		rec.Method = strings.Repeat("M", maxRecordBytes)
		if err := j.Append(rec); err == nil || !strings.Contains(err.Error(), "even when shortened") {
			t.Errorf("error %v", err)
		}
	})
}

func slicesOf(n, size int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strings.Repeat("q", size)
	}
	return out
}

func TestOpenRefusesBadOptions(t *testing.T) {
	for want, opts := range map[string]Options{
		"must be 65536 at least": {SegmentBytes: 100, Now: clock},
		"must be twice":          {SegmentBytes: minSegmentBytes, MaxBytes: minSegmentBytes, Now: clock},
		"no clock":               {},
	} {
		if _, err := Open(t.TempDir(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// TestQueue plays random appends, reads, discards and reopenings, with and
// without a torn end, and holds that each record is read once, in order.
func TestQueue(t *testing.T) {
	steps := 0
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		opts := Options{SegmentBytes: minSegmentBytes, Now: clock}
		j := open(t, dir, opts)
		var pos Position
		appended, next := 0, 0
		drain := func(limit int) {
			batch, to, err := j.ReadFrom(pos, limit)
			if err != nil {
				rt.Fatal(err)
			}
			for _, r := range batch {
				if r.ID != fmt.Sprint(next) {
					rt.Fatalf("read %s, want %d", r.ID, next)
				}
				next++
			}
			if to.Before(pos) {
				rt.Fatalf("position went back from %v to %v", pos, to)
			}
			pos = to
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				for range rapid.IntRange(1, 60).Draw(rt, "n") {
					if err := j.Append(record(fmt.Sprint(appended))); err != nil {
						rt.Fatal(err)
					}
					appended++
				}
			},
			"read": func(rt *rapid.T) { drain(rapid.IntRange(1, 100).Draw(rt, "limit")) },
			"discard": func(rt *rapid.T) {
				if err := j.Discard(pos); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(rt *rapid.T) {
				if torn := rapid.IntRange(0, 200).Draw(rt, "torn"); torn > 0 {
					f := newFrame().(*frame)
					line, _ := f.encode(record("torn"))
					_, _ = j.active.Write(line[:torn])
				}
				_ = j.active.Close() // as a killed process: no Sync, no Close
				j = open(t, dir, opts)
			},
			"": func(*rapid.T) { steps++ },
		})
		for next < appended {
			before := next
			if drain(50); next == before {
				rt.Fatalf("read %d of %d records", next, appended)
			}
		}
		if batch, _, _ := j.ReadFrom(pos, 1); len(batch) != 0 {
			rt.Fatalf("a record too many: %s", batch[0].ID)
		}
	})
	if t.Logf("%d steps", steps); steps < 500 {
		t.Error("too few steps played")
	}
}

// FuzzRead holds that no bytes on disk make the reader panic or give a record
// that no frame with a right checksum holds.
func FuzzRead(f *testing.F) {
	line, err := newFrame().(*frame).encode(record("a"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(append(append([]byte("garbage\n"), line...), line[:40]...))
	f.Add([]byte("00000002 00000000 {}\n"))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, segmentName(5)), data, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir, Options{})
		all, _ := readAll(t, j, Position{}, 3)
		sound := 0
		for _, l := range strings.SplitAfter(string(data), "\n") {
			if payload, ok := unframe([]byte(l)); ok && json.Valid(payload) {
				sound++
			}
		}
		if len(all) > sound {
			t.Errorf("%d records from %d sound frames", len(all), sound)
		}
		_ = j.Append(record("after"))
		if again, _ := readAll(t, j, Position{}, 100); len(again) != len(all)+1 || again[len(all)].ID != "after" {
			t.Errorf("read %d records, then %d after one was appended", len(all), len(again))
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	j := open(b, b.TempDir(), Options{MaxBytes: 4 << 30})
	rec := record("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Append(rec); err != nil {
			b.Fatal(err)
		}
	}
}
