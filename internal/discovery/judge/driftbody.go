package judge

import (
	"fmt"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/encoding/tree"
)

// bodies compares contents of requests and answers: media types, and of JSON and forms
// the fields.
func (c *comparison) bodies() {
	for _, b := range c.op.Bodies {
		if b.Count > 0 && b.Media != "" && listed(b.Count, c.op.Sampled) {
			c.body(b, "request "+b.Media, c.requestMedia(b.Media), len(c.views[0].content) > 0, c.views[0].body)
		}
	}
	for _, b := range c.op.Answers {
		if b.Count == 0 || b.Media == "" || !listed(b.Count, c.op.Sampled) {
			continue
		}
		a := c.views[0].answerTo(b.Status)
		if a == nil {
			continue // the status is told
		}
		c.body(b, fmt.Sprintf("%d %s", b.Status, b.Media), c.answerMedia(b.Status, b.Media), len(a.content) > 0, a.node)
	}
}

// contentMatch is a described content in one of the descriptions.
type contentMatch struct {
	media *media
	views *views
}

func (c *comparison) requestMedia(name string) []contentMatch {
	var all []contentMatch
	for i, v := range c.views {
		if m := mediaOf(v.content, name); m != nil {
			all = append(all, contentMatch{m, &c.matches[i].description.views})
		}
	}
	return all
}

func (c *comparison) answerMedia(status int, name string) []contentMatch {
	var all []contentMatch
	for i, v := range c.views {
		if a := v.answerTo(status); a != nil {
			if m := mediaOf(a.content, name); m != nil {
				all = append(all, contentMatch{m, &c.matches[i].description.views})
			}
		}
	}
	return all
}

func (c *comparison) body(b *discovery.Body, place string, described []contentMatch, any bool, at *tree.Node) {
	if len(described) == 0 {
		what := "no content is described"
		if any {
			what = "other media types are described"
		}
		c.add(MediaUndocumented, place, at, b.Count, times(b.Count, "sampled message"), what)
		return
	}
	if b.Schema == nil || !structured(b.Media) || b.Read == 0 {
		return
	}
	learned := fieldsOf(b.Schema)
	told := map[string]bool{}
	for _, f := range learned {
		c.field(b, place, described, f, told)
	}
	if !c.headers {
		return
	}
	counts := make(map[string]*field, len(learned))
	for _, f := range learned {
		counts[f.path] = f
	}
	v := described[0].views
	walk := &unseenWalk{comparison: c, views: v, place: place, request: b.Status == 0, partial: b.Partial > 0, left: maxDrift * 10, counts: counts}
	walk.object(v.shapesOf(described[0].media.schema), "", 0)
}

// structured tells media types whose fields are compared.
func structured(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json") || media == "text/json" ||
		media == "application/x-www-form-urlencoded" || media == "multipart/form-data"
}

// field compares one place of a learned document.
func (c *comparison) field(b *discovery.Body, place string, described []contentMatch, f *field, told map[string]bool) {
	steps := stepsOf(f.path)
	for i := range steps {
		if told[join(steps[:i])] {
			return // what is around it is told
		}
	}
	at := place
	if f.path != "" && f.path != "/" {
		at += " " + f.path
	}
	var owner *tree.Node
	for _, d := range described {
		s, last, open := reach(d, steps)
		if open {
			return
		}
		if s != nil {
			text := !strings.Contains(b.Media, "json")
			if differs(s.types(), f.types, text) != "" {
				told[join(steps)] = true
			}
			c.fieldValues(at, s, f, text)
			return
		}
		if owner == nil && last != nil {
			if owner = last.owner(); owner == nil {
				owner = last.place()
			}
		}
	}
	if f.count > 0 && listed(f.count, b.Count) {
		told[join(steps)] = true
		c.add(FieldUndocumented, at, owner, f.count, fmt.Sprintf("%s, %s", strings.Join(f.types, " or "), times(f.count, "time")), "not described")
	}
}

func join(steps []string) string { return strings.Join(steps, "\x00") }

// fieldValues compares type, format and enumeration of a field.
func (c *comparison) fieldValues(at string, s *shapes, f *field, text bool) {
	node := s.place()
	want := s.types()
	if f.count < discovery.AcceptParameterCalls {
		return
	}
	if learned := differs(want, f.types, text); learned != "" {
		c.add(TypeDiffers, at, node, f.count, learned, strings.Join(want, " or "))
		return
	}
	if f.values != nil && f.count >= leastForFormat && slices.ContainsFunc(f.types, func(t string) bool { return t != "object" && t != "array" && t != "null" }) {
		// The types were held against one another already.
		c.values(at, s, f.values, node, true)
	}
}

// reach follows steps from a content; last are the schemas around where they end.
func reach(d contentMatch, steps []string) (s, last *shapes, open bool) {
	s = d.views.shapesOf(d.media.schema)
	if d.media.schema == nil {
		return nil, nil, true
	}
	for _, step := range steps {
		last = s
		next, isOpen := d.views.step(s, step)
		if isOpen {
			return nil, last, true
		}
		if next == nil {
			return nil, last, false
		}
		s = next
	}
	return s, last, false
}

// unseenWalk goes through a description in search of what traffic does not have.
type unseenWalk struct {
	*comparison
	views            *views
	place            string
	request, partial bool
	left             int
	counts           map[string]*field
}

// maxFieldDepth is how deep descriptions are followed.
const maxFieldDepth = 20

func (w *unseenWalk) object(s *shapes, path string, depth int) {
	here := w.counts[path]
	if here == nil || here.count == 0 || depth > maxFieldDepth || s.free {
		return
	}
	branches := s.branches()
	required := map[string]bool{}
	for _, n := range s.all {
		for _, name := range n.Get("required").List() {
			required[name.Str()] = !branches
		}
	}
	done := map[string]bool{}
	for _, n := range s.all {
		for _, m := range n.Get("properties").Fields() {
			if w.left--; w.left < 0 {
				return
			}
			if !done[m.Name] {
				done[m.Name] = true
				w.property(s, m, path, required[m.Name], depth)
			}
		}
	}
	if next, open := w.views.step(s, "*"); next != nil && !open && w.counts[path+"/*"] != nil {
		w.object(next, path+"/*", depth+1)
	}
}

func (w *unseenWalk) property(around *shapes, m tree.Member, path string, required bool, depth int) {
	next, open := w.views.step(around, m.Name)
	if next == nil || open {
		return
	}
	below := path + "/" + escape(m.Name)
	have, all := w.counts[below], w.counts[path].objects
	if w.request && next.has("readOnly") || !w.request && next.has("writeOnly") {
		return
	}
	var seen uint64
	if have != nil {
		seen = have.present
	}
	switch {
	case w.partial || all == 0:
	case required && seen < all && listed(all-seen, all):
		w.add(RequiredMissing, w.place+" "+below, m.Value, all-seen, times(all-seen, "time")+" without it", "required")
	case seen == 0 && !required && all >= w.options.UnseenCalls && !next.has("deprecated") && !m.Value.Get("deprecated").IsTrue():
		w.add(FieldUnused, w.place+" "+below, m.Value, all, fmt.Sprintf("in none of %d sampled", all), "optional")
	}
	if have != nil {
		w.object(next, below, depth+1)
	}
}
