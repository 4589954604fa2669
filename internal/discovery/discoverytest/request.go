package discoverytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// everyones are headers that every client sends, or that OpenAPI describes
// elsewhere: no parameters.
func everyones(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "authorization", "content-type", "user-agent", "host", "content-length", "cookie", "connection", "accept-encoding", "transfer-encoding", "expect", "te", "upgrade", "trailer", "keep-alive":
		return true
	default:
		return false
	}
}

// request is one request as it is drawn.
type request struct {
	method, path string
	// written is the path as the description writes it.
	written  string
	query    []string
	header   http.Header
	body     []byte
	sent     []Sent
	segments []Segment
}

// ask draws a call as described.
func (w *world) ask(r random, op *operation, c *client, sparse bool) request {
	q := request{method: op.described.Method, header: http.Header{}}
	var values []string
	for i := range op.pools {
		p := &op.pools[i]
		v := w.pick(r, p)
		values = append(values, v)
		q.segments = append(q.segments, Segment{Name: p.name, Value: v, Kind: p.kind})
		q.sent = append(q.sent, Sent{Place: "path", Name: strconv.Itoa(i), Declared: w.declared(p), Shown: shown(v), Items: 1})
	}
	q.path = w.base + fill(op.path, op.pools, values)
	q.written = fill(op.described.Path, op.pools, values)
	if count := strings.Count(op.path, "{"); count < len(q.segments) {
		q.segments, q.sent = q.segments[:count], q.sent[:count]
	}
	d := &drawer{random: r, seed: w.Seed, definitions: w.description.Definitions, owner: op.key, left: budget, sparse: sparse, flats: w.flats}
	var cookies []string
	for i := range op.described.Parameters {
		p := &op.described.Parameters[i]
		if p.In == spec.InPath || p.In == spec.InHeader && everyones(p.Name) {
			continue
		}
		if !p.Required && (sparse || !r.chance(presence(w.Seed, op.key, string(p.In)+" "+p.Name))) {
			continue
		}
		for _, one := range d.parameter(p) {
			if one.sent.Name != "" {
				q.sent = append(q.sent, one.sent)
			}
			switch p.In {
			case spec.InQuery:
				q.query = append(q.query, one.text)
			case spec.InHeader:
				q.header.Add(p.Name, one.text)
			default:
				cookies = append(cookies, one.text)
			}
		}
	}
	if body := op.described.Body; body != nil && len(body.Content) > 0 && (body.Required || r.chance(0.97)) {
		d.sent, d.left = nil, budget
		var kind string
		q.body, kind = d.body(body.Content)
		q.header.Set("Content-Type", kind)
		q.sent = append(q.sent, d.sent...)
	}
	w.identify(r, op, c, &q, &cookies)
	if len(cookies) > 0 {
		q.header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return q
}

func (w *world) declared(p *pool) string {
	d := &drawer{random: seeded(w.Seed, "declared"), definitions: w.description.Definitions}
	m := d.flat(p.schema, 0)
	if t := typesOf(m["type"]); len(t) > 0 {
		return t[0]
	}
	return "string"
}

// shown is the type that a text reads as.
func shown(text string) string {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return "integer"
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return "number"
	}
	if text == "true" || text == "false" {
		return "boolean"
	}
	return "string"
}

// widest is the type that several texts read as.
func widest(texts []string) string {
	all := ""
	for _, one := range texts {
		switch s := shown(one); {
		case all == "" || all == s:
			all = s
		case all == "integer" && s == "number", all == "number" && s == "integer":
			all = "number"
		default:
			return "string"
		}
	}
	return all
}

// written is one parameter as text.
type written struct {
	text string
	sent Sent
}

// parameter draws a parameter: one text, or several.
func (d *drawer) parameter(p *spec.Parameter) []written {
	d.left, d.sent = 60, nil
	value := d.value(d.definitions[p.Schema.Name], p.Name, 1)
	for i := 0; value == nil && i < 8; i++ {
		value = d.value(d.definitions[p.Schema.Name], p.Name, 1)
	}
	if value == nil {
		return nil
	}
	name := p.Name
	if p.In == spec.InHeader {
		name = strings.ToLower(name)
	}
	declared := "string"
	described := map[string]bool{}
	for _, one := range d.sent {
		if described[one.Name] = true; one.Name == p.Name {
			declared = one.Declared
		}
	}
	d.sent = nil
	pair := func(name, text string) string {
		switch p.In {
		case spec.InHeader:
			return strings.Map(func(c rune) rune {
				if c < ' ' || c > 126 {
					return '_'
				}
				return c
			}, text)
		case spec.InCookie:
			return name + "=" + url.QueryEscape(text)
		default:
			return url.QueryEscape(name) + "=" + strings.ReplaceAll(url.QueryEscape(text), "%2C", ",")
		}
	}
	single := func(text, declared string, items int, oneText bool) []written {
		return []written{{pair(p.Name, text), Sent{Place: string(p.In), Name: name, Declared: declared, Shown: shown(text), Items: items, OneText: oneText}}}
	}
	if p.Media != "" {
		b, err := json.Marshal(value)
		if err != nil {
			return nil
		}
		return single(string(b), declared, 1, true)
	}
	switch v := value.(type) {
	case []any:
		return d.list(p, name, v, pair)
	case map[string]any:
		return d.members(p, v, described, pair, single)
	default:
		return single(wire(v), declared, 1, false)
	}
}

func (d *drawer) list(p *spec.Parameter, name string, v []any, pair func(name, text string) string) []written {
	var texts []string
	for _, one := range v {
		texts = append(texts, wire(one))
	}
	if len(texts) == 0 {
		return nil
	}
	s := Sent{Place: string(p.In), Name: name, Declared: "array", Shown: widest(texts), Items: len(texts)}
	if p.Style == spec.Form && p.Explode && p.In == spec.InQuery {
		var all []written
		for _, one := range texts {
			all = append(all, written{pair(p.Name, one), s})
		}
		return all
	}
	separator := ","
	switch p.Style {
	case spec.PipeDelimited:
		separator = "|"
	case spec.SpaceDelimited:
		separator = " "
	default:
	}
	s.OneText = len(texts) > 1
	return []written{{pair(p.Name, strings.Join(texts, separator)), s}}
}

func (d *drawer) members(p *spec.Parameter, v map[string]any, described map[string]bool, pair func(name, text string) string, single func(text, declared string, items int, oneText bool) []written) []written {
	var all []written
	var flat []string
	for _, key := range slices.Sorted(maps.Keys(v)) {
		text := wire(v[key])
		member := key
		if p.Style == spec.DeepObject {
			member = p.Name + "[" + key + "]"
		}
		flat = append(flat, key, text)
		one := written{text: pair(member, text)}
		// The names of the members of a map are data, and no parameters.
		if described[join(p.Name, key)] {
			one.sent = Sent{Place: string(p.In), Name: member, Declared: jsonType(v[key]), Shown: shown(text), Items: 1}
		}
		all = append(all, one)
	}
	if p.Style == spec.DeepObject || p.Style == spec.Form && p.Explode && p.In == spec.InQuery {
		return all
	}
	return single(strings.Join(flat, ","), "object", len(flat), true)
}

// jsonType is the type of a value; of a number, the one it shows.
func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return "string"
	}
}

// body draws a body and its content type.
func (d *drawer) body(content []spec.Media) (body []byte, kind string) {
	one := &content[0]
	for i := range content {
		if strings.Contains(content[i].Range, "json") && (!strings.Contains(one.Range, "json") || d.chance(0.2)) {
			one = &content[i]
		}
	}
	if len(content) > 1 && d.chance(0.1) {
		one = &content[d.IntN(len(content))]
	}
	kind = one.Range
	if strings.Contains(kind, "*") {
		kind = "application/json"
	}
	schema := d.definitions[one.Schema.Name]
	switch {
	case strings.Contains(kind, "json"):
		v := d.value(schema, "", 0)
		if one.Schema.Name == "" {
			v = map[string]any{}
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, kind
		}
		if d.chance(0.3) {
			kind += "; charset=utf-8"
		}
		return b, kind
	case kind == "application/x-www-form-urlencoded":
		return d.form(schema), kind
	case kind == "multipart/form-data":
		return d.multipart(schema)
	case strings.Contains(kind, "xml"):
		d.sent = nil
		return fmt.Appendf(nil, "<request><value>%s</value></request>", d.word()), kind
	default:
		d.sent = nil
		return []byte(d.sentence()), kind
	}
}

func (d *drawer) form(schema any) []byte {
	v, _ := d.value(schema, "", 0).(map[string]any)
	types := d.sent
	d.sent = nil
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		s, described := Sent{Place: "form", Name: name, Declared: jsonType(v[name]), Items: 1}, false
		for _, one := range types {
			if one.Name == name {
				s.Declared, described = one.Declared, true
			}
		}
		texts := []string{wire(v[name])}
		switch all := v[name].(type) {
		case []any:
			texts = nil
			for _, item := range all {
				texts = append(texts, wire(item))
			}
			s.Items = len(texts)
		case map[string]any:
			s.OneText = true
		default:
		}
		if len(texts) == 0 {
			continue
		}
		if s.Shown = widest(texts); described {
			d.sent = append(d.sent, s)
		}
		for _, one := range texts {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(one))
		}
	}
	return []byte(strings.Join(pairs, "&"))
}

// multipart draws a form of parts, whose fields are no part of the truth.
func (d *drawer) multipart(schema any) (body []byte, kind string) {
	v, _ := d.value(schema, "", 0).(map[string]any)
	d.sent = nil
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	if err := form.SetBoundary("boundary" + d.digits(12)); err != nil {
		return nil, ""
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if err := form.WriteField(name, wire(v[name])); err != nil {
			return nil, ""
		}
	}
	if err := form.Close(); err != nil {
		return nil, ""
	}
	return b.Bytes(), form.FormDataContentType()
}
