package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// kept plays a reservoir and gives the ordinals that are in it at the end.
func kept(perHour, n int64, random *rand.Rand) map[int]int64 {
	r := reservoir{perHour: perHour, random: random}
	slots := map[int]int64{}
	for range n {
		if t, ok := r.admit("a", "GET /", 0, false, time.Unix(0, 0)); ok {
			slots[t.slot] = t.seen
		}
	}
	return slots
}

// TestReservoir holds that as many are kept as there is room for, each at most once.
func TestReservoir(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perHour, n := rapid.Int64Range(1, 40).Draw(t, "perHour"), rapid.Int64Range(0, 400).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		slots := kept(perHour, n, rand.New(rand.NewPCG(seed, 1)))
		if int64(len(slots)) != min(perHour, n) {
			t.Fatalf("%d kept, want %d", len(slots), min(perHour, n))
		}
		seen := map[int64]bool{}
		for slot, ordinal := range slots {
			if slot < 0 || int64(slot) >= perHour || ordinal < 1 || ordinal > n || seen[ordinal] {
				t.Fatalf("slot %d holds %d of %d", slot, ordinal, n)
			}
			seen[ordinal] = true
		}
	})
}

// TestReservoirIsFair holds that the first are kept as often as the last.
func TestReservoirIsFair(t *testing.T) {
	const trials, perHour, n = 4000, 5, 50
	random := rand.New(rand.NewPCG(1, 2))
	var often [n + 1]float64
	for range trials {
		for _, ordinal := range kept(perHour, n, random) {
			often[ordinal]++
		}
	}
	const p = float64(perHour) / n
	deviation := math.Sqrt(trials * p * (1 - p))
	for ordinal, times := range often[1:] {
		if math.Abs(times-trials*p) > 5*deviation {
			t.Errorf("the %d. was kept %v times, want %v ± %v", ordinal+1, times, trials*p, 5*deviation)
		}
	}
	t.Logf("played %d trials", trials)
}

// TestReservoirsAreApart holds that operations, APIs, hours and refusals do not
// take each other's room, and that there are only so many of them.
func TestReservoirsAreApart(t *testing.T) {
	r := reservoir{perHour: 1, random: rand.New(rand.NewPCG(1, 2))}
	at := time.Unix(0, 0)
	for _, c := range []struct {
		api, operation string
		refused        bool
		at             time.Time
	}{
		{"a", "GET /", false, at},
		{"a", "GET /b", false, at},
		{"b", "GET /", false, at},
		{"a", "GET /", true, at},
		{"a", "GET /", true, at},
		{"a", "GET /", false, at.Add(time.Hour)},
	} {
		if tick, ok := r.admit(c.api, c.operation, 0, c.refused, c.at); !ok || tick.slot != 0 {
			t.Errorf("%+v is not kept: %+v", c, tick)
		}
	}
	for i := range 2 * maxStrata {
		tick, ok := r.admit("many", strconv.Itoa(i), 0, false, at.Add(2*time.Hour))
		if ok != (i < maxStrata) || tick.hour != 2 {
			t.Fatalf("%d: %v %+v", i, ok, tick)
		}
	}
	if tick, ok := r.admit("many", "refused", 0, true, at.Add(2*time.Hour)); !ok || tick.seen != 0 {
		t.Errorf("a refusal beyond the strata: %v %+v", ok, tick)
	}
	if n := len(r.current.strata); n != maxStrata+1 || r.current.strata[stratum{"", others}].passed != maxStrata {
		t.Errorf("%d strata, of the others %+v", n, r.current.strata[stratum{"", others}])
	}
	if len(r.over) != 2 {
		t.Errorf("%d hours are over, want 2", len(r.over))
	}
}

// TestFloodOfRefusals holds that refusals have a rate.
func TestFloodOfRefusals(t *testing.T) {
	r := reservoir{perHour: 1}
	now, n := time.Unix(0, 0), 0
	const size = 60 << 10
	for range 1000 {
		if _, ok := r.admit("a", "GET /", size, true, now); ok {
			n++
		}
	}
	for i := range 1000 {
		if _, ok := r.admit("a", "GET /", size, true, now.Add(time.Duration(i)*time.Millisecond)); ok {
			n++
		}
	}
	if want := (refusalBytesAtOnce + refusalBytesPerSecond*999/1000) / (size + refusalBytesLeast); n != want {
		t.Errorf("%d kept, want %d", n, want)
	}
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), Folder)
	}
	if o.Sealer == nil {
		o.Sealer = sealer(t)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestCountsAreExact holds that what is read is the reservoirs as they stand, of
// exactly as many as there were, also over hours and processes.
func TestCountsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, ring := filepath.Join(t.TempDir(), Folder), sealer(t)
		want := map[string]Seen{}
		sampled := 0
		for process := range 2 {
			s := open(t, Options{Dir: dir, Sealer: ring, PerOperationHour: 4})
			for hour := range 3 {
				for path, n := range map[string]int{"/orders": 30, "/items": 3} {
					for i := range n {
						x := get(path).exchange(fmt.Sprintf("%d-%d-%s-%d", process, hour, path, i))
						s.Capture(x, i%10 == 9)
						synctest.Wait()
						w := want["GET "+path]
						if i%10 == 9 {
							w.Refused++
						} else {
							w.Passed++
						}
						want["GET "+path] = w
					}
					sampled += min(4, n-n/10) + n/10
				}
				time.Sleep(time.Hour)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		list, summary := all(t, dir, ring)
		if len(list) != sampled || summary.Damaged != 0 {
			t.Errorf("%d requests, want %d; %d damaged", len(list), sampled, summary.Damaged)
		}
		ids := map[string]bool{}
		for _, q := range list {
			if ids[q.ID] {
				t.Errorf("%s is yielded twice", q.ID)
			}
			ids[q.ID] = true
		}
		for _, got := range summary.Seen {
			if w := want[got.Operation]; got.Passed != w.Passed || got.Refused != w.Refused || got.Dropped != 0 {
				t.Errorf("%+v, want %+v", got, w)
			}
		}
		if len(summary.Seen) != len(want) {
			t.Errorf("%d operations, want %d", len(summary.Seen), len(want))
		}
		// The filters look at hours, and at counts and requests alike.
		n := 0
		summary, err := Read(t.Context(), dir, ring, Filter{Since: time.Now().Add(-time.Hour), API: "default/orders"}, func(*Request) error { n++; return nil })
		if err != nil || n != sampled/6 || len(summary.Seen) != 2 || summary.Seen[0].Passed+summary.Seen[1].Passed != 30 {
			t.Errorf("the last hour: %d requests, %+v, %v", n, summary, err)
		}
		summary, err = Read(t.Context(), dir, ring, Filter{API: "default/other"}, func(*Request) error { n++; return nil })
		if err != nil || len(summary.Seen) != 0 || n != sampled/6 {
			t.Errorf("another API: %+v, %v", summary, err)
		}
	})
}

func folderSize(t *testing.T, dir string) (size int64, files int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size, len(entries)
}

// TestBytesAreBounded holds that the newest refusals stay, that they take no
// room from the sample, and that no file is too long to be read.
func TestBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, ring := filepath.Join(t.TempDir(), Folder), sealer(t)
		s := open(t, Options{Dir: dir, Sealer: ring, Megabytes: 1})
		for i := range 5 {
			s.Capture(get("/orders").exchange("sample-"+strconv.Itoa(i)), false)
		}
		const refusals = 30
		for i := range refusals {
			s.Capture(post("text/plain", strings.Repeat("x ", 25_000)).exchange(fmt.Sprintf("refused-%02d", i)), true)
			synctest.Wait()
			if size, _ := folderSize(t, dir); size > 1<<20 {
				t.Fatalf("%d bytes after %d refusals", size, i+1)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		list, summary := all(t, dir, ring)
		var ids []string
		for _, q := range list {
			ids = append(ids, q.ID)
		}
		samples := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, "sample") })
		if len(samples) != 5 || ids[0] != "refused-29" || len(ids)-5 < 5 || slices.Contains(ids, "refused-00") {
			t.Errorf("%v", ids)
		}
		total := int64(0)
		for _, n := range summary.Seen {
			total += n.Refused
		}
		if total != refusals {
			t.Errorf("%d refusals seen, want %d", total, refusals)
		}
	})
}

// TestDaysAreBounded holds that what is too old goes by itself, also when
// capturing is switched off.
func TestDaysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := t.TempDir()
		dir, ring := filepath.Join(data, Folder), sealer(t)
		s := open(t, Options{Dir: dir, Sealer: ring, Days: 2})
		s.Capture(get("/orders").exchange("old"), false)
		s.Capture(get("/orders").exchange("old refusal"), true)
		time.Sleep(24 * time.Hour)
		s.Capture(get("/orders").exchange("young"), false)
		time.Sleep(24*time.Hour + time.Minute)
		list, summary := all(t, dir, ring)
		if len(list) != 1 || list[0].ID != "young" || len(summary.Seen) != 1 || summary.Seen[0].Passed != 1 {
			t.Errorf("%d requests, %+v", len(list), summary)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := Sweep(data, 2, time.Now()); err != nil {
			t.Fatal(err)
		}
		if list, _ := all(t, dir, ring); len(list) != 1 {
			t.Errorf("sweeping took what is young")
		}
		if err := Sweep(data, 2, time.Now().Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, files := folderSize(t, dir); files != 0 {
			t.Errorf("%d files are left", files)
		}
		if exist, err := Exists(dir); exist || err != nil {
			t.Errorf("an empty folder: %v %v", exist, err)
		}
		if err := Sweep(t.TempDir(), 2, time.Now()); err != nil {
			t.Errorf("without a folder: %v", err)
		}
	})
}

// stuck is a sealer that waits.
type stuck struct{ until chan struct{} }

func (s stuck) Seal(string, []byte) (string, error) {
	<-s.until
	return "", errors.New("stuck")
}

// TestCaptureWaitsForNobody holds that requests go on when nothing can be
// written, that memory is bounded, and that what is lost is counted.
func TestCaptureWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []int{0, MaxBody} { // too many, and too large
			until := make(chan struct{})
			s := open(t, Options{Sealer: stuck{until}})
			x := post("text/plain", strings.Repeat("\x00", body)).exchange("01")
			const n = 2 * queueLength
			for range n {
				s.Capture(x, true)
			}
			stats := s.Stats()
			t.Logf("%+v", stats)
			if stats.Kept+stats.Dropped != n || stats.Dropped == 0 || s.waiting.Load() > queueBytes+MaxBody+4096 {
				t.Errorf("%+v, %d bytes wait", stats, s.waiting.Load())
			}
			close(until)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if stats := s.Stats(); stats.Written != 0 || stats.Dropped != n {
				t.Errorf("%+v: what could not be written is dropped", stats)
			}
			s.Capture(x, true) // after the end: nothing happens
			if s.Stats().Dropped != n {
				t.Error("captured after the end")
			}
		}
	})
}

// TestUnwantedCostsNothing holds that an exchange that is not kept is not copied.
func TestUnwantedCostsNothing(t *testing.T) {
	s := open(t, Options{PerOperationHour: 1, Now: func() time.Time { return time.Unix(0, 0) }})
	x := post("text/plain", strings.Repeat("x", MaxBody)).exchange("01")
	for range 100_000 {
		s.Capture(x, false)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Capture(x, false) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestDamage holds that damage is passed over and counted, wherever it is.
func TestDamage(t *testing.T) {
	ring := sealer(t)
	fill := func(t *testing.T) (dir, sample, counts string) {
		x := get("/orders").exchange("1")
		dir = captured(t, ring, false, x, get("/orders").exchange("2"), get("/orders").exchange("3"))
		samples, _ := filepath.Glob(filepath.Join(dir, "*"+sampleSuffix))
		files, _ := filepath.Glob(filepath.Join(dir, "*"+countsSuffix))
		if len(samples) != 1 || len(files) != 1 {
			t.Fatal(samples, files)
		}
		return dir, samples[0], files[0]
	}
	change := func(t *testing.T, path string, do func([]byte) []byte) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, do(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	middle := func(b []byte) int { return bytes.IndexByte(b, '\n') + 200 }
	for _, c := range []struct {
		name    string
		sample  func([]byte) []byte
		counts  func([]byte) []byte
		ids     string
		damaged int
		passed  int64
	}{
		{name: "nothing", ids: "321", passed: 3},
		{name: "the last record is cut", sample: func(b []byte) []byte { return b[:len(b)-10] }, ids: "21", damaged: 1, passed: 3},
		{name: "the last record has no end", sample: func(b []byte) []byte { return b[:len(b)-1] }, ids: "21", damaged: 1, passed: 3},
		{name: "a record is altered", sample: func(b []byte) []byte { b[middle(b)] ^= 1; return b }, ids: "31", damaged: 1, passed: 3},
		{name: "a line break is lost", sample: func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("x"), 1) }, ids: "3", damaged: 1, passed: 3},
		{name: "rubbish between", sample: func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte("\n\nrubbish\n\x00\n"), 1) }, ids: "321", damaged: 3, passed: 3},
		{name: "emptied", sample: func([]byte) []byte { return nil }, passed: 3},
		{name: "too long", sample: func([]byte) []byte { return make([]byte, maxFile+1) }, damaged: 1, passed: 3},
		{name: "the counts are altered", counts: func(b []byte) []byte { b[100] ^= 1; return b }, ids: "321", damaged: 1, passed: 3},
		{name: "the counts are emptied", counts: func([]byte) []byte { return nil }, ids: "321", damaged: 1, passed: 3},
		{name: "counts and records are lost", counts: func([]byte) []byte { return nil }, sample: func([]byte) []byte { return nil }, damaged: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, sample, counts := fill(t)
			if c.sample != nil {
				change(t, sample, c.sample)
			}
			if c.counts != nil {
				change(t, counts, c.counts)
			}
			list, summary := all(t, dir, ring)
			ids, passed := "", int64(0)
			for _, q := range list {
				ids += q.ID
			}
			for _, n := range summary.Seen {
				passed += n.Passed
			}
			if ids != c.ids || summary.Damaged != c.damaged || passed != c.passed {
				t.Errorf("read %q of %d, %d damaged; want %q of %d, %d damaged", ids, passed, summary.Damaged, c.ids, c.passed, c.damaged)
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		dir, _, _ := fill(t)
		if list, summary := all(t, dir, sealer(t)); len(list) != 0 || summary.Damaged != 4 {
			t.Errorf("%d requests, %+v", len(list), summary)
		}
	})
	t.Run("counts as records", func(t *testing.T) {
		dir, sample, counts := fill(t)
		text, _ := os.ReadFile(counts)
		change(t, sample, func([]byte) []byte { return text })
		if list, summary := all(t, dir, ring); len(list) != 0 || summary.Damaged != 1 {
			t.Errorf("%d requests, %+v", len(list), summary)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := Read(t.Context(), filepath.Join(t.TempDir(), "none"), ring, Filter{}, nil); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

// TestWrittenBehindDamage holds that a process never goes on with the file of
// another, whose last record may be cut.
func TestWrittenBehindDamage(t *testing.T) {
	ring := sealer(t)
	dir := captured(t, ring, true, get("/orders").exchange("1"))
	files, _ := filepath.Glob(filepath.Join(dir, "*"+refusedSuffix))
	text, _ := os.ReadFile(files[0])
	if err := os.WriteFile(files[0], text[:len(text)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir, Sealer: ring, Now: func() time.Time { return time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC) }})
	s.Capture(get("/orders").exchange("2"), true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if list, summary := all(t, dir, ring); len(list) != 1 || list[0].ID != "2" || summary.Damaged != 1 {
		t.Errorf("%d requests, %+v", len(list), summary)
	}
}

// TestConcurrently captures, reads and closes at the same time.
func TestConcurrently(t *testing.T) {
	dir, ring := filepath.Join(t.TempDir(), Folder), sealer(t)
	s := open(t, Options{Dir: dir, Sealer: ring, PerOperationHour: 50})
	const workers, each = 8, 200
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				s.Capture(get("/orders?password=x", "cookie", "a=b").exchange(fmt.Sprintf("%d-%d", w, i)), i%10 == 0)
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			if _, err := Read(context.Background(), dir, ring, Filter{}, func(*Request) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, summary := all(t, dir, ring)
	stats := s.Stats()
	if len(summary.Seen) != 1 || summary.Seen[0].Passed+summary.Seen[0].Refused != workers*each || summary.Damaged != 0 {
		t.Errorf("%+v", summary)
	}
	if summary.Seen[0].Dropped != stats.Dropped || stats.Written != stats.Kept || int64(len(list)) > stats.Written {
		t.Errorf("%d requests, %+v, %+v", len(list), summary, stats)
	}
}

// TestUndecided holds what can not be told of a refusal.
func TestUndecided(t *testing.T) {
	for _, c := range []struct {
		place, hidden string
		want          bool
	}{
		{"query id", "", false},
		{"query id", "query password", false},
		{"query password", "query password", true},
		{"query password > base64 > json /a", "query password", true},
		{"query passwords", "query password", false},
		{"cookie sid", "cookie sid", true},
		{"cookie a", "cookie", true},
		{"header authorization > basic", "header authorization", true},
		{"body json /a/b", "body json /a", true},
		{"body json /ab", "body json /a", false},
		{"body xml /a/@b", "body xml", true},
		{"body json /a", "body", true},
		{"path", "path", true},
		{"query id", everywhere, true},
	} {
		q := Request{Places: []string{"path", c.place}[1:]}
		if c.hidden != "" {
			q.Hidden = []string{"header x", c.hidden}
		}
		if got := q.Undecided(); got != c.want {
			t.Errorf("%q with %q hidden: %v, want %v", c.place, c.hidden, got, c.want)
		}
	}
}

// TestLongRecords holds that a request is kept without its body when placeholders
// make it too long, and that much is counted as dropped when it is longer still.
func TestLongRecords(t *testing.T) {
	ring := sealer(t)
	x := post("text/plain", strings.Repeat("⟨", MaxBody/3)).exchange("01")
	list, _ := all(t, captured(t, ring, true, x), ring)
	if len(list) != 1 || !list[0].Partial && len(list[0].Body) == 0 {
		t.Errorf("%+v", list)
	}
	q := copyOf(post("text/plain", "x").exchange("01"), true)
	q.Target = strings.Repeat("x", maxPlain)
	if _, err := q.marshal(); !errors.Is(err, errTooLong) {
		t.Error(err)
	}
	q = copyOf(post("text/plain", "x").exchange("01"), true)
	q.Body = make([]byte, maxPlain)
	if plain, err := q.marshal(); err != nil || len(plain) > 4096 {
		t.Errorf("%d bytes, %v", len(plain), err)
	}
	long := post("text/plain", strings.Repeat("x ", MaxBody)).exchange("01")
	if q := copyOf(long, true); len(q.Body) != MaxBody || !q.Partial {
		t.Errorf("%d bytes, partial %v", len(q.Body), q.Partial)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Megabytes: -1}, {Days: -1}, {PerOperationHour: -1}} {
		o.Dir, o.Sealer = t.TempDir(), sealer(t)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "must not be negative") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// bare opens everything, so that the fuzzer gets behind the seal.
type bare struct{}

func (bare) Open(_, sealed string) ([]byte, error) { return []byte(sealed), nil }

// FuzzSegment reads files that anything may have happened to.
func FuzzSegment(f *testing.F) {
	q := copyOf(post("application/json", `{"password":"x"}`).exchange("01"), true)
	q.Rules, q.Places = []string{"crs-1"}, []string{"query q"}
	q.redact()
	plain, err := q.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	f.Add([]byte(strings.ReplaceAll(string(plain), "\n", `\n`) + "\n" + string(plain) + "\n"))
	f.Add([]byte("{\"version\":1}\n⟨a 262144⟩⟨b 99999999⟩⟨literal 0⟩\n"))
	ring := sealer(f)
	line, err := ring.Seal(purpose, plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(line + "\n" + line[:40]))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, opener := range []Opener{bare{}, ring} {
			r := &reading{ctx: t.Context(), opener: opener, slots: map[slot]bool{}, seen: map[counter]*Seen{}, yield: func(q *Request) error {
				q.Exchange()
				q.Undecided()
				return nil
			}}
			if err := r.segment(data); err != nil {
				t.Fatal(err)
			}
		}
		if q, err := unmarshal(data); err == nil && bytes.Count(q.Body, []byte(opening)) < 8 {
			q.Exchange()
			if plain, err := q.marshal(); err == nil {
				if again, err := unmarshal(plain); err != nil || again.Target != q.Target {
					t.Fatalf("%v: %+v", err, again)
				}
			}
		}
	})
}
