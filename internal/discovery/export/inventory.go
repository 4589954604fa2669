package export

import (
	"encoding/json"
	"io"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
)

// The document that scripts rely on. Fields may be added, never changed.
type document struct {
	Version    int               `json:"version"`
	Made       string            `json:"made,omitempty"`
	Operations []operation       `json:"operations"`
	Edges      []discovery.Edge  `json:"edges,omitempty"`
	Drift      []discovery.Drift `json:"drift,omitempty"`
	Summary    summary           `json:"summary"`
	Findings   []known           `json:"findings"`
}

// known is a finding, marked where the baseline knows it.
type known struct {
	finding.Finding
	Baseline bool `json:"baseline,omitempty"`
}

type summary struct {
	Operations int                     `json:"operations"`
	Hosts      int                     `json:"hosts"`
	Requests   uint64                  `json:"requests"`
	States     map[discovery.State]int `json:"states"`
	// DataClasses counts the operations that carry each class.
	DataClasses map[string]int `json:"dataClasses"`
	Drift       int            `json:"drift"`
	// Findings counts what is new, Baseline what the baseline knows.
	Findings finding.Summary `json:"findings"`
	Baseline int             `json:"baseline,omitempty"`
}

type operation struct {
	discovery.Key
	Protocol       discovery.Protocol                  `json:"protocol,omitempty"`
	API            string                              `json:"api,omitempty"`
	State          []string                            `json:"state"`
	Labels         []string                            `json:"labels,omitempty"`
	Risk           *int                                `json:"risk,omitempty"`
	Parameters     []parameter                         `json:"parameters"`
	Bodies         []body                              `json:"bodies,omitempty"`
	Answers        []body                              `json:"answers,omitempty"`
	DataClasses    []string                            `json:"dataClasses"`
	Data           []discovery.Data                    `json:"data,omitempty"`
	Requests       uint64                              `json:"requests"`
	Good           uint64                              `json:"good"`
	Refused        uint64                              `json:"refused,omitempty"`
	Attacks        uint64                              `json:"attacks,omitempty"`
	Statuses       map[int]uint64                      `json:"statuses,omitempty"`
	First          string                              `json:"first,omitempty"`
	Last           string                              `json:"last,omitempty"`
	Listed         string                              `json:"listed,omitempty"`
	By             string                              `json:"by,omitempty"`
	Authentication map[discovery.Authentication]uint64 `json:"authentication,omitempty"`
	Exposure       map[discovery.Exposure]uint64       `json:"exposure,omitempty"`
	Callers        []caller                            `json:"callers,omitempty"`
	OtherCallers   uint64                              `json:"otherCallers,omitempty"`
	Subjects       uint64                              `json:"subjects,omitempty"`
	Upstreams      []*discovery.Downstream             `json:"upstreams,omitempty"`
	Drift          int                                 `json:"drift,omitempty"`
}

type parameter struct {
	In       string   `json:"in"`
	Name     string   `json:"name"`
	Type     string   `json:"type,omitempty"`
	Items    string   `json:"items,omitempty"`
	Format   string   `json:"format,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Presence float64  `json:"presence"`
	Required bool     `json:"required"`
	Classes  []string `json:"dataClasses,omitempty"`
}

type body struct {
	Status int            `json:"status,omitempty"`
	Media  string         `json:"media,omitempty"`
	Count  uint64         `json:"count"`
	Read   uint64         `json:"read"`
	Schema map[string]any `json:"schema,omitempty"`
}

type caller struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Requests uint64 `json:"requests"`
	First    string `json:"first,omitempty"`
	Last     string `json:"last,omitempty"`
}

// JSON writes the inventory with what was concluded of it.
func JSON(w io.Writer, ops []*discovery.Operation, o Options) error {
	ops = o.chosen(ops)
	doc := document{
		Version: 1, Made: day(o.Made), Operations: make([]operation, 0, len(ops)), Edges: o.Edges, Drift: o.Drift,
		Findings: make([]known, len(o.Findings)), Summary: o.summary(ops),
	}
	for i, f := range o.Findings {
		doc.Findings[i] = known{f, o.Known != nil && o.Known(f)}
	}
	drifts := o.drifts()
	for _, op := range ops {
		doc.Operations = append(doc.Operations, o.operation(op, drifts[op.Key]))
	}
	for _, k := range o.Orphans {
		doc.Operations = append(doc.Operations, operation{
			Key: k, State: []string{string(discovery.Orphan)}, Parameters: []parameter{}, DataClasses: []string{},
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(doc)
}

func (o *Options) drifts() map[discovery.Key]int {
	counts := map[discovery.Key]int{}
	for i := range o.Drift {
		counts[o.Drift[i].Key]++
	}
	return counts
}

func (o *Options) summary(ops []*discovery.Operation) summary {
	s := summary{
		Operations: len(ops) + len(o.Orphans), States: map[discovery.State]int{}, DataClasses: map[string]int{}, Drift: len(o.Drift),
		Findings: finding.Summarise(o.counting()),
	}
	s.Baseline = len(o.Findings) - len(o.counting())
	hosts := map[string]bool{}
	for _, op := range ops {
		hosts[op.Host] = true
		s.Requests += op.Requests
		for _, state := range o.States[op.Key] {
			s.States[state]++
		}
		for _, class := range classes(op) {
			s.DataClasses[class]++
		}
	}
	if len(o.Orphans) > 0 {
		s.States[discovery.Orphan] += len(o.Orphans)
	}
	s.Hosts = len(hosts)
	return s
}

func (o *Options) operation(op *discovery.Operation, drifts int) operation {
	out := operation{
		Key: op.Key, Protocol: op.Protocol, API: op.API, State: o.states(op.Key), Labels: o.Labels[op.Key],
		Parameters: []parameter{}, Bodies: o.bodies(op.Bodies), Answers: o.bodies(op.Answers), DataClasses: classes(op),
		Data: data(op), Requests: op.Requests, Good: op.Good, Refused: op.Refused, Attacks: op.Attacks, Statuses: op.Statuses,
		First: day(op.First), Last: day(op.Last), Listed: day(op.Listed), By: op.By, Authentication: op.Authentication,
		Exposure: op.Exposure, OtherCallers: op.OtherCallers, Subjects: op.Subjects.Estimate(), Upstreams: op.Services, Drift: drifts,
	}
	if score, scored := o.Scores[op.Key]; scored {
		out.Risk = &score
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, parameterOf(p, op.Sampled))
	}
	for _, c := range op.Callers {
		out.Callers = append(out.Callers, caller{c.Kind, c.Name, c.Requests, day(c.First), day(c.Last)})
	}
	return out
}

func parameterOf(p *discovery.Parameter, sampled uint64) parameter {
	out := parameter{
		In: p.In, Name: p.Name, Type: string(p.Values.Type()), Format: p.Values.Format(), Enum: p.Values.Enum(),
		Presence: share(p.Values.Count, sampled),
	}
	if p.In == "path" {
		out.Presence = 1
	}
	out.Required = out.Presence >= 1
	if out.Type == "array" {
		out.Items = string(p.Values.Items())
	}
	for _, c := range p.Values.Classes() {
		out.Classes = append(out.Classes, string(c))
	}
	return out
}

// share is a part of a whole with three digits; 1 where there is no whole.
func share(part, whole uint64) float64 {
	if part >= whole {
		return 1
	}
	return float64(part*1000/whole) / 1000
}

func (o *Options) bodies(all []*discovery.Body) []body {
	var out []body
	for _, b := range all {
		entry := body{Status: b.Status, Media: b.Media, Count: b.Count, Read: b.Read}
		if b.Schema != nil {
			entry.Schema = b.Schema.JSONSchema(o.Strictness)
		}
		out = append(out, entry)
	}
	return out
}
