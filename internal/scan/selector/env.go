package selector

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// Env is one project as selectors see it, with what was looked up in it. It is used
// by one goroutine.
type Env struct {
	Project *mule.Project
	// Exhausted says that selectors took more steps than they may, so that some
	// chose nothing.
	Exhausted bool

	steps    int
	globals  map[string]*document.Element
	elements map[document.Name][]*document.Element
}

// maxSteps bounds the work of all selectors on one project.
const maxSteps = 5_000_000

// NewEnv makes the environment of a project.
func NewEnv(p *mule.Project) *Env { return &Env{Project: p, steps: maxSteps} }

// spend takes one step and says whether there was one left.
func (v *Env) spend() bool {
	if v.steps <= 0 {
		v.Exhausted = true
		return false
	}
	v.steps--
	return true
}

// global is the configuration of a name, also that of the domain.
func (v *Env) global(name string) *document.Element {
	if name == "" {
		return nil
	}
	if v.globals == nil {
		v.globals = map[string]*document.Element{}
		for p := v.Project; p != nil && len(v.globals) < 100_000; p = p.Shared {
			for _, e := range p.Globals {
				if own := e.Value("name"); own != "" && v.globals[own] == nil {
					v.globals[own] = e
				}
			}
			if p.Shared == v.Project {
				break
			}
		}
	}
	return v.globals[name]
}

// all are the elements of a name in the configurations of the project, tests left
// out.
func (v *Env) all(name document.Name) []*document.Element {
	if v.elements == nil {
		v.elements = map[document.Name][]*document.Element{}
		for _, f := range v.Project.Configs {
			if f.Test {
				continue
			}
			f.Document.Root.Walk(func(e *document.Element) bool {
				v.elements[e.Name] = append(v.elements[e.Name], e)
				return true
			})
		}
	}
	return v.elements[name]
}

// The bounds of what placeholders may stand for.
const (
	maxValues = 32
	maxNested = 4
)

// Values are all values, at most 32, that a text may have once its placeholders are
// replaced; a placeholder that nothing is known of stays as it is.
func (v *Env) Values(s string) []string { return v.values(s, 0) }

// values are all values that a text may have once its placeholders are replaced; a
// placeholder that nothing is known of stays as it is.
func (v *Env) values(s string, depth int) []string {
	start := strings.Index(s, "${")
	if start < 0 || depth > maxNested {
		return []string{s}
	}
	length := strings.IndexByte(s[start:], '}')
	if length < 0 {
		return []string{s}
	}
	before, behind := s[:start], s[start+length+1:]
	known := v.property(s[start+2:start+length], depth)
	if known == nil {
		known = []string{s[start : start+length+1]}
	}
	var out []string
	for _, rest := range v.values(behind, depth) {
		for _, value := range known {
			if len(out) < maxValues {
				out = append(out, before+value+rest)
			}
		}
	}
	return out
}

// property are the values of a placeholder, nil for none.
func (v *Env) property(name string, depth int) []string {
	name = strings.TrimSpace(name)
	if strings.HasPrefix(name, "file::") {
		return nil
	}
	name = strings.TrimPrefix(name, "secure::")
	var out []string
	seen := map[string]bool{}
	add := func(s string) {
		for _, value := range v.values(s, depth+1) {
			if !seen[value] && len(out) < maxValues {
				seen[value] = true
				out = append(out, value)
			}
		}
	}
	for _, p := range v.Project.Properties.Named(name) {
		add(p.Value)
	}
	if before, otherwise, found := strings.Cut(name, ":"); found && len(out) == 0 {
		for _, p := range v.Project.Properties.Named(before) {
			add(p.Value)
		}
		add(otherwise)
	}
	return out
}
