package manifest

import (
	"strconv"
)

// Field is one value of a resource that holds no others.
type Field struct {
	// Path leads to it, as "spec.rateLimits[0].maximumRequests".
	Path string
	// Steps are the same, keys and indices apart.
	Steps []string
	// Value is the value as canonical JSON; Text is it where it is text.
	Value  string
	Text   string
	IsText bool
}

// Fields lists the values of the spec, in the order in which they are written.
func (d *Document) Fields() ([]Field, error) {
	n, err := jsonNode(d.Spec)
	if err != nil {
		return nil, err
	}
	var out []Field
	n.leaves("spec", []string{"spec"}, func(path string, steps []string, n *node) {
		f := Field{Path: path, Steps: append([]string(nil), steps...), Value: string(appendJSON(nil, n))}
		f.Text, f.IsText = n.value.(string)
		out = append(out, f)
	})
	return out, nil
}

// leaves visits all values that hold no others.
func (n *node) leaves(path string, steps []string, visit func(path string, steps []string, n *node)) {
	if n.kind == scalar || len(n.pairs)+len(n.items) == 0 {
		visit(path, steps, n)
		return
	}
	for _, p := range n.pairs {
		p.value.leaves(join(path, p.key), append(steps, p.key), visit)
	}
	for i, item := range n.items {
		item.leaves(path+"["+strconv.Itoa(i)+"]", append(steps, strconv.Itoa(i)), visit)
	}
}

// Rewrite gives the resource with each text of its spec, by its path, replaced by
// what change makes of it.
func (d *Document) Rewrite(change func(path, text string) string) (Document, error) {
	n, err := jsonNode(d.Spec)
	if err != nil {
		return Document{}, err
	}
	n.leaves("spec", nil, func(path string, _ []string, n *node) {
		if text, ok := n.value.(string); ok {
			n.value = change(path, text)
		}
	})
	out := *d
	out.Spec = appendJSON(nil, n)
	return out, nil
}
