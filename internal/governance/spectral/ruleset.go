package spectral

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"farrier.dev/farrier/internal/encoding/tree"
)

// Ruleset is a ruleset that was loaded. It is safe for concurrent use.
type Ruleset struct {
	definition *definition
	file       string
	limits     Limits
	base       *ruleset
	// engine is nil where no rule runs JavaScript.
	engine *engine
	// mu guards what follows.
	mu sync.Mutex
	// paths are all that rules may select by, compiled.
	paths map[string]*jsonPath
	// overridden are the rulesets for files with overrides, by those that apply.
	overridden map[string]*ruleset
	// wandering are rules whose functions ask for the path.
	wandering map[string]bool
}

// compile builds a definition and reads the paths of its rules.
func (r *Ruleset) compile(d *definition) (*ruleset, error) {
	b := builder{most: r.limits.Rules}
	rs, err := b.build(d, "recommended", false)
	if err != nil {
		return nil, err
	}
	for _, name := range rs.order {
		one := rs.rules[name]
		texts, err := one.paths(nil, true)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			if r.paths[text] != nil {
				continue
			}
			p, err := parsePath(text)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", name, err)
			}
			r.paths[text] = p
		}
	}
	return rs, nil
}

// Rules are the rules in the order of their names.
func (r *Ruleset) Rules() []Rule {
	names := slices.Sorted(maps.Keys(r.base.rules))
	out := make([]Rule, len(names))
	for i, name := range names {
		one := r.base.rules[name]
		out[i] = Rule{
			Name: name, Description: one.description, Message: one.message, DocumentationURL: one.docs,
			Severity: one.severity, Recommended: one.recommended, Enabled: one.enabled,
		}
		for _, f := range one.formats {
			out[i].Formats = append(out[i].Formats, f.name)
		}
	}
	return out
}

// forFile is the ruleset with the overrides that apply to a file.
func (r *Ruleset) forFile(file string) (*ruleset, error) {
	var applying []string
	for i, o := range r.definition.overrides {
		for j, pattern := range o.files {
			files, _, _ := strings.Cut(pattern, "#")
			if matchGlob(files, relative(path.Dir(r.file), file)) {
				applying = append(applying, fmt.Sprint(i, ".", j))
			}
		}
	}
	if len(applying) == 0 {
		return r.base, nil
	}
	key := strings.Join(applying, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.overridden[key]; known != nil {
		return known, nil
	}
	rs, err := r.override(applying)
	if err == nil {
		r.overridden[key] = rs
	}
	return rs, err
}

// override builds the ruleset that some overrides make.
func (r *Ruleset) override(applying []string) (*ruleset, error) {
	var merged *definition
	var pointers []pointerSeverity
	rules := map[int][]string{}
	for i, o := range r.definition.overrides {
		whole := false
		for j, pattern := range o.files {
			if !slices.Contains(applying, fmt.Sprint(i, ".", j)) {
				continue
			}
			files, pointer, found := strings.Cut(pattern, "#")
			if whole = whole || !found; !found {
				continue
			}
			for _, d := range o.rules {
				if d.severity == nil {
					return nil, tree.Wrong(d.at, "rule %s: an override of a place (%s) takes severities alone", d.name, pattern)
				}
				rules[len(pointers)] = append(rules[len(pointers)], d.name)
				pointers = append(pointers, pointerSeverity{files, "#" + pointer, *d.severity})
			}
		}
		if whole {
			merged = merge(merged, &o.definition)
		}
	}
	rs, err := r.compile(onTopOf(r.definition, merged))
	if err != nil {
		return nil, err
	}
	for i, p := range pointers {
		for _, name := range rules[i] {
			if one := rs.rules[name]; one != nil {
				one.pointers = append(one.pointers, p)
				one.enabled = true
			}
		}
	}
	return rs, nil
}

// merge is two overrides of the same file, the later stronger.
func merge(a, b *definition) *definition {
	if a == nil {
		return b
	}
	out := *b
	out.rules = slices.Clone(a.rules)
	for _, d := range b.rules {
		out.rules = slices.DeleteFunc(out.rules, func(o ruleDefinition) bool { return o.name == d.name })
		out.rules = append(out.rules, d)
	}
	out.aliases = maps.Clone(a.aliases)
	for name, al := range b.aliases {
		if out.aliases == nil {
			out.aliases = map[string]alias{}
		}
		out.aliases[name] = al
	}
	if out.extends == nil {
		out.extends = a.extends
	}
	if out.formats == nil {
		out.formats = a.formats
	}
	return &out
}

// onTopOf is a definition with an override.
func onTopOf(d, o *definition) *definition {
	if o == nil {
		return d
	}
	below := *d
	below.overrides = nil
	out := merge(&below, o)
	if out == o {
		c := *o
		out = &c
	}
	out.rules = o.rules
	extends := o.extends
	if extends == nil {
		extends = d.extends
	}
	out.extends = append(slices.Clone(extends), extension{of: &below, applies: "recommended"})
	if len(o.rules) == 0 {
		out.rules, out.extends = d.rules, extends
	}
	return out
}

// severityAt is the severity of a result at a place of a file.
func (one *rule) severityAt(dir string, at location) Severity {
	if len(one.pointers) == 0 {
		return one.severity
	}
	severity, longest := one.severity, ""
	pointer := encodedPointer(at.path)
	for _, p := range one.pointers {
		if !matchGlob(p.files, relative(dir, at.in.file)) || len(p.pointer) < len(longest) {
			continue
		}
		if pointer == p.pointer || strings.HasPrefix(pointer, p.pointer+"/") {
			severity, longest = p.severity, p.pointer
		}
	}
	return severity
}

// relative is the name of a file as seen from a folder.
func relative(dir, file string) string {
	dir, file = path.Clean(dir), path.Clean(file)
	if dir == "." {
		return file
	}
	up := ""
	for dir != "." && dir != "/" {
		if rest, inside := strings.CutPrefix(file, dir+"/"); inside {
			return up + rest
		}
		dir, up = path.Dir(dir), up+"../"
	}
	return up + file
}
