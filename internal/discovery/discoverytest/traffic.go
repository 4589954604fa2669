package discoverytest

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/spec"
)

// Options say what traffic is drawn.
type Options struct {
	Seed uint64
	// Requests is how many exchanges are drawn.
	Requests int
	// Host is the name that clients ask for.
	Host string
	// Start is the begin of the month.
	Start time.Time
}

// days is how long traffic lasts.
const days = 30

// Traffic is a month of traffic to one API. It is not safe for concurrent use.
type Traffic struct {
	world *world
	plan  []planned
}

// planned is one exchange before it is drawn.
type planned struct {
	time  time.Duration
	class Class
	op    int32
	who   int32
	held  bool
}

// Generate plans the traffic of a description. The same description and options
// give the same traffic. It is an error when none of its operations can be
// called.
func Generate(d *spec.Description, o Options) (*Traffic, error) {
	if o.Host == "" {
		o.Host = "api.example.com"
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	w, err := newWorld(d, o)
	if err != nil {
		return nil, err
	}
	t := &Traffic{world: w}
	t.schedule()
	return t, nil
}

// Base is the path of the first server, without a slash at its end.
func (t *Traffic) Base() string { return t.world.base }

// Described is how many operations are described, and of how many of them calls
// can be drawn.
func (t *Traffic) Described() (all, callable int) {
	return len(t.world.operations), len(t.world.callable)
}

// schedule decides what is called how often, and when.
func (t *Traffic) schedule() {
	w, n := t.world, t.world.Requests
	r := seeded(w.Seed, "schedule")
	order := slices.Clone(w.callable)
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	// The last twentieth is never called, the tenth before that rarely.
	never, rare := len(order)/20, (len(order)+5)/10
	popular := order[:max(1, len(order)-never-rare)]
	weights, sum := make([]float64, len(popular)), 0.0
	for i := range popular {
		sum += 1 / math.Pow(float64(i+1), 0.9)
		weights[i] = sum
	}
	operation := func() int32 {
		i, _ := slices.BinarySearch(weights, r.Float64()*sum)
		return int32(popular[min(i, len(popular)-1)])
	}
	who := func(n int) int32 { u := r.Float64(); return int32(float64(n) * u * u) }
	for _, op := range order[len(popular) : len(order)-never] {
		for range 1 + r.IntN(5) {
			t.plan = append(t.plan, planned{t.moment(r), Good, int32(op), who(len(w.clients)), false})
		}
	}
	bursts := make([]time.Duration, 2*len(w.scanners))
	for i := range bursts {
		bursts[i] = time.Duration(r.Float64() * days * 24 * float64(time.Hour))
	}
	for len(t.plan) < n {
		p := planned{time: t.moment(r), op: operation()}
		p.class = weighted(r, []Class{Good, Malformed, Scan, Attack, Noise}, []int{86, 5, 4, 2, 3})
		switch p.class {
		case Scan, Attack:
			p.who = int32(r.IntN(len(w.scanners)))
			p.time = bursts[int(p.who)*2+r.IntN(2)] + time.Duration(r.Float64()*float64(20*time.Minute))
		default:
			p.who = who(len(w.clients))
		}
		t.plan = append(t.plan, p)
	}
	for i := range t.plan {
		t.plan[i].held = r.chance(0.2)
	}
	slices.SortStableFunc(t.plan, func(a, b planned) int { return int(a.time - b.time) })
}

// moment draws a time by day and night, working day and weekend.
func (t *Traffic) moment(r random) time.Duration {
	for {
		at := time.Duration(r.Float64() * days * 24 * float64(time.Hour))
		now := t.world.Start.Add(at)
		hour := float64(now.Hour()) + float64(now.Minute())/60
		weight := 0.55 + 0.45*math.Cos((hour-14)/24*2*math.Pi)
		if day := now.Weekday(); day == time.Saturday || day == time.Sunday {
			weight /= 2
		}
		if r.chance(weight) {
			return at
		}
	}
}

// Len is how many exchanges there are.
func (t *Traffic) Len() int { return len(t.plan) }

// All draws all exchanges in the order of time.
func (t *Traffic) All() iter.Seq[Exchange] {
	return t.some(func(planned) bool { return true })
}

// Learning draws the exchanges that are not held back.
func (t *Traffic) Learning() iter.Seq[Exchange] {
	return t.some(func(p planned) bool { return !p.held })
}

// Held draws the exchanges that are held back.
func (t *Traffic) Held() iter.Seq[Exchange] {
	return t.some(func(p planned) bool { return p.held })
}

func (t *Traffic) some(wanted func(planned) bool) iter.Seq[Exchange] {
	return func(yield func(Exchange) bool) {
		for i, p := range t.plan {
			if wanted(p) && !yield(t.draw(i, p)) {
				return
			}
		}
	}
}

func (t *Traffic) draw(i int, p planned) Exchange {
	w := t.world
	r := seeded(w.Seed, "exchange", strconv.Itoa(i))
	op := &w.operations[p.op]
	var e Exchange
	switch p.class {
	case Malformed:
		e = w.malformed(r, op, &w.clients[p.who])
	case Scan:
		e = w.scan(r, &w.scanners[p.who])
	case Attack:
		e = w.attack(r, op, &w.villains[p.who])
	case Noise:
		e = w.noise(r, op, &w.clients[p.who])
	default:
		e = w.ordinary(r, op, &w.clients[p.who])
	}
	e.Index, e.Time, e.Mark.Held = i, w.Start.Add(p.time), p.held
	return e
}
