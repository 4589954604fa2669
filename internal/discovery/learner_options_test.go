package discovery

import (
	"testing"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// TestOptions holds operations whose method is OPTIONS against what browsers ask
// before a request.
func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Observation)
		listed bool
	}{
		{"an operation", func(*Observation) {}, true},
		{"asked beforehand", func(o *Observation) {
			h := traffic.NewHeader(traffic.Field{Name: "access-control-request-method", Value: "GET"}, traffic.Field{Name: "origin", Value: "https://a.example"})
			o.Request.Header = &h
		}, false},
		{"no content", func(o *Observation) { o.Response.Body = nil }, false},
		{"no fields are known", func(o *Observation) { o.Request.Header = nil }, false},
		{"not looked into", func(o *Observation) { o.Sampled = false }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := learner(t, nil)
			for i := range 5 {
				o := get("/events", i)
				o.Method = "OPTIONS"
				c.change(o)
				l.Observe(o)
			}
			if got := len(listed(t, l)) == 1; got != c.listed {
				t.Errorf("listed: %v, must be %v", got, c.listed)
			}
		})
	}
}

// TestAttacks holds which findings make an attack.
func TestAttacks(t *testing.T) {
	t.Parallel()
	at := func(s finding.Severity, place string, cwe int) []finding.Finding {
		return []finding.Finding{{Severity: s, Location: finding.Location{Place: place}, Taxonomy: finding.Taxonomy{CWE: cwe}}}
	}
	for _, c := range []struct {
		name string
		all  []finding.Finding
		want bool
	}{
		{"injection", at(finding.High, "query id", 89), true},
		{"injection by a header", at(finding.Medium, "header x-name", 89), true},
		{"a header that is restricted", at(finding.High, "header x-http-method-override", misread), false},
		{"a request that is read differently", at(finding.High, "body", misread), true},
		{"an answer", at(finding.High, "response body", 200), false},
		{"low", at(finding.Low, "query id", 89), false},
		{"both", append(at(finding.High, "header x-http-method-override", misread), at(finding.High, "query id", 89)...), true},
		{"nothing", nil, false},
	} {
		if got := Attacks(c.all); got != c.want {
			t.Errorf("%s: %v, must be %v", c.name, got, c.want)
		}
	}
}
