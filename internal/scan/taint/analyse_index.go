package taint

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// index finds flows, files and operations of modules, in the project first and in
// what it uses then.
func (r *run) index(p *mule.Project) {
	r.java = &javaSources{files: p.Java}
	for _, q := range r.projects() {
		for _, f := range q.Configs {
			if f.Test || f.Document == nil {
				continue
			}
			r.files[f.Document] = f
			r.indexModule(f.Document.Root)
			for _, e := range f.Document.Root.Elements() {
				if made := r.policy(f, e); made != nil && q == p {
					r.policies = append(r.policies, made)
				}
			}
		}
		for _, f := range q.Documents {
			if !f.Test && f.Document != nil && f.Document.Root.Name.Local == "module" {
				r.files[f.Document] = f
				r.indexModule(f.Document.Root)
			}
		}
		for _, f := range q.Flows {
			if _, ok := r.flows[f.Name]; !ok {
				r.flows[f.Name] = f
			}
		}
	}
	for _, f := range p.Configs {
		if !f.Test && f.Document != nil {
			f.Document.Root.Walk(func(e *document.Element) bool {
				if !isQueue(e.Name.Space) {
					return true
				}
				if d := destinationOf(e); d != "" && isPublish(e) {
					r.served[queueKey(e, d)] = true
				} else if d != "" {
					r.heard[queueKey(e, d)] = true
				}
				return true
			})
		}
	}
}

// indexModule finds the operations of an XML SDK module.
func (r *run) indexModule(root *document.Element) {
	if root == nil || root.Name.Local != "module" {
		return
	}
	space := root.Value("namespace")
	if space == "" {
		space = base + strings.ToLower(strings.ReplaceAll(root.Value("name"), " ", "-"))
	}
	for _, op := range root.Elements() {
		if op.Name.Local == "operation" && op.Value("name") != "" {
			if r.operations == nil {
				r.operations = map[document.Name]*document.Element{}
			}
			r.operations[document.Name{Space: space, Local: op.Value("name")}] = op
		}
	}
}

// projects are the project, its domain and its libraries.
func (r *run) projects() []*mule.Project {
	all := []*mule.Project{r.project}
	if r.project.Shared != nil {
		all = append(all, r.project.Shared)
	}
	return append(all, r.project.Libraries...)
}

// policy is the flow that a custom policy runs for each request; nil for any other
// element.
func (r *run) policy(f *mule.XMLFile, e *document.Element) *mule.Flow {
	source := e.Child(nsPolicy, "source")
	if !e.Is(nsPolicy, "proxy") || source == nil {
		return nil
	}
	return &mule.Flow{Name: e.Value("name"), File: f, Element: e, Source: source, Steps: source.Elements()}
}
