package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/keep"
	"farrier.dev/farrier/internal/finding"
)

// SparkDays is how many days a row shows calls of.
const SparkDays = 14

// The bounds of a row, so that tens of thousands fit into memory whatever was observed.
const (
	maxRowNames = 12
	maxRowDrift = 200
	maxRowText  = 512
)

// Row is an operation as lists show it.
type Row struct {
	discovery.Key
	ID       string             `json:"id"`
	Protocol discovery.Protocol `json:"protocol"`
	// API is namespace/name of the instance, empty for none.
	API    string            `json:"api,omitempty"`
	States []discovery.State `json:"states,omitempty"`
	// Data are the classes of sensitive data; Groups the kinds that they belong to.
	Data   []Carried `json:"data,omitempty"`
	Groups []string  `json:"groups,omitempty"`
	// Authentication is consistent, partial or missing; Kinds are those of the credentials.
	Authentication string   `json:"authentication,omitempty"`
	Kinds          []string `json:"kinds,omitempty"`
	// Exposure is the widest from which it was called.
	Exposure discovery.Exposure `json:"exposure,omitempty"`
	// Callers is how many callers are known, Consumers the names of the first of them.
	Callers   int      `json:"callers"`
	Consumers []string `json:"consumers,omitempty"`
	Upstreams []string `json:"upstreams,omitempty"`
	// Requests are all calls; Days those of the last days, the newest last; PerDay their mean.
	Requests uint64            `json:"requests"`
	Days     [SparkDays]uint32 `json:"days"`
	PerDay   float64           `json:"perDay"`
	Risk     int               `json:"risk"`
	Level    string            `json:"level"`
	Drift    int               `json:"drift,omitempty"`
	Findings int               `json:"findings,omitempty"`
	First    time.Time         `json:"first,omitzero"`
	Last     time.Time         `json:"last,omitzero"`
	Owner    string            `json:"owner,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Labels   []string          `json:"labels,omitempty"`
	// Described is where it is described.
	Described Place `json:"described,omitzero"`

	text string // what is searched, in lower case
}

// Carried is one class of data that an operation carries.
type Carried struct {
	Class string `json:"class"`
	// Request and Response count the sampled messages with it.
	Request  uint64 `json:"request,omitempty"`
	Response uint64 `json:"response,omitempty"`
}

// Has says whether the row has a state.
func (r *Row) Has(state discovery.State) bool { return slices.Contains(r.States, state) }

// Hidden says that ordinary lists leave the row out.
func (r *Row) Hidden() bool { return r.Has(discovery.Archived) }

// rowOf makes the row of an operation.
func rowOf(op *discovery.Operation, j Judged, risk Risk, facts Facts, today int64) *Row {
	r := &Row{
		Key: op.Key, ID: keep.ID(op.Key), Protocol: op.Protocol, API: op.API, States: j.States,
		Authentication: op.AuthenticationStatus(), Callers: len(op.Callers), Requests: op.Requests,
		Risk: risk.Total, Level: cmp.Or(risk.Level, Level(risk.Total)), Drift: len(j.Drift), Findings: len(facts.Findings), First: op.First, Last: op.Last,
		Labels: risk.Labels, Described: j.Described,
	}
	if op.OtherCallers > 0 {
		r.Callers++
	}
	for _, kind := range slices.Sorted(maps.Keys(op.Authentication)) {
		r.Kinds = append(r.Kinds, string(kind))
	}
	for _, wide := range []discovery.Exposure{discovery.Public, discovery.Partner, discovery.Internal} {
		if op.Exposure[wide] > 0 {
			r.Exposure = wide
			break
		}
	}
	for _, c := range op.Callers[:min(len(op.Callers), maxRowNames)] {
		r.Consumers = append(r.Consumers, c.Name)
	}
	for _, u := range op.Services[:min(len(op.Services), maxRowNames)] {
		r.Upstreams = append(r.Upstreams, u.Name)
	}
	total := uint64(0)
	for day, n := range op.Days {
		if at := SparkDays - 1 - int(today-day); at >= 0 && at < SparkDays {
			r.Days[at] = uint32(min(n, 1<<32-1)) //nolint:gosec // bounded in the line
			total += n
		}
	}
	r.PerDay = float64(total) / SparkDays
	r.carry(op.Data())
	return r
}

// carry sums data by class.
func (r *Row) carry(all []discovery.Data) {
	at := map[string]int{}
	for _, d := range all {
		class := string(d.Class)
		i, known := at[class]
		if !known {
			i = len(r.Data)
			at[class] = i
			r.Data = append(r.Data, Carried{Class: class})
			if group := groupOf(class); !slices.Contains(r.Groups, group) {
				r.Groups = append(r.Groups, group)
			}
		}
		if d.Direction == "response" {
			r.Data[i].Response += d.Count
		} else {
			r.Data[i].Request += d.Count
		}
	}
	slices.SortFunc(r.Data, func(a, b Carried) int { return strings.Compare(a.Class, b.Class) })
	slices.Sort(r.Groups)
}

// orphanRow makes the row of an operation that is only described.
func orphanRow(o Orphan) *Row {
	r := &Row{Key: o.Key, ID: keep.ID(o.Key), API: o.API, Protocol: discovery.REST, States: []discovery.State{discovery.Orphan}, Level: Level(0), Described: o.Place}
	if o.Deprecated {
		r.States = append(r.States, discovery.Deprecated)
	}
	return r
}

// mark adds what operators said.
func (r *Row) mark(m map[string]keep.Marks) {
	for _, subject := range []string{subjectAPI(r.API), subjectOperation(r.ID)} {
		one, ok := m[subject]
		if !ok {
			continue
		}
		r.Owner = cmp.Or(one.Owner, r.Owner)
		r.Tags = union(r.Tags, one.Tags)
		r.Labels = slices.DeleteFunc(union(r.Labels, one.Labels), func(l string) bool { return slices.Contains(one.NotLabels, l) })
	}
}

// index makes the text that is searched.
func (r *Row) index() {
	parts := []string{r.Method, r.Host + r.Path, r.Version, r.Name, r.API, r.Owner}
	parts = append(parts, r.Tags...)
	parts = append(parts, r.Labels...)
	text := strings.ToLower(strings.Join(parts, " "))
	r.text = text[:min(len(text), maxRowText)]
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, one := range b {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

func subjectAPI(api string) string      { return "api " + api }
func subjectOperation(id string) string { return "operation " + id }

// findingsOf are the findings at an operation.
func findingsOf(op *discovery.Operation, byAPI map[string][]finding.Finding) []finding.Finding {
	var out []finding.Finding
	for _, f := range byAPI[op.API] {
		at := f.Location.Operation
		if method, path, ok := strings.Cut(at, " "); ok && (method == op.Method || method == "*") && sameTemplate(path, op.Path, op.BasePath) {
			out = append(out, f)
		}
	}
	return out
}

// sameTemplate says whether two templates are one, with or without the base path;
// what stands in braces does not matter.
func sameTemplate(described, path, base string) bool {
	return equalTemplates(described, path) || base != "" && equalTemplates(described, strings.TrimPrefix(path, base))
}

func equalTemplates(a, b string) bool {
	for {
		ha, ra, ma := strings.Cut(strings.TrimPrefix(a, "/"), "/")
		hb, rb, mb := strings.Cut(strings.TrimPrefix(b, "/"), "/")
		if ha != hb && (!strings.HasPrefix(ha, "{") || !strings.HasPrefix(hb, "{")) || ma != mb {
			return false
		}
		if !ma {
			return true
		}
		a, b = ra, rb
	}
}
