package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// field is one value of an operation in the traffic of these tests.
type field struct {
	place  string
	normal func(*rand.Rand) string
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

var (
	names   = []string{"Anna", "Søren", "José", "Mary-Jane", "O'Brien", "Müller", "Nguyen", "D'Angelo", "Ivanova", "Smith", "de la Cruz", "Li"}
	streets = []string{"High Street 5", "12 Rue de l'Église", "Hauptstr. 7a", "Via Roma, 3", "Apt #4, 5th Ave.", "Plot 7/2 (rear)", "Calle Mayor 1"}
	notes   = []string{"Please ring twice; the bell is \"broken\".", "Leave it with Mrs. O'Neill (no. 5) & call me!", "Call 555-0100", "50% now, rest later: ok?", "<urgent> see #42", "a = b + c", "it's fine", "two\nlines"}
)

// kinds are the values that specifications are made of.
var kinds = []func(*rand.Rand) string{
	func(r *rand.Rand) string { return fmt.Sprint(r.IntN(100000)) },
	func(r *rand.Rand) string { return fmt.Sprintf("%d.%02d", r.IntN(1000), r.IntN(100)) },
	func(r *rand.Rand) string { return pick(r, "true", "false") },
	func(r *rand.Rand) string { return pick(r, "OPEN", "CLOSED", "PENDING", "IN_REVIEW") },
	func(r *rand.Rand) string {
		return fmt.Sprintf("20%02d-%02d-%02d", r.IntN(30), 1+r.IntN(12), 1+r.IntN(28))
	},
	func(r *rand.Rand) string {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Uint64()>>16)
	},
	func(r *rand.Rand) string { return strings.ToLower(fmt.Sprintf("u%d@example.com", r.IntN(10000))) },
	func(r *rand.Rand) string { return pick(r, names...) },
	func(r *rand.Rand) string { return pick(r, streets...) },
	func(r *rand.Rand) string { return pick(r, notes...) },
	func(r *rand.Rand) string {
		return fmt.Sprintf("+%d %d %d", 1+r.IntN(90), 100+r.IntN(900), r.IntN(10000000))
	},
	func(r *rand.Rand) string { return fmt.Sprintf("SKU-%05d", r.IntN(100000)) },
}

// specification is a made-up operation with some fields.
func specification(r *rand.Rand) []field {
	fields := make([]field, 0, 8)
	for i := range 3 + r.IntN(6) {
		k := pick(r, "query", "body json", "body form", "body xml")
		place := fmt.Sprintf("%s f%d", k, i)
		if k == "body json" {
			place = fmt.Sprintf("body json /items/*/f%d", i)
		}
		fields = append(fields, field{place, kinds[r.IntN(len(kinds))]})
	}
	return fields
}

func (f field) fact(text string) Fact { return Describe(f.place, text) }

// deviate plants one deviation and says which.
func deviate(r *rand.Rand, fields []field, i int) Fact {
	normal := fields[i].normal(r)
	switch r.IntN(6) {
	case 0: // far too long
		return fields[i].fact(strings.Repeat(normal+"x", 12))
	case 1: // foreign characters
		return fields[i].fact(normal + pick(r, "`$(x)`", "{{7*7}}", "|| \\x", "<x>{}`", "^~`]["))
	case 2: // an unknown place
		return Describe(fmt.Sprintf("query extra%d", r.IntN(5)), normal)
	case 3: // three times over
		return fields[i].fact(strings.Repeat(normal, 3))
	case 4: // an attack of ordinary characters
		return fields[i].fact(normal + pick(r, "' or 1=1", "; ls -la", "<b>x</b>", "&& id", "/../../etc"))
	default: // another type, long
		return fields[i].fact(pick(r, "not what it was {[", "~/`x`/|y|", "[object Object] {}", "${a}${b}{c}"))
	}
}

const (
	clients  = 120
	requests = 3000
	probes   = 400
)

// taught is an operation after seeded traffic; a share of it is poison from a
// tenth of the clients.
func taught(r *rand.Rand, fields []field, poison float64) *Operation {
	o := NewOperation()
	for range requests {
		client := r.IntN(clients)
		facts := make([]Fact, 0, len(fields))
		for _, f := range fields {
			facts = append(facts, f.fact(f.normal(r)))
		}
		if r.Float64() < poison {
			client = clients + r.IntN(clients/10)
			facts[r.IntN(len(facts))] = deviate(r, fields, r.IntN(len(fields)))
		}
		o.Learn(hash(uint64(client)), facts)
	}
	return o
}

// hash spreads bits (SplitMix64).
func hash(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

type outcome struct{ found, planted, alarms, benign int }

func measure(seed uint64, poison float64) (total outcome, size int) {
	for api := range 30 {
		r := rand.New(rand.NewPCG(seed, uint64(api)))
		fields := specification(r)
		o := taught(r, fields, poison)
		n := o.Normal()
		for range probes {
			f := deviate(r, fields, r.IntN(len(fields)))
			if d, ok := n.Score(&f); ok && d.Score >= Alarm {
				total.found++
			}
			total.planted++
			for _, normal := range fields {
				f := normal.fact(normal.normal(r))
				if d, ok := n.Score(&f); ok && d.Score >= Alarm {
					total.alarms++
				}
				total.benign++
			}
		}
		text, _ := o.MarshalBinary()
		size += len(text)
	}
	return total, size
}

func (o outcome) recall() float64 { return float64(o.found) / float64(o.planted) }
func (o outcome) rate() float64   { return float64(o.alarms) / float64(o.benign) }

// TestThirtyAPIs teaches thirty operations and plants deviations: nine of ten
// must be found at one alarm in a thousand values, and poison in a tenth of the
// traffic may move neither by more than a tenth.
func TestThirtyAPIs(t *testing.T) {
	clean, size := measure(1, 0)
	poisoned, _ := measure(1, 0.1)
	t.Logf("clean: recall %.3f (%d of %d), alarms %.4f%% (%d of %d values)", clean.recall(), clean.found, clean.planted, 100*clean.rate(), clean.alarms, clean.benign)
	t.Logf("a tenth poisoned: recall %.3f, alarms %.4f%%", poisoned.recall(), 100*poisoned.rate())
	t.Logf("stored: %d bytes an operation", size/30)
	for name, o := range map[string]outcome{"clean": clean, "poisoned": poisoned} {
		if o.recall() < 0.9 || o.rate() > 0.001 {
			t.Errorf("%s: recall %.3f, alarms %.4f%%", name, o.recall(), 100*o.rate())
		}
	}
	if d := clean.recall() - poisoned.recall(); d > 0.1*clean.recall() {
		t.Errorf("poison takes %.3f of the recall", d)
	}
}

func TestRestart(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	fields := specification(r)
	before := taught(r, fields, 0)
	text, err := before.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	after := NewOperation()
	if err := after.UnmarshalBinary(text); err != nil {
		t.Fatal(err)
	}
	a, b := before.Normal(), after.Normal()
	for range 500 {
		f := deviate(r, fields, r.IntN(len(fields)))
		x, okX := a.Score(&f)
		y, okY := b.Score(&f)
		if x != y || okX != okY {
			t.Fatalf("%+v: %+v before, %+v after", f, x, y)
		}
	}
	key := Key{"default/orders", "GET /orders"}
	one, _ := NewSnapshot(map[Key]*Operation{key: before})
	two, _ := NewSnapshot(map[Key]*Operation{key: after})
	if one.Digest() != two.Digest() || one.Digest() == "" {
		t.Errorf("digests %q and %q", one.Digest(), two.Digest())
	}
}

func TestReasons(t *testing.T) {
	o := NewOperation()
	for i := range 400 {
		o.Learn(hash(uint64(i%40)), []Fact{Describe("query phone", fmt.Sprintf("%03d-%05d", i%900, i*7%90000))})
	}
	n := o.Normal()
	for _, c := range []struct{ place, text, want string }{
		{"query phone", "555-01234", ""},
		{"query phone", strings.Repeat("1-", 40), "never longer than 9, now 80"},
		{"query phone", "1' or '1", `never outside [0-9-], now with [a-z ']`},
		{"query other", "1", "this operation never had a value here"},
	} {
		f := Describe(c.place, c.text)
		d, ok := n.Score(&f)
		if !ok || d.Reason != c.want {
			t.Errorf("%s %q: %v %+v, want %q", c.place, c.text, ok, d, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	for text, want := range map[string]Type{
		"": Empty, "true": Boolean, "12": Integer, "-7": Integer, "1.5": Decimal, "1e9": Decimal, "2026-11-22": Date, "22.11.2026": Date,
		"2026-11-22T10:00:00Z": Date, "0190f6f2-7a7b-7c3d-8e4f-0123456789ab": UUID, "a.b@example.com": Email, "OPEN": Word, "a-b_c": Word,
		"two words": Text, "1-2-3": Word, "@": Text, "1' or 1": Text, "2026-11-22' or": Text,
	} {
		if got := Describe("query a", text).Type; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	for place, want := range map[string]string{
		"body json /items/0/note":          "body json /items/*/note",
		"body json /items/0/note > base64": "body json /items/*/note > base64",
		"body json /items/17":              "body json /items/*",
		"query id2":                        "query id2",
	} {
		if got := general(place); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
}

func TestNothingIsSaidTooEarly(t *testing.T) {
	o := NewOperation()
	for i := range 1000 {
		o.Learn(hash(uint64(i%3)), []Fact{Describe("query id", "1")})
	}
	f := Describe("query id", "' or 1=1")
	if d, ok := o.Normal().Score(&f); ok {
		t.Errorf("three sources teach nothing: %+v", d)
	}
}

func FuzzUnmarshal(f *testing.F) {
	o := taught(rand.New(rand.NewPCG(1, 1)), specification(rand.New(rand.NewPCG(1, 1))), 0)
	text, _ := o.MarshalBinary()
	f.Add(text)
	f.Add([]byte{format})
	f.Fuzz(func(t *testing.T, b []byte) {
		o := NewOperation()
		if o.UnmarshalBinary(b) != nil {
			return
		}
		o.Normal()
		if _, err := o.MarshalBinary(); err != nil {
			t.Fatal(err)
		}
	})
}
