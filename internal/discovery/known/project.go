package known

import (
	"archive/zip"
	"bytes"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// Project is what a Mule project says of its APIs: one for each configuration of
// APIkit, with its description, and one for the listeners that no router is behind.
func Project(p *mule.Project) []discovery.Described {
	r := reading{p: p}
	var out []discovery.Described
	for _, api := range p.APIs {
		d := discovery.Described{Name: p.Dir + ": " + path.Base(api.File), Origin: project, Document: r.document(api.File)}
		if d.Document != nil && d.Document.Description != nil {
			d.Version = d.Document.Description.Version
		}
		if api.Config != nil {
			config := api.Config.Value("name")
			d.BasePaths = r.bases(config)
			d.Flows = r.routed(config, len(p.APIs) == 1)
		}
		out = append(out, d)
	}
	if flows := r.plain(); len(flows) > 0 {
		out = append(out, discovery.Described{Name: p.Dir, Origin: project, BasePaths: []string{""}, Flows: flows})
	}
	return out
}

// LabelProject is the label of an ApiInstance that names the project behind it.
const LabelProject = "farrier/project"

// Served are the descriptions of a project as the instances of a revision serve them:
// those that name the project by a label, or else have the base path of its router. Where
// there are none, or no revision, they stay as they are.
func Served(rev *revision.Revision, name string, described []discovery.Described) []discovery.Described {
	var out []discovery.Described
	for _, d := range described {
		found := false
		for i := range serving(rev) {
			api := &rev.APIs[i]
			label := api.Labels[LabelProject]
			if label != name && (label != "" || api.BasePath == "" || !slices.Contains(d.BasePaths, api.BasePath)) {
				continue
			}
			served := d
			served.API, served.BasePaths = api.Name.String(), Below(api.BasePath, d.Document)
			found, out = true, append(out, served)
		}
		if !found {
			out = append(out, d)
		}
	}
	return out
}

func serving(rev *revision.Revision) []revision.API {
	if rev == nil {
		return nil
	}
	return rev.APIs
}

// reading is one project, being read.
type reading struct {
	p   *mule.Project
	zip []byte
}

// document reads a description of the project.
func (r *reading) document(file string) *spec.Document {
	if r.zip == nil {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, f := range r.p.Files {
			if !describing(name) {
				continue
			}
			// Writing into memory never fails.
			if entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store}); err == nil {
				_, _ = entry.Write(f.Text)
			}
		}
		_ = w.Close()
		r.zip = b.Bytes()
	}
	files, err := spec.OpenZip(r.zip, spec.ProjectLimits{Document: tree.Options{Lenient: true}})
	if err != nil {
		return &spec.Document{File: file, Problems: []spec.Problem{{File: file, Rule: "unreadable", Message: err.Error()}}}
	}
	return languages.Read(files, file)
}

// describing says whether a file may be part of a description.
func describing(name string) bool {
	switch path.Ext(name) {
	case ".raml", ".yaml", ".yml", ".json", ".wsdl", ".xsd", ".graphql", ".xml", ".md", ".txt":
		return !strings.HasPrefix(name, "target/")
	}
	return false
}

// value is a text with its placeholders filled by the first property of each name.
func (r *reading) value(text string) string {
	const most = 20 // a property may name another, in circles
	for range most {
		start := strings.Index(text, "${")
		if start < 0 {
			return text
		}
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return text
		}
		name := strings.TrimPrefix(text[start+2:start+end], "secure::")
		filled := ""
		if all := r.p.Properties.Named(name); len(all) > 0 {
			filled = all[0].Value
		}
		text = text[:start] + filled + text[start+end+1:]
	}
	return text
}

// listener gives the path of an HTTP listener with the base path of its configuration;
// ok is false for other sources.
func (r *reading) listener(source *document.Element) (at string, ok bool) {
	if source == nil || source.Name.Local != "listener" || !strings.HasSuffix(source.Name.Space, "/http") {
		return "", false
	}
	base := ""
	if config := r.p.Config(source); config != nil {
		base = r.value(config.Value("basePath"))
	}
	return "/" + strings.TrimPrefix(path.Join(base, r.value(source.Value("path"))), "/"), true
}

// bases are the base paths of the routers with a configuration: the paths of their
// listeners without the star at the end.
func (r *reading) bases(config string) []string {
	var out []string
	for _, f := range r.p.Flows {
		at, ok := r.listener(f.Source)
		if !ok || !routes(f, config) {
			continue
		}
		out = append(out, joined(strings.TrimSuffix(at, "*")))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// routes says whether a flow holds a router; with an empty configuration any counts.
func routes(f *mule.Flow, config string) bool {
	found := false
	f.Element.Walk(func(e *document.Element) bool {
		if strings.Contains(e.Name.Space, "apikit") && e.Name.Local == "router" && (config == "" || e.Value("config-ref") == config) {
			found = true
		}
		return !found
	})
	return found
}

// routed are the flows that a router with the configuration calls.
func (r *reading) routed(config string, only bool) []discovery.Flow {
	var out []discovery.Flow
	for _, f := range r.p.Flows {
		op := f.Operation
		if op == nil || op.Config != config && (op.Config != "" || !only) {
			continue
		}
		out = append(out, r.flow(f, op.Method, op.Path))
	}
	return out
}

// plain are the flows with a listener that no router is behind.
func (r *reading) plain() []discovery.Flow {
	var out []discovery.Flow
	for _, f := range r.p.Flows {
		at, ok := r.listener(f.Source)
		if !ok || routes(f, "") || strings.HasSuffix(at, "*") || console(f) {
			continue
		}
		methods := strings.FieldsFunc(r.value(f.Source.Value("allowedMethods")), func(c rune) bool { return c == ',' || c == ' ' })
		if len(methods) == 0 {
			methods = []string{""}
		}
		for _, m := range methods {
			out = append(out, r.flow(f, strings.ToUpper(m), at))
		}
	}
	return out
}

// console says whether a flow is the console of APIkit.
func console(f *mule.Flow) bool {
	return slices.ContainsFunc(f.Steps, func(e *document.Element) bool {
		return strings.Contains(e.Name.Space, "apikit") && e.Name.Local == "console"
	})
}

func (r *reading) flow(f *mule.Flow, method, at string) discovery.Flow {
	line, _ := f.File.Position(f.Element.Tag.Start)
	return discovery.Flow{
		Name: f.Name, File: path.Join(r.p.Dir, f.File.Name), Line: line, Method: method, Path: at, Upstreams: r.upstreams(f),
	}
}

// maxDepth bounds how deep flows refer to one another.
const maxDepth = 20

// upstreams are the addresses that a flow requests, itself or by flows that it refers to.
func (r *reading) upstreams(f *mule.Flow) []string {
	var out []string
	seen := map[*mule.Flow]bool{}
	var visit func(f *mule.Flow, depth int)
	visit = func(f *mule.Flow, depth int) {
		if f == nil || seen[f] || depth > maxDepth {
			return
		}
		seen[f] = true
		f.Element.Walk(func(e *document.Element) bool {
			switch {
			case e.Name.Local == "flow-ref":
				visit(r.p.FlowNamed(e.Value("name")), depth+1)
			case e.Name.Local == "request" && strings.HasSuffix(e.Name.Space, "/http"):
				if at := r.requested(e); at != "" {
					out = append(out, at)
				}
			}
			return true
		})
	}
	visit(f, 0)
	slices.Sort(out)
	return slices.Compact(out)
}

// requested is the host and port that a request goes to, as far as it is written down.
func (r *reading) requested(e *document.Element) string {
	if url := r.value(e.Value("url")); strings.Contains(url, "://") && !strings.Contains(url, "#[") {
		_, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	config := r.p.Config(e)
	if config == nil {
		return ""
	}
	for _, child := range config.Elements() {
		if child.Name.Local != "request-connection" {
			continue
		}
		host, port := r.value(child.Value("host")), r.value(child.Value("port"))
		if host == "" || strings.Contains(host, "#[") {
			return ""
		}
		if port != "" {
			host += ":" + port
		}
		return host
	}
	return ""
}
