package spec

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/form"
)

// pair is one pair of a query or one cookie. A name is decoded, a value raw.
type pair struct {
	name, raw string
	// known says that a parameter takes the pair.
	known bool
}

// appendQuery parts a query, at most the published number of pairs.
func appendQuery(list []pair, query string) ([]pair, error) {
	if query == "" {
		return list, nil
	}
	it := form.Pairs(query, form.DefaultMaxPairs)
	for it.Next() {
		p := it.Pair()
		name, facts := p.Name.Decode()
		if facts.BadEscape {
			return list, errEscape
		}
		if facts.NotUTF8 || facts.NUL {
			return list, errText
		}
		list = append(list, pair{name: name, raw: p.Value.Raw})
	}
	if it.Err() != nil {
		return list, errMany
	}
	return list, nil
}

// appendCookies parts a Cookie header (RFC 6265 §4.2.1).
func appendCookies(list []pair, header string) ([]pair, error) {
	for header != "" {
		var one string
		one, header, _ = strings.Cut(header, ";")
		if len(list) == form.DefaultMaxPairs {
			return list, errMany
		}
		name, value, _ := strings.Cut(strings.Trim(one, " \t"), "=")
		value = strings.Trim(value, " \t")
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if name != "" {
			list = append(list, pair{name: name, raw: value})
		}
	}
	return list, nil
}

// inPairs reads a parameter from pairs and marks those that are its own. There
// is no reading when it is not there.
func (p *parameter) inPairs(pairs []pair) []reading {
	if p.described.Style == DeepObject {
		return p.deep(pairs)
	}
	var raw []string
	for i := range pairs {
		if pairs[i].name == p.described.Name {
			pairs[i].known = true
			raw = append(raw, pairs[i].raw)
		}
	}
	spread := p.described.Explode && p.described.Media == ""
	var all []reading
	if spread && p.shape.kinds&kindObject != 0 && len(raw) == 0 {
		return p.spread(pairs)
	}
	if len(raw) == 0 {
		return nil
	}
	if spread && p.shape.kinds&kindArray != 0 {
		all = append(all, read(list(raw, p.shape.items, queryText)))
	}
	if len(raw) > 1 {
		if len(all) == 0 {
			all = append(all, reading{nil, errTwice})
		}
		return all
	}
	if p.described.Explode {
		return append(all, p.scalars(raw[0], queryText)...)
	}
	value, separator := raw[0], ","
	switch p.described.Style {
	case SpaceDelimited:
		value, separator = strings.ReplaceAll(value, "%20", "+"), "+"
	case PipeDelimited:
		value, separator = strings.ReplaceAll(strings.ReplaceAll(value, "%7C", "|"), "%7c", "|"), "|"
	case Form, Simple, Label, Matrix, DeepObject:
	}
	return append(all, p.delimited(value, separator, false, queryText)...)
}

// spread reads an exploded object, each property of which is a pair. Names that
// no property describes are not taken, unless the schema describes them all.
func (p *parameter) spread(pairs []pair) []reading {
	out := map[string]any{}
	for i := range pairs {
		inner, described := p.shape.of(pairs[i].name)
		if !described || pairs[i].known || p.others[pairs[i].name] {
			continue
		}
		pairs[i].known = true
		value, err := text(pairs[i].raw, inner.kinds, queryText)
		if err != nil {
			return []reading{{nil, err}}
		}
		if _, twice := out[pairs[i].name]; twice {
			return []reading{{nil, errTwice}}
		}
		out[pairs[i].name] = value
	}
	if len(out) == 0 {
		return nil
	}
	return []reading{{out, nil}}
}

// deep reads name[property]=value. A property that stands several times is an
// array, if it may be one.
func (p *parameter) deep(pairs []pair) []reading {
	out := map[string]any{}
	seen := map[string][]any{}
	for i := range pairs {
		rest, ok := strings.CutPrefix(pairs[i].name, p.described.Name)
		if !ok || rest == "" || rest[0] != '[' {
			continue
		}
		pairs[i].known = true
		name, ok := strings.CutSuffix(rest[1:], "]")
		if !ok || strings.ContainsAny(name, "[]") {
			return []reading{{nil, errNesting}}
		}
		inner, _ := p.shape.of(name)
		array := inner.kinds&kindArray != 0
		k := inner.kinds
		if array {
			k = inner.items
		}
		value, err := text(pairs[i].raw, k, queryText)
		if err != nil {
			return []reading{{nil, err}}
		}
		seen[name] = append(seen[name], value)
		switch {
		case array && (inner.kinds&scalars == 0 || len(seen[name]) > 1):
			out[name] = seen[name]
		case len(seen[name]) > 1:
			return []reading{{nil, errTwice}}
		default:
			out[name] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return []reading{{out, nil}}
}
