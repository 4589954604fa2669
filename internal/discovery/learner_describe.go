package discovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/discovery/template"
	"farrier.dev/farrier/internal/spec"
)

// described is a description as the learner uses it: the paths that it names.
type described struct {
	host, origin string
	pins         []template.Described
}

// maxPins bounds the paths of all descriptions together, maxServicePins those that
// services named themselves on one host.
const (
	maxPins        = 200_000
	maxServicePins = 5000
)

// Describe replaces all descriptions. Their templates win, also over what was learned
// before: such operations get other keys, and may become one.
func (l *Learner) Describe(all []Described) error {
	var problems []error
	compiled := make([]described, 0, len(all))
	left := maxPins
	for i := range all {
		d, err := compile(&all[i])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", all[i].Name, err))
		}
		if len(d.pins) > left {
			problems = append(problems, fmt.Errorf("%s: there are more than %d described paths in all; the rest is left out", all[i].Name, maxPins))
			d.pins = d.pins[:left]
		}
		left -= len(d.pins)
		compiled = append(compiled, d)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.described = compiled
	l.origins = make(map[string]string)
	for i := range compiled {
		for _, p := range compiled[i].pins {
			if l.origins[p.Path] != "specification" {
				l.origins[p.Path] = compiled[i].origin
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.hosts)) {
		h := l.hosts[name]
		h.tree.Unpin(template.ByDescription)
		for i := range l.described {
			l.pinDescribed(h, &l.described[i])
		}
	}
	l.rekeyAll()
	return errors.Join(problems...)
}

// compile collects the paths that a description or project names.
func compile(d *Described) (described, error) {
	out := described{host: strings.ToLower(d.Host), origin: d.Origin}
	bases := d.BasePaths
	var document *spec.Description
	if d.Document != nil {
		document = d.Document.Description
	}
	if len(bases) == 0 && document != nil {
		bases = document.BasePaths
	}
	if len(bases) == 0 {
		bases = []string{""}
	}
	var problems []error
	add := func(method, path string, fits []func(string) bool) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		for _, base := range bases {
			full := strings.TrimSuffix(base, "/") + path
			if full != "" && full[0] != '/' {
				full = "/" + full
			}
			if err := checkTemplate(full); err != nil {
				problems = append(problems, err)
				continue
			}
			out.pins = append(out.pins, template.Described{Method: method, Path: full, Fits: fits})
		}
	}
	if document != nil {
		for i := range document.Operations {
			o := &document.Operations[i]
			add(o.Method, o.Path, fitting(document, o))
		}
	}
	for _, f := range d.Flows {
		add(strings.ToUpper(f.Method), f.Path, nil)
	}
	return out, errors.Join(problems...)
}

func checkTemplate(path string) error {
	if !template.Fits(path) {
		return fmt.Errorf("the path %.80q is too long or too deep to be learned", path)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if _, _, err := template.Split(segment); err != nil {
			return fmt.Errorf("path %.80q: %w", path, err)
		}
	}
	return nil
}

// fitting gives what decides whether a text can be a value of each path parameter.
func fitting(d *spec.Description, o *spec.Operation) []func(string) bool {
	names := template.NamesIn(o.Path)
	out := make([]func(string) bool, len(names))
	for i, name := range names {
		for _, p := range o.Parameters {
			if p.In == spec.InPath && p.Name == name && p.Schema.Described() {
				out[i] = fits(d.Definitions.Follow(d.Definitions[p.Schema.Name]))
			}
		}
	}
	return out
}

// fits gives what decides whether a text is a value of a schema, nil where any is. It
// asks for types, the plainest formats and enumerations only.
func fits(schema map[string]any) func(string) bool {
	if schema == nil {
		return nil
	}
	if words, ok := schema["enum"].([]any); ok && len(words) > 0 && len(words) <= 1000 {
		known := make(map[string]bool, len(words))
		for _, w := range words {
			known[fmt.Sprint(w)] = true
		}
		return func(text string) bool { return known[unescape(text)] }
	}
	format, _ := schema["format"].(string)
	switch schema["type"] {
	case "integer":
		return func(text string) bool {
			_, err := strconv.ParseInt(text, 10, 64)
			return err == nil || len(text) > 18 && strings.Trim(text, "0123456789") == ""
		}
	case "number":
		return func(text string) bool {
			_, err := strconv.ParseFloat(text, 64)
			return err == nil
		}
	case "boolean":
		return func(text string) bool { return text == "true" || text == "false" }
	case "string":
		switch format {
		case "uuid":
			return template.IsUUID
		case "date", "date-time":
			return template.IsDate
		}
	}
	return nil
}

func (l *Learner) pinDescribed(h *host, d *described) {
	name, _, _ := strings.Cut(h.name, ":")
	if d.host != "" && d.host != h.name && d.host != name && h.name != "*" {
		return
	}
	for _, p := range d.pins {
		if err := h.tree.Pin(template.ByDescription, p); err != nil {
			l.overflow++ // compile has told of it
		}
	}
}

func (l *Learner) pinEdit(h *host, e *Edit) {
	if e.Kind != "merge" && e.Kind != "split" || e.Host != "" && e.Host != h.name {
		return
	}
	if err := h.tree.Pin(template.ByOperator, template.Described{Method: e.Method, Path: e.Path}); err != nil {
		l.overflow++
	}
}

// pinService takes the template that a service named itself.
func (l *Learner) pinService(c *call) {
	if c.Template == "" || c.host.pinned >= maxServicePins || checkTemplate(c.Template) != nil || !covers(c.Template, c.Path) {
		return
	}
	if err := c.host.tree.Pin(template.ByService, template.Described{Method: c.method, Path: c.Template}); err == nil {
		c.host.pinned++
	}
}

// Edit replaces all edits by hand. They win over everything, also over what was
// learned before.
func (l *Learner) Edit(all []Edit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.edits = slices.Clone(all)
	slices.SortStableFunc(l.edits, func(a, b Edit) int { return a.At.Compare(b.At) })
	for _, name := range slices.Sorted(maps.Keys(l.hosts)) {
		h := l.hosts[name]
		h.tree.Unpin(template.ByOperator)
		for i := range l.edits {
			l.pinEdit(h, &l.edits[i])
		}
	}
	l.rekeyAll()
	for _, e := range l.sorted(nil) {
		if l.ignored(&call{Observation: &Observation{Path: e.key.Path}, method: e.key.Method, host: e.host}) {
			l.tell(e.key, rejectIgnored, e.op)
			l.drop(e)
		}
	}
}

// rekeyAll gives every operation the key that descriptions and edits want.
func (l *Learner) rekeyAll() { l.rekeyThese(l.sorted(nil)) }

// rekeyThese is rekeyAll of some.
func (l *Learner) rekeyThese(all []*entry) {
	for _, e := range all {
		if l.entries[e.key] != e {
			continue // it became part of another
		}
		node := e.host.tree.Repin(e.node, e.key.Method)
		if node == e.node {
			l.rekey(e, node)
		} else {
			l.move(e, node)
		}
	}
	for _, e := range all {
		if l.entries[e.key] == e && !e.listed && e.op != nil {
			l.consider(e, e.op.Last)
		}
	}
}

// move brings one entry to another node.
func (l *Learner) move(e *entry, node *template.Node) {
	if !l.heat(e) {
		l.overflow++
		return
	}
	from := e.node
	s := spotOf(from)
	s.remove(e)
	target := spotOf(node)
	if target == nil {
		target = &spot{}
		node.Owner = target
	}
	if there := target.find(e.key.spot()); there != nil {
		l.join(there, e, node)
	} else {
		target.add(e)
		l.rekey(e, node)
	}
	if len(s.entries) == 0 {
		e.host.tree.Remove(from)
	}
}

// origin tells who described the path of an operation.
func (l *Learner) origin(e *entry) string {
	path := e.node.Path()
	if by := l.origins[path]; by != "" {
		return by
	}
	for i := range l.edits {
		if l.edits[i].Path == path && (l.edits[i].Kind == "merge" || l.edits[i].Kind == "split") {
			// A decision about templates says nothing about whether it is there.
			return ""
		}
	}
	if e.node.DescribedAt(template.ByService) {
		return "traffic"
	}
	return ""
}
