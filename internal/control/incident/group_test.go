package incident

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/finding"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// saw is one line of a case: minute, address, client, API, rules and severity.
func saw(t *testing.T, n int, line string) Sighting {
	t.Helper()
	var minute, severity int
	var address, client, api, rules string
	if _, err := fmt.Sscan(line, &minute, &address, &client, &api, &rules, &severity); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	dash := func(s string) string { return strings.TrimPrefix(s, "-") }
	s := Sighting{Exchange: fmt.Sprintf("X%03d", n), At: noon.Add(time.Duration(minute) * time.Minute), Address: dash(address), ClientID: dash(client), API: dash(api), Severity: finding.Severity(severity)}
	if rules = dash(rules); rules != "" {
		s.Rules = strings.Split(rules, ",")
	}
	return s
}

func TestGroup(t *testing.T) {
	many := func(n int, line string) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = line
		}
		return all
	}
	cases := []struct {
		name string
		seen []string
		want []string
	}{
		{"nothing", nil, nil},
		{"one mild finding", []string{"0 192.0.2.7 - ns/a r1 2"}, nil},
		{"one grave finding", []string{"0 192.0.2.7 - ns/a r1 4"}, []string{"address 192.0.2.7 1 high ns/a"}},
		{"within thirty minutes", []string{"0 192.0.2.7 - ns/a r1 3", "30 192.0.2.7 - ns/b r2 4"}, []string{"address 192.0.2.7 2 high "}},
		{"after a longer rest", []string{"0 192.0.2.7 - ns/a r1 3", "31 192.0.2.7 - ns/a r2 3"}, []string{"address 192.0.2.7 1 medium ns/a", "address 192.0.2.7 1 medium ns/a"}},
		{"two actors", []string{"0 192.0.2.7 - ns/a r1 3", "1 192.0.2.8 - ns/a r1 3"}, []string{"address 192.0.2.7 1 medium ns/a", "address 192.0.2.8 1 medium ns/a"}},
		{"a client from two addresses", []string{"0 192.0.2.7 app ns/a r1 3", "1 192.0.2.8 app ns/a r1 3"}, []string{"client app 2 medium ns/a"}},
		{"three mild rules of one actor", []string{"0 192.0.2.7 - ns/a r1,r2 1", "1 192.0.2.7 - ns/b r3 1"}, []string{"address 192.0.2.7 2 low "}},
		{"three mild rules on one API", []string{"0 192.0.2.7 - ns/a r1 1", "1 192.0.2.8 - ns/a r2 1", "2 192.0.2.9 - ns/a r3 1"}, []string{"api ns/a 3 low ns/a"}},
		{"two mild rules on one API", []string{"0 192.0.2.7 - ns/a r1 1", "1 192.0.2.8 - ns/a r2 1", "2 192.0.2.9 - ns/a r2 1"}, nil},
		{"three rules, an hour apart", []string{"0 192.0.2.7 - ns/a r1 1", "60 192.0.2.8 - ns/a r2 1", "120 192.0.2.9 - ns/a r3 1"}, nil},
		{"what an actor has done does not count for the API", []string{"0 192.0.2.7 - ns/a r1 4", "1 192.0.2.8 - ns/a r2 1", "2 192.0.2.9 - ns/a r3 1"}, []string{"address 192.0.2.7 1 high ns/a"}},
		{"nineteen refusals", many(19, "0 192.0.2.7 - ns/a - 0"), nil},
		{"twenty refusals", many(20, "0 192.0.2.7 - ns/a - 0"), []string{"address 192.0.2.7 20 low ns/a"}},
		{"nobody known", []string{"0 - - ns/a r1 4"}, nil},
		{"later things given first", []string{"20 192.0.2.7 - ns/a r1 3", "0 192.0.2.7 - ns/a r1 3"}, []string{"address 192.0.2.7 2 medium ns/a"}},
	}
	for _, c := range cases {
		var seen []Sighting
		for i, line := range c.seen {
			seen = append(seen, saw(t, i, line))
		}
		var got []string
		for _, g := range Group(append(seen, seen...)) { // twice given counts once
			got = append(got, fmt.Sprintf("%s %s %d %s %s", g.Kind, g.Actor, len(g.Sightings), g.Severity(), g.API()))
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if t.Logf("%d cases", len(cases)); len(cases) < 10 {
		t.Error("too few")
	}
}

// TestGroupKeepsAll holds that no sighting stands in two clusters, that none is made
// up, and that the order of what is given does not matter.
func TestGroupKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		var seen []Sighting
		for i := range n {
			seen = append(seen, Sighting{
				Exchange: fmt.Sprint(i), At: noon.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "at")) * time.Minute),
				Address: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "address"), API: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "api"),
				Rules: rapid.SliceOfN(rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"}), 0, 2).Draw(t, "rules"), Severity: finding.Severity(rapid.IntRange(0, 5).Draw(t, "severity")),
			})
		}
		first := Group(seen)
		met := map[string]bool{}
		for i := range first {
			for _, s := range first[i].Sightings {
				if met[s.Exchange] {
					t.Fatalf("%s stands in two clusters", s.Exchange)
				}
				met[s.Exchange] = true
			}
		}
		shuffled := rapid.Permutation(seen).Draw(t, "shuffled")
		if got, want := fmt.Sprint(Group(shuffled)), fmt.Sprint(first); got != want {
			t.Fatalf("in another order: %s, want %s", got, want)
		}
	})
}
