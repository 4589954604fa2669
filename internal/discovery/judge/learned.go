package judge

import (
	"strings"

	"farrier.dev/farrier/internal/discovery"
)

// values are the statistics of the values at one place.
type values = discovery.Values

// field is one place of a learned document.
type field struct {
	// path is as in drift: "/items/*/note", "*" for elements of arrays and members with
	// changing names.
	path  string
	types []string
	// count is how often it was there; present in how many objects around it, objects how
	// many objects it was itself.
	count, present, objects uint64
	values                  *values
}

// fieldsOf are the places of a learned document, parents first.
func fieldsOf(s *discovery.Schema) []*field {
	var all []*field
	var walk func(path string, n *discovery.Schema)
	walk = func(path string, n *discovery.Schema) {
		f := &field{path: path, count: n.Count(), present: n.Present(), objects: n.Objects(), values: n.Values()}
		for _, t := range n.Types() {
			f.types = append(f.types, string(t))
		}
		all = append(all, f)
		inner := path
		if n.Repeated() {
			inner += "/*"
		}
		for name, member := range n.Members() {
			walk(inner+"/"+escape(name), member)
		}
		if extra := n.Additional(); extra != nil {
			walk(inner+"/*", extra)
		}
		if items := n.Items(); items != nil {
			walk(path+"/*", items)
		}
	}
	walk("", s)
	return all
}

// escape writes a name as JSON pointers do.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// typesOf is the type of the values of a parameter.
func typesOf(v *values) []string {
	t := string(v.Type())
	if t == "" {
		return nil
	}
	return []string{t}
}
