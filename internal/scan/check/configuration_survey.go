package check

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// Namespaces that checks of configurations look for.
const (
	spaceCore   = "http://www.mulesoft.org/schema/mule/core"
	spaceEE     = "http://www.mulesoft.org/schema/mule/ee/core"
	spaceHTTP   = "http://www.mulesoft.org/schema/mule/http"
	spaceTLS    = "http://www.mulesoft.org/schema/mule/tls"
	spaceAPIkit = "http://www.mulesoft.org/schema/mule/mule-apikit"
	spaceDB     = "http://www.mulesoft.org/schema/mule/db"
	spaceMCP    = "http://www.mulesoft.org/schema/mule/mcp"
	spaceA2A    = "http://www.mulesoft.org/schema/mule/a2a"
	spaceWSC    = "http://www.mulesoft.org/schema/mule/wsc"
)

// survey looks at the configurations of a project: its elements outside tests, and
// the values that their placeholders stand for.
type survey struct {
	*Context
	*Memory
}

// Memory is what checks of one project found out, for those that follow. The zero
// value is empty; it is used by one goroutine.
type Memory struct {
	files      map[*document.Document]*mule.XMLFile
	referenced map[string]bool
	described  []*described
	read       bool
	secrets    map[*document.Attr]string
	given      map[string]bool
}

func surveyOf(c *Context) *survey {
	if c.Memory == nil {
		return &survey{c, &Memory{}}
	}
	return &survey{c, c.Memory}
}

// each visits the elements of the configurations that are deployed.
func (s *survey) each(visit func(f *mule.XMLFile, e *document.Element)) {
	for _, f := range s.Project.Configs {
		if f.Test || s.Err() != nil {
			continue
		}
		f.Document.Root.Walk(func(e *document.Element) bool {
			visit(f, e)
			return true
		})
	}
}

// file is the file of the project, of its domain or of a library that an element
// stands in; nil where it is none of them.
func (s *survey) file(e *document.Element) *mule.XMLFile {
	if s.files == nil {
		s.files = map[*document.Document]*mule.XMLFile{}
		for _, p := range append([]*mule.Project{s.Project, s.Project.Shared}, s.Project.Libraries...) {
			if p == nil {
				continue
			}
			for _, f := range p.Configs {
				s.files[f.Document] = f
			}
		}
	}
	return s.files[e.Document]
}

// setting is a value that a configuration may have, and the environment that it
// has it in; empty for all.
type setting struct{ text, environment string }

const (
	maxSettings        = 16
	maxPlaceholderNest = 4
)

// settings are the values that a text may stand for; none where a placeholder is
// not known, or it is an expression.
func (s *survey) settings(text string) []setting {
	return s.expand([]setting{{text: strings.TrimSpace(text)}}, 0)
}

func (s *survey) expand(all []setting, depth int) []setting {
	var out []setting
	for _, one := range all {
		if strings.Contains(one.text, "#[") {
			continue
		}
		start := strings.Index(one.text, "${")
		if start < 0 {
			out = append(out, one)
			continue
		}
		length := strings.IndexByte(one.text[start:], '}')
		if length < 0 || depth >= maxPlaceholderNest {
			continue
		}
		name, fallback, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(one.text[start+2:start+length]), "secure::"), ":")
		var next []setting
		for _, p := range s.Project.Properties.Named(name) {
			if p.File == nil || !p.File.Test {
				environment := p.Environment
				if environment == "" {
					environment = one.environment
				}
				next = append(next, setting{one.text[:start] + strings.TrimSpace(p.Value) + one.text[start+length+1:], environment})
			}
		}
		if len(next) == 0 && fallback != "" {
			next = append(next, setting{one.text[:start] + fallback + one.text[start+length+1:], one.environment})
		}
		out = append(out, s.expand(next[:min(len(next), maxSettings)], depth+1)...)
	}
	return out[:min(len(out), maxSettings)]
}

// verdict says where something holds.
type verdict uint8

// The verdicts: nowhere; only in environments for development and tests; where the
// application is run.
const (
	nowhere verdict = iota
	elsewhere
	deployed
)

// where says where a value fulfils a condition. A value of production counts
// before those for every environment.
func (s *survey) where(text string, holds func(string) bool) verdict {
	all := s.settings(text)
	production := slices.ContainsFunc(all, func(v setting) bool { return isProduction(v.environment) })
	found := nowhere
	for _, v := range all {
		if !holds(v.text) {
			continue
		}
		found = max(found, elsewhere)
		if isProduction(v.environment) || v.environment == "" && !production {
			return deployed
		}
	}
	return found
}

// every says whether all known values fulfil a condition, of which there is one.
func (s *survey) every(text string, holds func(string) bool) bool {
	all := s.settings(text)
	return len(all) > 0 && !slices.ContainsFunc(all, func(v setting) bool { return !holds(v.text) })
}

func isProduction(environment string) bool {
	switch environment {
	case "prod", "prd", "production", "live", "dr":
		return true
	}
	return false
}

// production says whether something shows that the application is run in
// production: a property file for it, or a deployment to it.
func (s *survey) production() bool {
	if s.Project.Properties != nil && slices.ContainsFunc(s.Project.Properties.All, func(p *mule.Property) bool { return isProduction(p.Environment) }) {
		return true
	}
	found := false
	if pom := s.Project.POM; pom != nil {
		pom.Deployment.Walk(func(e *document.Element) bool {
			if t := e.Content(); e.Name.Local == "environment" && t != nil {
				found = found || strings.Contains(strings.ToLower(t.Value.Text), "prod")
			}
			return true
		})
	}
	return found
}

// refersTo says whether anything in the project refers to a configuration.
func (s *survey) refersTo(name string) bool {
	if s.referenced == nil {
		s.referenced = map[string]bool{}
		s.each(func(_ *mule.XMLFile, e *document.Element) {
			for i := range e.Attrs {
				a := &e.Attrs[i]
				if isReference(a.Name.Local) {
					s.referenced[a.Value.Text] = true
				}
			}
		})
	}
	return s.referenced[name]
}

// isReference says whether attributes of a name refer to configurations.
func isReference(name string) bool {
	return strings.HasSuffix(name, "-ref") || strings.HasSuffix(name, "Ref") || strings.HasSuffix(name, "onfig") || strings.HasSuffix(name, "Context")
}

var loopbackHost = regexp.MustCompile(`^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|host\.docker\.internal)$`)

func isLoopback(host string) bool { return loopbackHost.MatchString(strings.ToLower(host)) }

// insideHost are hosts that only a cluster or a test knows.
var insideHost = regexp.MustCompile(`(?i)(^|\.)(svc|local|internal|test|invalid|localdomain)$|\.svc\.|mock|wiremock|stub`)

func isInside(host string) bool { return isLoopback(host) || insideHost.MatchString(host) }

// hostOf is the host of an address with a scheme, empty where there is none.
func hostOf(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#;"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if strings.HasPrefix(rest, "[") {
		return rest[:strings.IndexByte(rest+"]", ']')] + "]"
	}
	host, _, _ := strings.Cut(rest, ":")
	return host
}

// namedContext is the attribute that names a TLS context, nil for none. It has
// another name in Mule 3.
func namedContext(e *document.Element) *document.Attr {
	if a := e.Attr("tlsContext"); a != nil {
		return a
	}
	return e.Attr("tlsContext-ref")
}

// sortedKeys are the keys of a map in order.
func sortedKeys[T any](m map[string]T) []string {
	return slices.Sorted(maps.Keys(m))
}
