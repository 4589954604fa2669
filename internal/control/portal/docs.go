package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// Docs are the documentation of an API.
type Docs struct {
	Title       string      `json:"title"`
	Version     string      `json:"version,omitempty"`
	Description string      `json:"description,omitempty"`
	Language    string      `json:"language"`
	Tags        []string    `json:"tags,omitempty"`
	Operations  []Operation `json:"operations"`
	// More is how many operations are left out.
	More int `json:"more,omitempty"`
}

// Operation is one operation.
type Operation struct {
	Method      string      `json:"method"`
	Path        string      `json:"path"`
	Summary     string      `json:"summary,omitempty"`
	Description string      `json:"description,omitempty"`
	Deprecated  bool        `json:"deprecated,omitempty"`
	Security    []string    `json:"security,omitempty"`
	Parameters  []Parameter `json:"parameters,omitempty"`
	Required    bool        `json:"required,omitempty"`
	Body        []Media     `json:"body,omitempty"`
	Responses   []Response  `json:"responses,omitempty"`
}

// Parameter is one parameter.
type Parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Type        string `json:"type"`
	Required    bool   `json:"required,omitempty"`
	Description string `json:"description,omitempty"`
	Example     string `json:"example,omitempty"`
}

// Media is one form of a body.
type Media struct {
	Type    string  `json:"type"`
	Fields  []Field `json:"fields,omitempty"`
	Example string  `json:"example,omitempty"`
}

// Field is one value of a schema; Depth is how deep it lies.
type Field struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
	Depth    int    `json:"depth,omitempty"`
}

// Response is one answer.
type Response struct {
	Status      string  `json:"status"`
	Description string  `json:"description,omitempty"`
	Content     []Media `json:"content,omitempty"`
}

// The bounds of documentation: descriptions come from many hands.
const (
	maxOperations = 300
	maxFields     = 120
	maxDepth      = 4
	maxExample    = 8 << 10
	maxWords      = 4000
	maxSpecs      = 2000
)

// described is a description as it was read.
type described struct {
	size    int64
	changed time.Time
	docs    *Docs
}

// description is what was read of the description of an API, nil for none.
func (s *Service) description(one *revision.API) *described {
	if one.Specification == nil {
		return nil
	}
	file := one.Specification.File
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	s.mu.Lock()
	d := s.read[file]
	s.mu.Unlock()
	if d != nil && d.size == info.Size() && d.changed.Equal(info.ModTime()) {
		return d
	}
	d = &described{info.Size(), info.ModTime(), &Docs{}}
	if project, err := spec.OpenFolder(filepath.Dir(file), spec.ProjectLimits{}); err == nil {
		d.docs = render(languages.Read(project, filepath.Base(file)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.read) >= maxSpecs {
		clear(s.read)
	}
	s.read[file] = d
	return d
}

// renderer writes the documentation of one description.
type renderer struct {
	doc  *spec.Document
	defs spec.Definitions
}

func render(doc *spec.Document) *Docs {
	out := &Docs{Language: string(doc.Language)}
	out.Description = clipped(doc.Root.At("info", "description").Str(), maxWords)
	for _, tag := range doc.Root.Get("tags").List() {
		if name := tag.Get("name").Str(); name != "" && len(out.Tags) < 20 {
			out.Tags = append(out.Tags, clipped(name, 40))
		}
	}
	if doc.Description == nil {
		return out
	}
	out.Title, out.Version = clipped(doc.Description.Title, 100), clipped(doc.Description.Version, 40)
	r := &renderer{doc, doc.Description.Definitions}
	for i := range doc.Description.Operations {
		if i == maxOperations {
			out.More = len(doc.Description.Operations) - i
			break
		}
		out.Operations = append(out.Operations, r.operation(&doc.Description.Operations[i]))
	}
	slices.SortStableFunc(out.Operations, func(a, b Operation) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func (r *renderer) operation(op *spec.Operation) Operation {
	at := r.doc.Root.At("paths", op.Path, strings.ToLower(op.Method))
	out := Operation{
		Method: op.Method, Path: op.Path, Deprecated: op.Deprecated, Security: r.security(op),
		Summary: clipped(at.Get("summary").Str(), 300), Description: clipped(at.Get("description").Str(), maxWords),
	}
	told := map[string]*tree.Node{}
	for _, place := range []*tree.Node{r.doc.Root.At("paths", op.Path, "parameters"), at.Get("parameters")} {
		for _, n := range place.List() {
			told[n.Get("in").Str()+" "+n.Get("name").Str()] = n
		}
	}
	for i := range op.Parameters {
		p := &op.Parameters[i]
		n := told[string(p.In)+" "+p.Name]
		out.Parameters = append(out.Parameters, Parameter{
			Name: p.Name, In: string(p.In), Required: p.Required, Type: r.typeOf(r.schema(p.Schema)),
			Description: clipped(n.Get("description").Str(), 500), Example: scalarText(n.Get("example")),
		})
	}
	if op.Body != nil {
		out.Required = op.Body.Required
		out.Body = r.content(op.Body.Content, at.At("requestBody", "content"))
	}
	for i := range op.Responses {
		resp := &op.Responses[i]
		status := "default"
		switch {
		case resp.From == resp.To && resp.From > 0:
			status = strconv.Itoa(resp.From)
		case resp.From > 0:
			status = fmt.Sprintf("%dXX", resp.From/100)
		}
		n := at.At("responses", status)
		out.Responses = append(out.Responses, Response{status, clipped(n.Get("description").Str(), 500), r.content(resp.Content, n.Get("content"))})
	}
	return out
}

// security tells the alternatives of proving who one is.
func (r *renderer) security(op *spec.Operation) []string {
	var all []string
	for _, together := range op.Security {
		var parts []string
		for _, one := range together {
			scheme := r.doc.Description.Schemes[one.Scheme]
			text := strings.TrimSpace(scheme.Type + " " + scheme.Scheme)
			if scheme.Name != "" {
				text += " in " + string(scheme.In) + " " + scheme.Name
			}
			if len(one.Scopes) > 0 {
				text += " with " + strings.Join(one.Scopes, ", ")
			}
			if text == "" {
				text = one.Scheme
			}
			parts = append(parts, text)
		}
		if len(parts) == 0 {
			parts = []string{"none"}
		}
		all = append(all, clipped(strings.Join(parts, " and "), 300))
	}
	return all
}

func (r *renderer) schema(s spec.Schema) any {
	if !s.Described() {
		return nil
	}
	return r.defs[s.Name]
}

func (r *renderer) content(list []spec.Media, at *tree.Node) []Media {
	var out []Media
	for i := range list {
		m := Media{Type: list[i].Range}
		schema := r.schema(list[i].Schema)
		left := maxFields
		m.Fields = r.fields(nil, "", schema, false, 0, &left)
		n := at.Get(list[i].Range)
		given := n.Get("example")
		if given == nil {
			if examples := n.Get("examples").Fields(); len(examples) > 0 {
				given = examples[0].Value.Get("value")
			}
		}
		if given != nil {
			m.Example = pretty(given.Any())
		} else if strings.Contains(list[i].Range, "json") && schema != nil {
			left = maxFields
			m.Example = pretty(r.example(schema, 0, &left))
		}
		out = append(out, m)
	}
	return out
}

// fields lists the properties of a schema, depth first.
func (r *renderer) fields(out []Field, name string, schema any, required bool, depth int, left *int) []Field {
	if *left <= 0 || depth > maxDepth {
		return out
	}
	m := r.defs.Follow(schema)
	if name != "" {
		*left--
		out = append(out, Field{clipped(name, 100), r.typeOf(schema), required, depth - 1})
	}
	if items, ok := m["items"]; ok {
		m = r.defs.Follow(items)
	}
	properties, _ := m["properties"].(map[string]any)
	needed, _ := m["required"].([]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		out = r.fields(out, key, properties[key], slices.Contains(needed, any(key)), depth+1, left)
	}
	return out
}

// typeOf is a schema in a few words.
func (r *renderer) typeOf(schema any) string {
	m := r.defs.Follow(schema)
	if m == nil {
		return "any"
	}
	var kinds []string
	switch t := m["type"].(type) {
	case string:
		kinds = append(kinds, t)
	case []any:
		for _, one := range t {
			kinds = append(kinds, fmt.Sprint(one))
		}
	}
	text := strings.Join(kinds, " or ")
	if text == "" {
		text = "any"
	}
	if items, ok := m["items"]; ok && text == "array" {
		inner := r.defs.Follow(items)
		if t, ok := inner["type"].(string); ok {
			text = "array of " + t
		}
	}
	for _, key := range []string{"format", "pattern"} {
		if v, ok := m[key].(string); ok {
			text += ", " + key + " " + v
		}
	}
	for _, key := range []string{"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"} {
		if v, ok := m[key].(json.Number); ok {
			text += ", " + key + " " + v.String()
		}
	}
	if list, ok := m["enum"].([]any); ok {
		text += ", one of " + strings.Trim(pretty(list), "[]\n ")
		text = strings.Join(strings.Fields(text), " ")
	}
	return clipped(text, 300)
}

func clipped(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
