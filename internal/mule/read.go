package mule

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/xmltext"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// ReadFiles reads a project from files in memory, by their names in the project.
func ReadFiles(name string, files map[string]string) (*Project, error) {
	w := &Workspace{limits: DefaultLimits()}
	s := &memory{dir: name, files: files}
	names, err := s.names(context.Background(), &w.limits, w.report)
	if err != nil {
		return nil, err
	}
	if len(w.problems) > 0 {
		return nil, fmt.Errorf("%q %s", w.problems[0].File, w.problems[0].Message)
	}
	slices.Sort(names)
	at := &place{store: s, dir: name, name: path.Base(name), names: names}
	p, err := w.read(context.Background(), at, nil)
	if err != nil {
		return nil, err
	}
	p.DomainName = p.domainName()
	p.finish()
	return p, nil
}

// FindFiles looks for projects among files in memory, by their names below a
// folder of a name: applications with their domain or libraries.
func FindFiles(name string, files map[string]string) (*Workspace, error) {
	w := &Workspace{limits: DefaultLimits()}
	s := &memory{dir: name, files: files}
	if err := w.search(context.Background(), s, s, false); err != nil {
		return nil, err
	}
	w.link()
	return w, nil
}

// projectReader reads the files of one project.
type projectReader struct {
	*Project
	limits *Limits
	store  store
	left   int64
	// old is the project that most files are taken of, as read; nil for none.
	old *Project
}

// read reads a project alone, without those that it uses.
func (w *Workspace) read(ctx context.Context, at *place, old *Project) (*Project, error) {
	r := projectReader{
		Project: &Project{Dir: at.dir, Files: make(map[string]*File, len(at.names)), workspace: w, at: at},
		limits:  &w.limits, store: at.store, left: w.limits.ProjectBytes, old: old,
	}
	if n, ok := at.store.(*nested); ok {
		a, err := n.open()
		if err != nil {
			return nil, err
		}
		r.store = a
	}
	if err := r.files(ctx, at); err != nil {
		return nil, err
	}
	if err := r.documents(ctx); err != nil {
		return nil, err
	}
	p := r.Project
	readArtifact(p)
	if own := p.pomFile(); own != nil {
		p.POM = readPOMs(w.pomFiles(own))[own]
	}
	p.classify(at)
	readProperties(p)
	readLogging(p)
	p.readFlows()
	if err := p.readScripts(ctx, old); err != nil {
		return nil, err
	}
	p.readAPIs()
	return p, nil
}

// files reads all files that somebody may look at.
func (r *projectReader) files(ctx context.Context, at *place) error {
	names := make([]string, len(at.names))
	for i, name := range at.names {
		names[i] = strings.TrimPrefix(name[len(at.root):], "/")
	}
	r.shape = shapeOf(names)
	if r.old != nil {
		r.shape = r.old.shape
	}
	if r.shape.maven {
		r.byClass = make(map[string]*File, len(names))
	}
	for i, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		want := wanted(name)
		if want == ignored {
			continue
		}
		if len(r.Files) >= r.limits.ProjectFiles {
			r.problem(Problem{Message: fmt.Sprintf("the project holds more than %d files; the rest was not read", r.limits.ProjectFiles)})
			return nil
		}
		if f := r.old.same(name, at.store); f != nil {
			r.Files[name] = f
			continue
		}
		f := &File{Name: name, Path: at.store.path(at.names[i]), Test: isTest(name), ClassPath: r.shape.classPathName(name)}
		if want == text {
			body, err := r.store.read(at.names[i], min(r.limits.FileBytes, r.left))
			if err != nil {
				why := reason(err)
				if errors.Is(err, errTooLarge) && r.left < r.limits.FileBytes {
					why = "the project holds too much text; the file was not read"
				}
				r.problem(Problem{File: name, Message: why})
				continue
			}
			if body == nil {
				body = []byte{}
			}
			f.Text = body
			r.left -= int64(len(body))
		}
		r.Files[name] = f
	}
	return nil
}

func (p *Project) problem(one Problem) {
	if len(p.Problems) < maxProblems {
		p.Problems = append(p.Problems, one)
	}
}

// sorted are the names of the files that fulfil a condition.
func (p *Project) sorted(condition func(*File) bool) []*File {
	var out []*File
	for _, f := range p.Files {
		if condition(f) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// documents reads the XML files.
func (r *projectReader) documents(ctx context.Context) error {
	for _, f := range r.sorted(func(f *File) bool { return strings.HasSuffix(f.Name, ".xml") && f.Text != nil }) {
		if err := ctx.Err(); err != nil {
			return err
		}
		mule := looksMule(f.Text)
		if !mule && !isDocument(f.Name) && (r.shape.maven || strings.Contains(f.Name, "exchange_modules/")) {
			continue
		}
		d, err := r.document(f)
		if err != nil {
			if !f.Test || mule {
				r.problem(xmlProblem(f, err))
			}
			continue
		}
		x := &XMLFile{File: f, Document: d}
		if isConfig(d.Root) {
			r.Configs = append(r.Configs, x)
		} else {
			r.Documents = append(r.Documents, x)
		}
	}
	return nil
}

// document reads an XML file, unless the old project has it.
func (r *projectReader) document(f *File) (*document.Document, error) {
	if d := r.old.documentOf(f); d != nil {
		return d, nil
	}
	return document.Read(f.Path, f.Text, r.limits.XML)
}

// isConfig says whether an element is the root of a file of flows and
// configurations.
func isConfig(root *document.Element) bool {
	return root.Is(coreSpace, "mule") || isDomain(root)
}

func isDomain(root *document.Element) bool {
	return root.Is(domainSpace, "mule-domain") || root.Is(oldDomainSpace, "mule-domain")
}

// xmlProblem says for people why an XML file was not read.
func xmlProblem(f *File, err error) Problem {
	out := Problem{File: f.Name, Message: err.Error()}
	var wrong *encoding.SyntaxError
	var much *encoding.LimitError
	switch {
	case errors.As(err, &wrong):
		out.Message = "the XML is broken: " + wrong.Err.Error()
		if errors.Is(err, xmltext.ErrEncoding) || errors.Is(err, xmltext.ErrDoctype) {
			out.Message = wrong.Err.Error() + "; the file was not read"
		}
		out.Line, out.Column = f.Position(wrong.Offset)
	case errors.As(err, &much):
		out.Message = fmt.Sprintf("the XML is beyond a limit (%s %d) and was not read", much.Limit, much.Max)
		out.Line, out.Column = f.Position(much.Offset)
	}
	return out
}

// pomFile is the Maven file of the project, nil for none.
func (p *Project) pomFile() *XMLFile {
	var packed *XMLFile
	for _, d := range p.Documents {
		switch {
		case d.Document.Root.Name.Local != "project":
		case d.Name == "pom.xml":
			return d
		case packed == nil && strings.HasPrefix(d.Name, "META-INF/maven/") && path.Base(d.Name) == "pom.xml":
			packed = d
		}
	}
	return packed
}

// domainName is the domain that the files of an application name, empty for none.
func (p *Project) domainName() string {
	if p.Kind == Domain {
		return ""
	}
	textIn := func(names ...string) []byte {
		for _, name := range names {
			if f := p.Files[name]; f != nil {
				return f.Text
			}
		}
		return nil
	}
	return domainOf(textIn("mule-artifact.json", "META-INF/mule-artifact/mule-artifact.json"),
		textIn("mule-deploy.properties", "src/main/app/mule-deploy.properties", "classes/mule-deploy.properties"))
}

// classify finds name, kind and major version.
func (p *Project) classify(at *place) {
	p.Name = at.name
	packaging := ""
	if p.POM != nil {
		packaging = p.POM.Packaging
		if p.POM.ArtifactID != "" {
			p.Name = p.POM.ArtifactID
		}
	}
	own := p.Files["mule-artifact.json"] != nil || p.Files["META-INF/mule-artifact/mule-artifact.json"] != nil ||
		p.Files["mule-project.xml"] != nil || slices.ContainsFunc(p.Configs, func(f *XMLFile) bool {
		return !f.Test && !strings.HasPrefix(f.Name, "src/main/resources/")
	})
	p.Kind = Application
	switch {
	case at.common:
		p.Kind = Common
	case packaging == "mule-domain", slices.ContainsFunc(p.Configs, func(f *XMLFile) bool { return !f.Test && isDomain(f.Document.Root) }):
		p.Kind = Domain
	case packaging == "mule-policy":
		p.Kind = Policy
	case packaging == "dw-library", packaging == "jar" && !own:
		p.Kind = Library
	}
	p.Major = p.major(packaging)
}

// major finds the major version of Mule: by the layout, else by what the files use.
func (p *Project) major(packaging string) int {
	switch {
	case p.Artifact != nil, packaging == "mule-application", packaging == "mule-policy", packaging == "dw-library":
		return 4
	case packaging == "mule", p.Files["mule-deploy.properties"] != nil:
		return 3
	}
	for name := range p.Files {
		if strings.HasPrefix(name, "src/main/mule/") {
			return 4
		}
	}
	for name := range p.Files {
		if strings.HasPrefix(name, "src/main/app/") || strings.HasPrefix(name, "src/main/domain/") {
			return 3
		}
	}
	four, three := 0, 0
	for _, f := range p.Configs {
		a, b := usesOf(f)
		four, three = four+a, three+b
	}
	if three > four {
		return 3
	}
	return 4
}

// usesOf counts elements and attributes that only Mule 4 or only Mule 3 has.
func usesOf(f *XMLFile) (four, three int) {
	if v := f.Document.Root.Value("version"); strings.HasPrefix(v, "EE-3") || strings.HasPrefix(v, "CE-3") || strings.HasPrefix(v, "3.") {
		three += 100
	}
	f.Document.Root.Walk(func(e *document.Element) bool {
		switch e.Name.Space {
		case muleSpaces + "ee/core", muleSpaces + "os", muleSpaces + "java", muleSpaces + "api-gateway", muleSpaces + "secure-properties":
			four++
			return true
		case muleSpaces + "ee/dw", muleSpaces + "api-platform-gw", muleSpaces + "cxf", muleSpaces + "quartz", oldSecureSpace, contextSpace,
			"http://www.springframework.org/schema/beans":
			three++
			return true
		}
		switch e.Name.Local {
		case "error-handler", "on-error-continue", "on-error-propagate", "listener-connection", "request-connection", "configuration-properties",
			"scheduler", "sql", "raise-error", "try", "body", "my-sql-connection", "generic-connection":
			four++
		case "catch-exception-strategy", "choice-exception-strategy", "rollback-exception-strategy", "exception-strategy", "set-session-variable",
			"set-property", "inbound-endpoint", "outbound-endpoint", "expression-component", "parameterized-query", "dynamic-query", "poll",
			"template-query", "message-filter", "object-to-string-transformer", "byte-array-to-string-transformer", "transformer", "request-builder":
			three++
		}
		return true
	})
	return four, three
}

// readScripts reads the DataWeave files of the class path and names the Java sources.
func (p *Project) readScripts(ctx context.Context, old *Project) error {
	p.Modules, p.Scripts = map[string]*Script{}, map[string]*Script{}
	if p.byClass == nil {
		p.byClass = make(map[string]*File, len(p.Files))
	}
	for _, f := range p.sorted(func(*File) bool { return true }) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasSuffix(f.Name, ".java") && !f.Test {
			if strings.HasPrefix(f.Name, "src/main/java/") || !p.shape.maven {
				p.Java = append(p.Java, f)
			}
			continue
		}
		if f.ClassPath == "" || p.byClass[f.ClassPath] != nil {
			continue
		}
		p.byClass[f.ClassPath] = f
		if module, ok := strings.CutSuffix(f.ClassPath, ".dwl"); ok && f.Text != nil {
			s := old.scriptOf(f, p.Major)
			if s == nil {
				s = &Script{File: f, Tree: parseScript(string(f.Text), p.scriptLanguage(f.Text))}
			}
			p.Scripts[f.ClassPath] = s
			p.Modules[strings.ReplaceAll(module, "/", "::")] = s
		}
	}
	return nil
}

// finish adds what libraries give, and makes names fast to find.
func (p *Project) finish() {
	for _, l := range p.Libraries {
		for name, s := range l.Modules {
			if p.Modules[name] == nil {
				p.Modules[name] = s
			}
		}
		for name, s := range l.Scripts {
			if p.Scripts[name] == nil {
				p.Scripts[name] = s
			}
		}
	}
	p.indexNames()
}
