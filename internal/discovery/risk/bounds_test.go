package risk

import (
	"testing"

	"farrier.dev/farrier/internal/discovery"
)

// points are the items of a score by their names.
func points(r Result) map[string]int {
	out := map[string]int{}
	for _, item := range r.Items {
		out[item.Name] += item.Points
	}
	return out
}

func TestTotalAndLevels(t *testing.T) {
	w := Defaults()
	op := func(exposure discovery.Exposure) *discovery.Operation {
		return &discovery.Operation{
			Key: discovery.Key{Host: "a.example", Method: "GET", Path: "/x"}, Good: 10, Requests: 10,
			Exposure: map[discovery.Exposure]uint64{exposure: 10}, Sources: map[discovery.Source]uint64{discovery.FromGateway: 10},
		}
	}
	w.ExposurePublic = 150
	if r := Score(op(discovery.Public), Facts{PoliciesUnknown: true}, w); r.Total != 100 || r.Sum < 150 || r.Level != High {
		t.Errorf("%+v; a total is 100 at most", r)
	}
	partner := Score(op(discovery.Partner), Facts{PoliciesUnknown: true}, w)
	if got := points(partner); got["exposure-partner"] != w.ExposurePartner || got["exposure-public"] != 0 {
		t.Errorf("called by partners alone: %v", got)
	}
	// A score that reaches a threshold has its level.
	w = Weights{ExposurePublic: 30, Medium: 30, High: 60}
	for total, want := range map[int]Level{29: Low, 30: Medium, 59: Medium, 60: High} {
		w.ExposurePublic = total
		if r := Score(op(discovery.Public), Facts{PoliciesUnknown: true}, w); r.Total != total || r.Level != want {
			t.Errorf("%d points are %s, of %+v; want %s", r.Total, r.Level, r.Items, want)
		}
	}
}

func TestPoliciesThatAuthenticate(t *testing.T) {
	op := &discovery.Operation{
		Key: discovery.Key{Host: "a.example", Method: "GET", Path: "/x"}, Good: 10, Requests: 10,
		Authentication: map[discovery.Authentication]uint64{discovery.NoAuthentication: 10}, Sources: map[discovery.Source]uint64{discovery.FromGateway: 10},
	}
	if got := points(Score(op, Facts{}, Defaults())); got["no-authentication"] == 0 {
		t.Errorf("nobody proves who he is: %v", got)
	}
	if got := points(Score(op, Facts{Policies: []string{"jwt-validation"}}, Defaults())); got["no-authentication"] != 0 {
		t.Errorf("with a policy that authenticates: %v", got)
	}
}
