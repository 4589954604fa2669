package judge_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/judge"
)

// score counts what was found, missed and mistaken.
type score struct{ planted, found, wrong int }

type board map[string]*score

func (b board) at(kind string) *score {
	if b[kind] == nil {
		b[kind] = &score{}
	}
	return b[kind]
}

// compare adds what was wanted and what was got, both as texts.
func (b board) compare(t *testing.T, kind string, want, got map[string]bool) {
	t.Helper()
	s := b.at(kind)
	for k := range want {
		s.planted++
		if got[k] {
			s.found++
		} else {
			t.Logf("%s: missed %s", kind, k)
		}
	}
	for k := range got {
		if !want[k] {
			s.wrong++
			t.Logf("%s: mistaken %s", kind, k)
		}
	}
}

// TestPlanted plants shadows, zombies, orphans and drift, and look-alikes that are
// fine, into APIs described in each language, and asks what of them is found.
func TestPlanted(t *testing.T) {
	b := board{}
	for i, dialect := range dialects {
		plantStates(t, b, dialect, uint64(i))
		plantDrift(t, b, dialect, uint64(1000+i))
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-28s %8s %8s %8s %10s %8s\n", "kind", "planted", "found", "mistaken", "precision", "recall")
	for _, kind := range slices.Sorted(maps.Keys(b)) {
		s := b[kind]
		precision, recall := 1.0, 1.0
		if s.found+s.wrong > 0 {
			precision = float64(s.found) / float64(s.found+s.wrong)
		}
		if s.planted > 0 {
			recall = float64(s.found) / float64(s.planted)
		}
		fmt.Fprintf(&table, "%-28s %8d %8d %8d %10.4f %8.4f\n", kind, s.planted, s.found, s.wrong, precision, recall)
		if precision < 0.99 || recall < 0.99 {
			t.Errorf("%s: precision %.4f, recall %.4f", kind, precision, recall)
		}
	}
	t.Logf("\n%s", &table)
	for _, kind := range []string{"shadow", "zombie", "orphan", "drift"} {
		if b.at(kind).planted < 100 {
			t.Errorf("only %d of %s were planted", b.at(kind).planted, kind)
		}
	}
}

const (
	past   = "2026-01-31"
	future = "2027-01-31"
)

// plantStates makes an API of 120 operations in two versions and plants states.
func plantStates(t *testing.T, b board, dialect string, seed uint64) {
	t.Helper()
	r := newTraffic(seed)
	a := r.plain("Shop", 120)
	old := &api{title: a.title, version: "0.9", base: "/shop/v0"}
	var ops []*discovery.Operation
	want := map[string]map[string]bool{"shadow": {}, "zombie": {}, "orphan": {}}
	sunsets := dialect != "raml 0.8"
	for i, o := range a.ops {
		l := r.learned(a, o, 20)
		switch {
		case i%6 == 0:
			want["orphan"][o.method+" "+a.base+o.path] = true
			continue
		case i%6 == 1 && sunsets:
			o.deprecated, o.sunset = true, past
			want["zombie"][l.String()] = true
		case i == 2:
			o.deprecated, o.sunset = sunsets, future
			if !sunsets {
				o.sunset = ""
			}
		case i == 8 && sunsets: // ended, and nobody called it since
			o.deprecated, o.sunset = true, past
			l.Last = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
		case i == 9: // a word below a template is the operation
			l.Path = strings.Replace(l.Path, l.Path[strings.Index(l.Path, "{"):strings.Index(l.Path, "}")+1], "current", 1)
		case i == 4 && o.method == "GET": // HEAD is the GET
			l.Method = "HEAD"
		}
		ops = append(ops, l)
		// A shadow beside it: another method, a path below, a sibling, or another base.
		s := r.learned(a, &op{method: o.method, path: o.path}, 20)
		switch i % 5 {
		case 0:
			s.Method = "DELETE"
		case 1:
			s.Path += "/debug"
		case 2:
			s.Path = a.base + "/internal" + strings.TrimPrefix(s.Path, a.base)
		case 3:
			s.Path = "/beta" + s.Path
		case 4:
			s.Path = strings.TrimPrefix(s.Path, a.base)
		}
		want["shadow"][s.String()] = true
		ops = append(ops, s)
	}
	// The older version: half of it is called still, and one operation is in both.
	for i := range 16 {
		o := &op{method: "GET", path: fmt.Sprintf("/legacy%d/{id}", i), statuses: []int{200}}
		old.ops = append(old.ops, o)
		if i%2 == 0 {
			l := r.learned(old, o, 20)
			want["zombie"][l.String()] = true
			ops = append(ops, l)
		}
	}
	described := []discovery.Described{a.described(t, dialect), old.described(t, dialect)}
	described[1].Superseded = true
	// One that is retired, one without traffic, and one that is known since yesterday.
	retired := r.plain("Gone", 12)
	for _, o := range retired.ops {
		l := r.learned(retired, o, 20)
		want["zombie"][l.String()] = true
		ops = append(ops, l)
	}
	quiet, young := r.plain("Quiet", 12), r.plain("Young", 12)
	described = append(described, retired.described(t, dialect), quiet.described(t, dialect), young.described(t, dialect))
	described[2].Retired = now.Add(-40 * 24 * time.Hour)
	ops = append(ops, r.learned(young, young.ops[0], 20))
	j := judge.Judge(&discovery.Inventory{At: now, Operations: ops}, described, judge.Options{Known: map[string]time.Time{"Young 1.0": now.Add(-24 * time.Hour)}})
	got := map[string]map[string]bool{"shadow": {}, "zombie": {}, "orphan": {}}
	for i := range j.Operations {
		for _, s := range j.Operations[i].States {
			if got[string(s)] != nil {
				got[string(s)][j.Operations[i].Operation.String()] = true
			}
		}
	}
	for _, o := range j.Orphans {
		got["orphan"][o.Method+" "+o.Base+o.Path] = true
	}
	for kind := range want {
		b.compare(t, kind, want[kind], got[kind])
	}
	untouched := slices.DeleteFunc(slices.Clone(j.Notes), func(n judge.Note) bool { return n.Kind != judge.DescriptionWithoutTraffic })
	if len(untouched) != 1 || !strings.Contains(untouched[0].Text, "Quiet") {
		t.Errorf("%s: descriptions without traffic: %v", dialect, untouched)
	}
}

// plantDrift makes an API and plants one drift, or one look-alike, per operation.
func plantDrift(t *testing.T, b board, dialect string, seed uint64) {
	t.Helper()
	r := newTraffic(seed)
	a := r.plain("Shop", 80)
	described := a.described(t, dialect)
	want, got := map[string]map[string]bool{}, map[string]map[string]bool{}
	var ops []*discovery.Operation
	for i, o := range a.ops {
		l := r.learned(a, o, 120)
		if kind, place := r.plant(l, o, i, !strings.HasPrefix(dialect, "raml")); kind != "" {
			if want[kind] == nil {
				want[kind] = map[string]bool{}
			}
			want[kind][l.String()+" "+place] = true
		}
		ops = append(ops, l)
	}
	j := judge.Judge(&discovery.Inventory{At: now, Operations: ops}, []discovery.Described{described}, judge.Options{})
	for i := range j.Operations {
		for _, d := range j.Operations[i].Drift {
			if got[d.Kind] == nil {
				got[d.Kind] = map[string]bool{}
			}
			got[d.Kind][d.String()+" "+d.Place] = true
			if d.File == "" || d.Line == 0 {
				t.Errorf("%s: %s %s has no place in the description", dialect, d.Kind, d.Place)
			}
		}
	}
	all, found := map[string]bool{}, map[string]bool{}
	for _, kind := range judge.DriftKinds() {
		b.compare(t, kind, want[kind], got[kind])
		for k := range want[kind] {
			all[kind+" "+k] = true
		}
		for k := range got[kind] {
			found[kind+" "+k] = true
		}
	}
	b.compare(t, "drift", all, found)
}

// plant changes learned traffic in one way; an empty kind is a look-alike.
func (t *traffic) plant(l *discovery.Operation, o *op, i int, formats bool) (kind, place string) {
	without := func(in, name string) {
		l.Parameters = slices.DeleteFunc(l.Parameters, func(p *discovery.Parameter) bool { return p.In == in && p.Name == name })
	}
	add := func(in string, p prop, n int) { l.Parameters = append(l.Parameters, t.parameter(in, p, n)) }
	reply := l.Answers[0]
	changed := func(calls int, change func(map[string]any)) {
		for range calls {
			v := t.value(*o.reply, false, 0).(map[string]any)
			change(v)
			t.observe(reply, v)
			reply.Count++
			reply.Read++
		}
	}
	switch i % 20 {
	case 0:
		add("query", prop{name: "debug", typ: "boolean"}, 30)
		return judge.ParameterUndocumented, "query debug"
	case 1:
		add("header", prop{name: "x-shop-channel", typ: "string"}, 30)
		return judge.ParameterUndocumented, "header x-shop-channel"
	case 2:
		add("cookie", prop{name: "variant", typ: "string"}, 30)
		return judge.ParameterUndocumented, "cookie variant"
	case 3:
		changed(20, func(v map[string]any) { v["internalCost"] = 1.5 })
		return judge.FieldUndocumented, "200 application/json /internalCost"
	case 4:
		changed(20, func(v map[string]any) { v["lines"].([]any)[0].(map[string]any)["margin"] = 7 })
		return judge.FieldUndocumented, "200 application/json /lines/*/margin"
	case 5:
		without("query", "limit")
		return judge.ParameterUnused, "query limit"
	case 6:
		changed(20, func(v map[string]any) { v["id"] = "abc" })
		return judge.TypeDiffers, "200 application/json /id"
	case 7:
		without("query", "limit")
		add("query", prop{name: "limit", typ: "string"}, 40)
		return judge.TypeDiffers, "query limit"
	case 8:
		changed(20, func(v map[string]any) { delete(v, "total") })
		return judge.RequiredMissing, "200 application/json /total"
	case 9:
		without("query", "state")
		add("query", prop{name: "state", typ: "string", enum: []string{"open", "closed", "lost"}}, 60)
		return judge.EnumDiffers, "query state"
	case 10:
		l.Statuses[409] = 12
		return judge.StatusUndocumented, "409"
	case 11:
		l.Answers = append(l.Answers, &discovery.Body{Status: 200, Media: "text/csv", Count: 30})
		return judge.MediaUndocumented, "200 text/csv"
	case 12:
		if !o.secured {
			return "", ""
		}
		l.Authentication[discovery.NoAuthentication] = 40
		return judge.AuthenticationDiffers, "authentication"
	case 13:
		l.Version = "accept: application/vnd.shop.v2+json"
		return judge.VersionUndocumented, "version accept"
	case 14: // one call of 120 is too rare
		add("query", prop{name: "oops", typ: "string"}, 1)
		add("header", prop{name: "traceparent", typ: "string"}, 120)
		add("cookie", prop{name: "_ga_ABC", typ: "string"}, 120)
	case 15: // objects that say nothing of their members
		changed(20, func(v map[string]any) { v["extra"] = map[string]any{"a": 1}; v["labels"] = map[string]any{"x": "y"} })
	case 16: // whole numbers are numbers
		changed(20, func(v map[string]any) { v["total"] = 7 })
	case 17: // few calls, and something not in them
		without("query", "limit")
		l.Sampled, l.Good = 99, 99
	case 18: // gateways answer too
		l.Statuses[429], l.Statuses[304], l.Refused, l.Statuses[401] = 9, 9, 9, 9
	case 19:
		if !formats {
			return "", ""
		}
		changed(40, func(v map[string]any) { v["when"] = "yesterday" })
		return judge.TypeDiffers, "200 application/json /when"
	}
	return "", ""
}

// TestPlacesOfDrift holds that the places of drift are lines that name what they are
// about, in every language.
func TestPlacesOfDrift(t *testing.T) {
	played := 0
	for _, dialect := range dialects {
		r := newTraffic(1)
		a := r.plain("Shop", 20)
		_, text := a.text(dialect)
		lines := strings.Split(text, "\n")
		var ops []*discovery.Operation
		for i, o := range a.ops {
			l := r.learned(a, o, 120)
			r.plant(l, o, i, true)
			ops = append(ops, l)
		}
		j := judge.Judge(&discovery.Inventory{At: now, Operations: ops}, []discovery.Described{a.described(t, dialect)}, judge.Options{})
		for i := range j.Operations {
			for _, d := range j.Operations[i].Drift {
				var want string
				near := 2
				switch d.Kind {
				case judge.ParameterUnused, judge.EnumDiffers:
					want, near = d.Place[strings.IndexByte(d.Place, ' ')+1:], 12
				case judge.RequiredMissing, judge.TypeDiffers:
					want = d.Place[strings.LastIndexAny(d.Place, " /")+1:]
				case judge.ParameterUndocumented:
					want = strings.ToLower(d.Method)
				case judge.FieldUndocumented:
					want, near = "id", 12
					if strings.Contains(d.Place, "lines") {
						want = "sku"
					}
				default:
					continue
				}
				from, to := max(d.Line-2, 0), min(d.Line+near, len(lines))
				if !strings.Contains(strings.Join(lines[from:to], "\n"), want) {
					t.Errorf("%s: %s %s is told at line %d, where there is no %s:\n%s", dialect, d.Kind, d.Place, d.Line, want, strings.Join(lines[from:to], "\n"))
				}
				played++
			}
		}
	}
	if t.Logf("%d places", played); played < 50 {
		t.Error("too few")
	}
}
