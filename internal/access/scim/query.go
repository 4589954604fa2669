package scim

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Query asks for resources (RFC 7644, section 3.4.2).
type Query struct {
	// Filter is nil for all.
	Filter *Filter
	// Start is the number of the first resource of the page, counted from 1, Count how
	// many it has at most.
	Start, Count int
	Projection
}

// Projection says which attributes are shown. The zero value shows all.
type Projection struct{ only, except []string }

// ParseQuery reads the parameters of a list. Its error is an *Error.
func (s *Schema) ParseQuery(values url.Values) (q Query, err error) {
	if q.Projection, err = s.ParseProjection(values); err != nil {
		return Query{}, err
	}
	if q.Start, err = number(values, "startIndex", 1); err != nil {
		return Query{}, err
	}
	if q.Count, err = number(values, "count", DefaultPage); err != nil {
		return Query{}, err
	}
	q.Start, q.Count = max(q.Start, 1), min(max(q.Count, 0), MaxPage)
	if text := values.Get("filter"); text != "" {
		q.Filter, err = ParseFilter(s, text)
	}
	return q, err
}

func number(values url.Values, name string, otherwise int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, Bad(InvalidValue, "%s must be a number.", name)
	}
	return int(n), nil
}

// ParseProjection reads attributes and excludedAttributes. Its error is an *Error.
func (s *Schema) ParseProjection(values url.Values) (p Projection, err error) {
	if values.Get("attributes") != "" && values.Get("excludedAttributes") != "" {
		return Projection{}, Bad(InvalidValue, "Ask either for attributes or for excludedAttributes.")
	}
	if p.only, err = s.names(values.Get("attributes")); err != nil {
		return Projection{}, err
	}
	p.except, err = s.names(values.Get("excludedAttributes"))
	return p, err
}

// names are attributes as the schema calls them; those it does not know are left out.
func (s *Schema) names(text string) ([]string, error) {
	if len(text) > MaxFilter {
		return nil, Bad(InvalidValue, "The list of attributes is longer than %d bytes.", MaxFilter)
	}
	if text == "" {
		return nil, nil
	}
	list := []string{}
	for name := range strings.SplitSeq(text, ",") {
		attr, sub, ok := s.resolve(strings.TrimSpace(name))
		switch {
		case !ok:
		case sub != nil:
			list = append(list, attr.name+"."+sub.name)
		default:
			list = append(list, attr.name)
		}
	}
	return list, nil
}

// Shows reports whether an attribute is shown, or a part of it.
func (p Projection) Shows(name string) bool {
	if p.only != nil {
		return slices.ContainsFunc(p.only, func(one string) bool { return one == name || strings.HasPrefix(one, name+".") })
	}
	return !slices.Contains(p.except, name)
}

// Of is what is shown of a resource. Its id and schemas always are.
func (p Projection) Of(body map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range body {
		switch {
		case name == "id" || name == "schemas", p.only == nil && p.except == nil:
			out[name] = value
		case p.Shows(name):
			out[name] = p.parts(name, value)
		}
	}
	return out
}

// parts leaves of a value the parts that are shown.
func (p Projection) parts(name string, value any) any {
	if slices.Contains(p.only, name) {
		return value
	}
	keep := func(object map[string]any) map[string]any {
		object = maps.Clone(object)
		maps.DeleteFunc(object, func(part string, _ any) bool {
			if p.only != nil {
				return !slices.Contains(p.only, name+"."+part)
			}
			return slices.Contains(p.except, name+"."+part)
		})
		return object
	}
	switch v := value.(type) {
	case map[string]any:
		return keep(v)
	case []map[string]any:
		list := make([]map[string]any, len(v))
		for i := range v {
			list[i] = keep(v[i])
		}
		return list
	}
	return value
}
