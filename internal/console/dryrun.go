package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"farrier.dev/farrier/internal/control"
)

// dryRunData is what a draft would have refused of recorded traffic.
type dryRunData struct {
	// Problem says why nothing can be said.
	Problem string
	APIs    []dryRunAPI
}

// dryRunAPI is the answer for one API; counts are of the sample.
type dryRunAPI struct {
	Name      string    `json:"-"`
	Since     time.Time `json:"since"`
	Sampled   int64     `json:"sampled"`
	Seen      int64     `json:"seen"`
	OfPassed  sampled   `json:"ofPassed"`
	OfRefused sampled   `json:"ofRefused"`

	WouldRefuse  int64 `json:"wouldRefuse"`
	StillRefused int64 `json:"stillRefused"`
	NewlyRefused int64 `json:"newlyRefused"`
	WouldPass    int64 `json:"wouldPass"`
	Undecided    int64 `json:"undecided"`

	Rules []struct {
		Rule         string `json:"rule"`
		WouldRefuse  int64  `json:"wouldRefuse"`
		NewlyRefused int64  `json:"newlyRefused"`
	} `json:"rules"`
	Examples []struct {
		Record    string    `json:"record"`
		Received  time.Time `json:"received"`
		Operation string    `json:"operation"`
		Change    string    `json:"change"`
		Rules     []string  `json:"rules"`
	} `json:"examples"`
}

type sampled struct {
	Sampled int64 `json:"sampled"`
	Seen    int64 `json:"seen"`
}

// of is how many of all that were seen a count of the sample stands for.
func (s sampled) of(n int64) float64 {
	if s.Sampled == 0 {
		return 0
	}
	return float64(n) / float64(s.Sampled) * float64(s.Seen)
}

// Newly is the share of all requests that would newly be refused. Refused requests and
// others are sampled apart, and weigh as many as there were.
func (a dryRunAPI) Newly() string { return a.share(a.OfPassed.of(a.NewlyRefused)) }

// Refused is the share of all requests that would be refused.
func (a dryRunAPI) Refused() string {
	return a.share(a.OfPassed.of(a.NewlyRefused) + a.OfRefused.of(a.StillRefused))
}

// Passing is the share of all requests that were refused and would not be.
func (a dryRunAPI) Passing() string { return a.share(a.OfRefused.of(a.WouldPass)) }

func (a dryRunAPI) share(n float64) string {
	if a.Seen == 0 || n == 0 {
		return "0 %"
	}
	share := 100 * n / float64(a.Seen)
	if share < 0.1 {
		return "less than 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", share)
}

// maxDryRunRules bounds the rules that a page tells of each API.
const maxDryRunRules = 10

// readDryRun asks what the draft of an environment would have refused.
func (c *console) readDryRun(r *request, environment string) (*dryRunData, error) {
	found, err := c.Resources.DryRun(r.Context(), r.principal, environment)
	switch {
	case errors.Is(err, control.ErrNotFound):
		return &dryRunData{Problem: "No traffic is recorded here."}, nil
	case errors.Is(err, control.ErrInvalid):
		return &dryRunData{Problem: "The draft has errors; mend them first."}, nil
	case err != nil:
		return nil, err
	}
	text, err := json.Marshal(found)
	if err != nil {
		return nil, fmt.Errorf("writing a dry run as JSON: %w", err)
	}
	var report struct {
		Captured bool                  `json:"captured"`
		APIs     map[string]*dryRunAPI `json:"apis"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("reading a dry run: %w", err)
	}
	d := &dryRunData{}
	switch {
	case !report.Captured:
		d.Problem = "No traffic is recorded here. Start farrier serve with --capture, or set capture.enabled, and let APIs run with attack protection in the mode watch for a while: it refuses nothing and records what it judges."
	case len(report.APIs) == 0:
		d.Problem = "No API of the draft has attack protection, so there is nothing to try. Other policies can’t be tried on recorded traffic."
	}
	for _, name := range slices.Sorted(maps.Keys(report.APIs)) {
		one := report.APIs[name]
		one.Name, one.Rules = name, one.Rules[:min(len(one.Rules), maxDryRunRules)]
		d.APIs = append(d.APIs, *one)
	}
	// Where something would change is what the reader came for.
	slices.SortStableFunc(d.APIs, func(a, b dryRunAPI) int { return cmp.Compare(b.NewlyRefused+b.WouldPass, a.NewlyRefused+a.WouldPass) })
	return d, nil
}
