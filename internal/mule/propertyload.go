package mule

import (
	"errors"
	"path"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// maxProperties bounds how many values a project may have.
const maxProperties = 100_000

// Namespaces of what loads properties.
const (
	coreSpace       = "http://www.mulesoft.org/schema/mule/core"
	secureSpace     = "http://www.mulesoft.org/schema/mule/secure-properties"
	oldSecureSpace  = "http://www.mulesoft.org/schema/mule/secure-property-placeholder"
	contextSpace    = "http://www.springframework.org/schema/context"
	beansSpace      = "http://www.springframework.org/schema/beans"
	oldSecureConfig = "config"
)

// loader is an element that loads property files.
type loader struct {
	element *document.Element
	// patterns are the names of files, with placeholders.
	patterns []string
	secure   bool
}

// loaderOf is what an element loads; ok is false for elements that load nothing.
func loaderOf(e *document.Element) (l loader, ok bool) {
	l.element = e
	attribute := "location"
	switch {
	case e.Is(coreSpace, "configuration-properties"):
		attribute = "file"
	case e.Is(secureSpace, "config"):
		attribute, l.secure = "file", true
	case e.Is(oldSecureSpace, oldSecureConfig):
		l.secure = true
	case e.Is(contextSpace, "property-placeholder"):
	case e.Is(beansSpace, "bean") && strings.HasSuffix(e.Value("class"), "PlaceholderConfigurer"):
		l.beanLocations(e)
		return l, true
	default:
		return l, false
	}
	l.add(e.Value(attribute))
	return l, true
}

// add adds the names of files in a list.
func (l *loader) add(list string) {
	for _, name := range strings.Split(list, ",") {
		if name = fileName(name); name != "" && len(l.patterns) < 50 {
			l.patterns = append(l.patterns, name)
		}
	}
}

// beanLocations adds what the properties location and locations of a bean say.
func (l *loader) beanLocations(bean *document.Element) {
	for _, property := range bean.Elements() {
		if name := property.Value("name"); name != "location" && name != "locations" {
			continue
		}
		l.add(property.Value("value"))
		property.Walk(func(e *document.Element) bool {
			if t := e.Content(); e.Is(beansSpace, "value") && t != nil {
				l.add(t.Value.Text)
			}
			return true
		})
	}
}

// fileName is the name of a resource without its scheme.
func fileName(name string) string {
	name = strings.TrimSpace(name)
	for _, scheme := range [...]string{"classpath*:", "classpath:", "file:"} {
		name = strings.TrimPrefix(name, scheme)
	}
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// loads says whether a pattern with placeholders stands for a file, and what the
// placeholders stand for then.
func loads(pattern, name string) (values []string, ok bool) {
	for {
		before, rest, found := strings.Cut(pattern, "${")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return values, pattern == name
		}
		if name, ok = strings.CutPrefix(name, before); !ok {
			return nil, false
		}
		// Up to the next literal, at least one character, inside one folder.
		next, _, more := strings.Cut(after, "${")
		end := len(name) - len(next)
		if more && next != "" {
			if end = strings.Index(name[min(1, len(name)):], next) + 1; end == 0 {
				return nil, false
			}
		} else if more {
			end = min(1, len(name)) // two placeholders in a row: the second has the rest
		}
		if end < 1 || strings.Contains(name[:end], "/") {
			return nil, false
		}
		values = append(values, name[:end])
		name, pattern = name[end:], after
	}
}

// readProperties finds the values that placeholders may stand for.
func readProperties(p *Project) {
	r := propertyReader{project: p, out: &Properties{byName: map[string][]*Property{}}}
	for _, f := range p.Configs {
		if f.Document != nil {
			f.Document.Root.Walk(func(e *document.Element) bool {
				r.element(f, e)
				// What loads stands in the root, or in the spring:beans of Mule 3.
				return e.Parent == nil || e.Name.Local == "beans"
			})
		}
	}
	var names []string
	for name, f := range p.Files {
		if isPropertyFile(f) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		r.file(p.Files[name])
	}
	for _, one := range r.out.All {
		r.out.byName[one.Name] = append(r.out.byName[one.Name], one)
	}
	p.Properties = r.out
}

// isPropertyFile tells the files that may hold properties; what else is written in
// YAML, such as API descriptions, is found by its content or place.
func isPropertyFile(f *File) bool {
	base := strings.ToLower(path.Base(f.Name))
	switch path.Ext(base) {
	case ".properties":
		return !strings.HasPrefix(base, "log4j") && !strings.HasPrefix(f.Name, ".mvn/") && base != "mule-deploy.properties" &&
			base != "pom.properties" && base != "maven-wrapper.properties"
	case ".yaml", ".yml":
		return f.ClassPath != "" && !strings.HasPrefix(f.ClassPath, "api/") && !strings.Contains(f.Name, "exchange_modules/")
	}
	return false
}

type propertyReader struct {
	project *Project
	loaders []loader
	out     *Properties
}

// element notes what loads, and the defaults that stand in elements.
func (r *propertyReader) element(f *XMLFile, e *document.Element) {
	if l, ok := loaderOf(e); ok {
		r.loaders = append(r.loaders, l)
	}
	if !e.Is(coreSpace, "global-property") || len(r.out.All) >= maxProperties {
		return
	}
	name, value := e.Attr("name"), e.Attr("value")
	if name == nil || value == nil {
		return
	}
	r.out.All = append(r.out.All, &Property{
		Name: name.Value.Text, Value: value.Value.Text, File: f.File, Global: true, Loaded: true, Config: e,
		NameOffset: name.Value.Span.Start, Offset: value.Value.Span.Start, End: value.Value.Span.End,
	})
}

func (r *propertyReader) file(f *File) {
	config, environment, loaded := r.loaderFor(f)
	entries, problem := r.entries(f, loaded)
	if problem != nil {
		r.project.Problems = append(r.project.Problems, *problem)
	}
	if environment == "" {
		environment = environmentOf(f.Name)
	}
	for _, e := range entries {
		if len(r.out.All) >= maxProperties {
			r.project.Problems = append(r.project.Problems, Problem{File: f.Name, Message: "the project has too many properties; the rest was not read"})
			return
		}
		r.out.All = append(r.out.All, &Property{
			Name: e.name, Value: e.value, File: f, NameOffset: e.nameAt, Offset: e.start, End: e.end,
			Environment: environment, Secure: config.secure, Loaded: loaded, Config: config.element,
		})
	}
}

func (r *propertyReader) entries(f *File, loaded bool) ([]entry, *Problem) {
	if strings.EqualFold(path.Ext(f.Name), ".properties") {
		entries, all := readEntries(f.Text)
		if !all {
			return entries, &Problem{File: f.Name, Message: "the file has too many properties; the rest was not read"}
		}
		return entries, nil
	}
	entries, err := readYAMLEntries(f)
	if !loaded && (err != nil || describesAPI(entries)) {
		return nil, nil
	}
	if wrong := (*tree.Error)(nil); errors.As(err, &wrong) {
		problem := treeProblem(f, err)
		return entries, &problem
	}
	return entries, nil
}

// describesAPI tells YAML of other languages by what stands at its top.
func describesAPI(entries []entry) bool {
	for _, e := range entries[:min(len(entries), 40)] {
		switch e.name {
		case "openapi", "swagger", "asyncapi", "apiVersion", "_format_version":
			return true
		}
	}
	return false
}

// loaderFor is what loads a file and the environment that the placeholders in its
// name stand for. A secure configuration counts before others.
func (r *propertyReader) loaderFor(f *File) (config loader, environment string, loaded bool) {
	names := []string{f.ClassPath, f.Name}
	for i := range r.loaders {
		l := &r.loaders[i]
		if loaded && (config.secure || !l.secure) {
			continue
		}
		for _, pattern := range l.patterns {
			values, ok := fits(pattern, names)
			if !ok {
				continue
			}
			config, loaded = *l, true
			if len(values) > 0 {
				environment = values[0]
			}
			break
		}
	}
	return config, environment, loaded || path.Base(f.Name) == "mule-app.properties"
}

func fits(pattern string, names []string) ([]string, bool) {
	for _, name := range names {
		if name == "" {
			continue
		}
		if values, ok := loads(pattern, name); ok {
			return values, true
		}
	}
	return nil, false
}

// environmentOf guesses what environment a file is for by the words of its name or
// of its folder, as in "config-dev.yaml" and "prod/app.properties".
func environmentOf(name string) string {
	dir, base := path.Split(name)
	words := strings.FieldsFunc(strings.TrimSuffix(base, path.Ext(base)), func(c rune) bool { return strings.ContainsRune("-_. ", c) })
	slices.Reverse(words)
	for _, word := range append(words, path.Base(dir)) {
		switch word = strings.ToLower(word); word {
		case "local", "dev", "develop", "development", "sandbox", "sbx", "ci", "test", "tst", "qa", "qat", "sit", "int", "uat",
			"stage", "staging", "stg", "preprod", "ppd", "perf", "prod", "prd", "production", "live", "dr":
			if word != "test" || !strings.HasPrefix(name, "src/test/") || path.Base(dir) != word {
				return word
			}
		}
	}
	return ""
}
