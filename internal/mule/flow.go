package mule

import (
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

const (
	docSpace   = "http://www.mulesoft.org/schema/mule/documentation"
	batchSpace = "http://www.mulesoft.org/schema/mule/batch"
)

// readFlows finds flows and global elements.
func (p *Project) readFlows() {
	for _, f := range p.Configs {
		if f.Test {
			continue
		}
		for _, e := range f.Document.Root.Elements() {
			switch {
			case e.Is(coreSpace, "flow"), e.Is(coreSpace, "sub-flow"), e.Is(batchSpace, "job"):
				p.Flows = append(p.Flows, p.flow(f, e))
			default:
				p.Globals = append(p.Globals, e)
			}
		}
	}
}

func (p *Project) flow(f *XMLFile, e *document.Element) *Flow {
	out := &Flow{Name: e.Value("name"), File: f, Element: e, Sub: e.Name.Local == "sub-flow"}
	first := true
	for _, child := range e.Elements() {
		switch {
		case child.Name.Space == docSpace, child.Is(coreSpace, "description"), child.Is(coreSpace, "annotations"):
			continue
		case isErrorHandler(child):
			out.ErrorHandler = child
		case first && !out.Sub && isSource(child):
			out.Source = child
		default:
			out.Steps = append(out.Steps, child)
		}
		first = false
	}
	if e.Name.Space == batchSpace {
		if input := e.Child(batchSpace, "input").Elements(); len(input) > 0 && isSource(input[0]) {
			out.Source = input[0]
		}
		return out
	}
	if out.Source == nil && !out.Sub {
		out.Operation = operationOf(out.Name)
		out.Sub = p.Major == 3 && out.Operation == nil
	}
	return out
}

// isErrorHandler says whether an element directly in a flow handles its errors.
func isErrorHandler(e *document.Element) bool {
	return e.Name.Local == "error-handler" || e.Name.Local == "exception-strategy" || strings.HasSuffix(e.Name.Local, "-exception-strategy")
}

// isSource says whether the first element of a flow starts it. Extensions don't
// mark theirs, so this goes by how they are called.
func isSource(e *document.Element) bool {
	name := e.Name.Local
	switch name {
	case "listener", "scheduler", "poll", "inbound-endpoint", "composite-source", "subscriber", "source", "receivemessages", "receive-messages",
		"data-fetcher", "subscribe-topic", "replay-topic", "subscribe-channel", "replay-channel", "pubsub-subscribe":
		return true
	}
	for _, end := range [...]string{"-listener", "-inbound-endpoint", "-source", "-trigger", "-subscriber", "-poller"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.HasPrefix(name, "listener-") || strings.HasPrefix(name, "on-") && !strings.HasPrefix(name, "on-error") ||
		strings.HasPrefix(name, "poll-") || strings.HasPrefix(name, "subscribe-")
}

var methods = [...]string{"get", "put", "post", "delete", "patch", "head", "options", "trace"}

// operationOf reads the name that APIkit gives a flow, nil for any other name.
func operationOf(name string) *Operation {
	parts := strings.Split(name, ":")
	if len(parts) < 2 || !slices.Contains(methods[:], strings.ToLower(parts[0])) {
		return nil
	}
	if p := parts[1]; p == "" || p[0] != '\\' && p[0] != '/' {
		return nil
	}
	out := &Operation{Method: strings.ToUpper(parts[0])}
	rest := parts[2:]
	if n := len(rest); n > 0 && !strings.ContainsAny(rest[n-1], `\/`) {
		out.Config, rest = rest[n-1], rest[:n-1]
	}
	if n := len(rest); n > 0 {
		if kind := strings.ReplaceAll(rest[n-1], `\`, "/"); strings.Count(kind, "/") == 1 && kind[0] != '/' {
			out.MediaType, rest = kind, rest[:n-1]
		}
	}
	out.Path = strings.Join(append([]string{parts[1]}, rest...), ":")
	out.Path = strings.NewReplacer(`\`, "/", "(", "{", ")", "}").Replace(out.Path)
	return out
}

// indexNames makes flows and global elements fast to find by their names.
func (p *Project) indexNames() {
	p.flows, p.globals = make(map[string]*Flow, len(p.Flows)), make(map[string]*document.Element, len(p.Globals))
	for _, f := range p.Flows {
		if p.flows[f.Name] == nil {
			p.flows[f.Name] = f
		}
	}
	for _, e := range p.Globals {
		if name := e.Value("name"); name != "" && p.globals[name] == nil {
			p.globals[name] = e
		}
	}
	p.imports()
}

// imports adds the flows and configurations of files of libraries that the
// project imports. They are found by their names, but aren't among its own.
func (p *Project) imports() {
	seen := map[*XMLFile]bool{}
	queue := p.Globals
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		if !e.Is(coreSpace, "import") {
			continue
		}
		name := fileName(e.Value("file"))
		if f := p.byClass[name]; f != nil {
			continue // one of its own: read already
		}
		for _, l := range p.Libraries {
			i := slices.IndexFunc(l.Configs, func(f *XMLFile) bool { return f.ClassPath == name })
			if name == "" || i < 0 || seen[l.Configs[i]] {
				continue
			}
			seen[l.Configs[i]] = true
			for _, f := range l.Flows {
				if f.File == l.Configs[i] && p.flows[f.Name] == nil {
					p.flows[f.Name] = f
				}
			}
			for _, g := range l.Globals {
				if g.Document != l.Configs[i].Document {
					continue
				}
				queue = append(queue, g)
				if n := g.Value("name"); n != "" && p.globals[n] == nil {
					p.globals[n] = g
				}
			}
			break
		}
	}
}

// FlowNamed is the flow or sub-flow of a name, also one of a library whose file the
// project imports; nil where there is none.
func (p *Project) FlowNamed(name string) *Flow {
	if p.flows != nil {
		return p.flows[name]
	}
	for _, f := range p.Flows {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Global is the global element of a name, also one of the domain or of a file that
// the project imports; nil where there is none.
func (p *Project) Global(name string) *document.Element {
	if p == nil || name == "" {
		return nil
	}
	if e := p.globals[name]; e != nil {
		return e
	}
	if p.globals == nil {
		for _, e := range p.Globals {
			if e.Value("name") == name {
				return e
			}
		}
	}
	return p.Shared.Global(name)
}

// Config is the global element that an element names in config-ref, or in another
// attribute that ends so; nil where there is none.
func (p *Project) Config(e *document.Element) *document.Element {
	if e == nil {
		return nil
	}
	if a := e.Attr("config-ref"); a != nil {
		return p.Global(a.Value.Text)
	}
	for i := range e.Attrs {
		a := &e.Attrs[i]
		name := a.Name.Local
		if a.Name.Space == "" && (strings.HasSuffix(name, "-config-ref") || name == "configRef" || name == "connector-ref" || name == "config") {
			if g := p.Global(a.Value.Text); g != nil {
				return g
			}
		}
	}
	return nil
}

// Resource is the file that the class loader finds by a name, in the project, its
// libraries and its domain; "classpath:" before it and names of parts of Exchange
// as "resource::group:artifact:version:raml:zip:api.raml" are understood. It is nil
// where there is none.
func (p *Project) Resource(name string) *File {
	if p == nil {
		return nil
	}
	if rest, ok := strings.CutPrefix(strings.TrimSpace(name), "resource::"); ok {
		return p.exchange(rest)
	}
	name = fileName(name)
	if name == "" {
		return nil
	}
	if f := p.byClass[name]; f != nil {
		return f
	}
	if f := p.byClass["api/"+name]; f != nil && path.Ext(name) != ".dwl" {
		return f // Mule 3 and APIkit look there, too
	}
	for _, l := range p.Libraries {
		if f := l.byClass[name]; f != nil {
			return f
		}
	}
	return p.Shared.Resource(name)
}

// exchange finds a file of a part of Exchange that lies in the project.
func (p *Project) exchange(name string) *File {
	parts := strings.Split(name, ":")
	if len(parts) < 4 {
		return nil
	}
	inside := path.Join("exchange_modules", parts[0], parts[1], parts[2], fileName(parts[len(parts)-1]))
	for _, dir := range [...]string{"api", ""} {
		if f := p.byClass[path.Join(dir, inside)]; f != nil {
			return f
		}
	}
	return nil
}

// readAPIs finds the descriptions of APIs.
func (p *Project) readAPIs() {
	known := map[string]bool{}
	for _, e := range p.Globals {
		if e.Name.Local != "config" || !strings.HasPrefix(e.Name.Space, muleSpaces) ||
			!strings.HasSuffix(e.Name.Space, "/mule-apikit") && !strings.HasSuffix(e.Name.Space, "/apikit") && !strings.HasSuffix(e.Name.Space, "/apikit-soap") {
			continue
		}
		for _, attribute := range [...]string{"api", "raml", "wsdlLocation"} {
			if f := p.Resource(e.Value(attribute)); f != nil && p.Files[f.Name] == f {
				p.APIs = append(p.APIs, &API{File: f.Name, Config: e})
				known[f.Name] = true
				break
			}
		}
	}
	for _, f := range p.sorted(func(f *File) bool { return path.Dir(f.ClassPath) == "api" && describes(f) }) {
		if !known[f.Name] {
			p.APIs = append(p.APIs, &API{File: f.Name})
		}
	}
}

// describes says whether a file is the main file of a description.
func describes(f *File) bool {
	head := string(f.Text[:min(len(f.Text), 2000)])
	line, _, _ := strings.Cut(head, "\n")
	line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
	switch path.Ext(f.Name) {
	case ".raml":
		return line == "#%RAML 1.0" || line == "#%RAML 0.8"
	case ".yaml", ".yml":
		return strings.HasPrefix(head, "openapi:") || strings.HasPrefix(head, "swagger:") || strings.Contains(head, "\nopenapi:") || strings.Contains(head, "\nswagger:")
	case ".json":
		return strings.Contains(head, `"openapi"`) || strings.Contains(head, `"swagger"`)
	}
	return false
}
