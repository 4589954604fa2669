package scan

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/selector"
)

// served are the APIs of a project: the flows with an HTTP listener, and what
// autodiscovery and APIkit say of them.
func served(env *selector.Env, p *mule.Project) []ServedAPI {
	var out []ServedAPI
	prefixes := selector.Prefixes()
	for _, flow := range p.Flows {
		if flow.Source == nil || !flow.Source.Is(prefixes["http"], "listener") {
			continue
		}
		api := ServedAPI{Flow: flow.Name, BasePath: resolved(env, flow.Source.Value("path"))}
		for _, g := range p.Globals {
			if g.Is(prefixes["api-gateway"], "autodiscovery") && g.Value("flowRef") == flow.Name {
				api.ID = resolved(env, g.Value("apiId"))
			}
		}
		config := routed(flow, prefixes["apikit"])
		if config == "" {
			appendAPI(&out, api)
			continue
		}
		for _, description := range p.APIs {
			if description.Config.Value("name") == config {
				api.File = description.File
			}
		}
		for _, f := range p.Flows {
			if o := f.Operation; o != nil && (o.Config == config || o.Config == "") {
				api.Operations = append(api.Operations, strings.ToUpper(o.Method)+" "+o.Path)
			}
		}
		appendAPI(&out, api)
	}
	return out
}

// maxServed bounds the APIs that are told of one project.
const maxServed = 500

func appendAPI(out *[]ServedAPI, api ServedAPI) {
	if len(*out) < maxServed {
		*out = append(*out, api)
	}
}

// routed is the configuration of the APIkit router of a flow, empty for none.
func routed(f *mule.Flow, apikit string) string {
	config := ""
	f.Element.Walk(func(e *document.Element) bool {
		if e.Is(apikit, "router") && config == "" {
			config = e.Value("config-ref")
		}
		return true
	})
	return config
}

// resolved is a value with its placeholders replaced where just one value is known,
// otherwise as it is written.
func resolved(env *selector.Env, s string) string {
	if values := env.Values(s); len(values) == 1 {
		return values[0]
	}
	return s
}

// maxDiagrams and maxNodes bound the diagrams of one project.
const (
	maxDiagrams = 200
	maxNodes    = 300
)

// diagrams are the flows that the ways of findings lead through.
func (j *judge) diagrams() []Diagram {
	passed := map[*document.Element]bool{}
	for _, r := range j.found {
		for _, step := range r.Way {
			e := step.At.Element
			for e != nil && e.Parent != nil && e.Parent.Parent != nil {
				e = e.Parent
			}
			passed[e] = true
		}
	}
	var out []Diagram
	for _, flow := range j.project.Flows {
		if passed[flow.Element] && len(out) < maxDiagrams {
			out = append(out, j.diagram(flow))
		}
	}
	return out
}

func (j *judge) diagram(flow *mule.Flow) Diagram {
	line := func(at int) int { return j.places.position(flow.File.File, at).Line }
	out := Diagram{Name: flow.Name, File: flow.File.Path, Line: line(flow.Element.Whole.Start), EndLine: line(flow.Element.Whole.End)}
	var add func(e *document.Element, depth int)
	add = func(e *document.Element, depth int) {
		for _, child := range e.Elements() {
			if len(out.Nodes) >= maxNodes {
				return
			}
			label := written(child)
			if own := given(child); own != "" && own != flow.Name {
				label += " " + cut(own, maxShown)
			}
			out.Nodes = append(out.Nodes, Node{Label: label, Line: line(child.Whole.Start), EndLine: line(child.Whole.End), Depth: depth})
			if holds(child) {
				add(child, depth+1)
			}
		}
	}
	add(flow.Element, 0)
	return out
}

// holds says whether an element holds message processors.
func holds(e *document.Element) bool {
	switch e.Name.Local {
	case "choice", "when", "otherwise", "scatter-gather", "route", "foreach", "parallel-foreach", "async", "try", "until-successful",
		"first-successful", "round-robin", "cache", "job", "process-records", "step", "aggregator", "on-complete",
		"error-handler", "on-error-continue", "on-error-propagate", "choice-exception-strategy", "catch-exception-strategy":
		return true
	}
	return false
}
