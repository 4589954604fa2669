package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/revision"
)

// Document is one resource as it is written: its head, and its spec as canonical
// JSON (see [Document.Canonical]). What the spec means is not looked at.
type Document struct {
	APIVersion  string            `json:"apiVersion"`
	Kind        string            `json:"kind"`
	Name        revision.Name     `json:"-"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Spec        json.RawMessage   `json:"spec"`
	// Source is where it was read, empty for what was not read from a file.
	Source revision.Source `json:"-"`
}

// Kinds lists the kinds of resources.
func Kinds() []string { return slices.Clone(kinds) }

// ID is "kind namespace/name", which names a resource of a set.
func (d *Document) ID() string { return d.Kind + " " + d.Name.String() }

// Documents reads files under the limits of Read and gives each resource as it is
// written, in the order of the files. The problems are those of the form alone:
// YAML, kind, name, labels; Read and Build tell what is wrong inside.
func Documents(files []File) ([]Document, []Problem) {
	set := new(Set)
	var out []Document
	room := maxDocuments
	for _, file := range files {
		if len(file.Text) > maxFile {
			set.problems.errorf(position{file: file.Name, line: 1}, "", "larger than %d MiB; split it", maxFile>>20)
			continue
		}
		roots, _ := documents(file.Name, file.Text, room, &set.problems)
		room -= len(roots)
		for _, root := range roots {
			if d := writtenIn(set, root); d != nil {
				out = append(out, *d)
			}
		}
	}
	return out, set.problems.sorted()
}

// writtenIn reads the head of a resource; nil when it was reported instead.
func writtenIn(set *Set, root *node) *Document {
	r := &reader{set: set, problems: &set.problems}
	before := len(set.problems.list)
	o := r.object(root, root.position, "")
	if o == nil {
		return nil
	}
	if root.find("kind") == nil {
		o.rename("Kind", "kind")
	}
	d := &Document{Source: root.source()}
	if d.APIVersion, _ = o.needText("apiVersion"); d.APIVersion != "" {
		known(o, "apiVersion", d.APIVersion, versions)
	}
	h := header{at: root.position}
	if d.Kind, _ = o.needText("kind"); d.Kind != "" {
		known(o, "kind", d.Kind, kinds)
	}
	r.metadata(o, &h)
	d.Name, d.Labels, d.Annotations = h.name, h.labels, h.annotations
	spec := o.needObject("spec")
	o.close()
	if wrong := set.problems.list[before:]; spec == nil || HasErrors(wrong) {
		return nil
	}
	if err := order(spec.n, d.Kind, ""); err != nil {
		set.problems.errorf(spec.at, "spec", "%v", err)
		return nil
	}
	d.Spec = appendJSON(nil, spec.n)
	return d
}

// Canonical checks the head of a resource and brings its spec into canonical form:
// keys sorted, but for the services of an API, whose order decides; numbers as
// short as can be; no blanks. Two resources that say the same are then equal.
func (d *Document) Canonical() error {
	if d.Name.Namespace == "" {
		d.Name.Namespace = defaultNamespace
	}
	switch {
	case !slices.Contains(versions, d.APIVersion):
		return fmt.Errorf("apiVersion: must be one of %s", strings.Join(versions, ", "))
	case !slices.Contains(kinds, d.Kind):
		return fmt.Errorf("kind: must be one of %s", strings.Join(kinds, ", "))
	case !resourceName.MatchString(d.Name.Name) || !resourceName.MatchString(d.Name.Namespace):
		return errors.New("metadata: name and namespace must be at most 253 letters, digits, dots, dashes and underscores, and begin and end with a letter or digit")
	}
	for _, words := range []map[string]string{d.Labels, d.Annotations} {
		if len(words) > maxKeys {
			return fmt.Errorf("metadata: more than %d labels or annotations", maxKeys)
		}
		for key := range words {
			if err := keyFits(key); err != nil {
				return fmt.Errorf("metadata: %w", err)
			}
		}
	}
	spec, err := jsonNode(d.Spec)
	if err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if spec.kind != mapping {
		return errors.New("spec: must be an object")
	}
	if err := order(spec, d.Kind, ""); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	d.Spec = appendJSON(nil, spec)
	if len(d.Spec) > maxFile/2 {
		return fmt.Errorf("spec: larger than %d MiB", maxFile>>21)
	}
	return nil
}

// YAML writes the resource as a document of a manifest, in the one form that two
// equal resources share.
func (d *Document) YAML() ([]byte, error) {
	spec, err := jsonNode(d.Spec)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", d.ID(), err)
	}
	metadata := &node{kind: mapping, pairs: []pair{{key: "name", value: textNode(d.Name.Name)}, {key: "namespace", value: textNode(d.Name.Namespace)}}}
	for _, words := range []struct {
		key    string
		values map[string]string
	}{{"labels", d.Labels}, {"annotations", d.Annotations}} {
		if len(words.values) == 0 {
			continue
		}
		inner := &node{kind: mapping}
		for _, key := range slices.Sorted(maps.Keys(words.values)) {
			inner.pairs = append(inner.pairs, pair{key: key, value: textNode(words.values[key])})
		}
		metadata.pairs = append(metadata.pairs, pair{key: words.key, value: inner})
	}
	root := &node{kind: mapping, pairs: []pair{
		{key: "apiVersion", value: textNode(d.APIVersion)},
		{key: "kind", value: textNode(d.Kind)},
		{key: "metadata", value: metadata},
		{key: "spec", value: spec},
	}}
	var b bytes.Buffer
	writeMapping(&b, root, 0)
	return b.Bytes(), nil
}

func textNode(text string) *node { return &node{value: text} }

// Write gives the canonical manifest of some resources: a document each, sorted by
// kind, namespace and name.
func Write(all []Document) ([]byte, error) {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b Document) int { return Compare(&a, &b) })
	var b bytes.Buffer
	for i := range sorted {
		text, err := sorted[i].YAML()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(text)
	}
	return b.Bytes(), nil
}

// Compare orders resources as Write does.
func Compare(a, b *Document) int {
	if a.Kind != b.Kind {
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	}
	if c := strings.Compare(a.Name.Namespace, b.Name.Namespace); c != 0 {
		return c
	}
	return strings.Compare(a.Name.Name, b.Name.Name)
}

// order sorts the keys of all mappings below n and makes numbers canonical.
func order(n *node, kind, path string) error {
	for i := range n.pairs {
		if err := keyFits(n.pairs[i].key); err != nil {
			return err
		}
		if err := order(n.pairs[i].value, kind, path+"."+n.pairs[i].key); err != nil {
			return err
		}
	}
	for _, item := range n.items {
		if err := order(item, kind, path+"[]"); err != nil {
			return err
		}
	}
	if kind != kindAPI || path != ".services" {
		slices.SortFunc(n.pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	}
	if number, ok := n.value.(json.Number); ok {
		canonical, err := number64(string(number))
		if err != nil {
			return err
		}
		n.value = canonical
	}
	return nil
}

// maxKey is the length of the longest key that can be written, in bytes.
const maxKey = 300

// keyFits refuses keys that readers of YAML would not take.
func keyFits(key string) error {
	if len(key) > maxKey || len(quoted(key)) > 1000 {
		return fmt.Errorf("a key is longer than %d bytes", maxKey)
	}
	return nil
}

// jsonNode reads JSON with the order of its keys.
func jsonNode(text []byte) (*node, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	n, err := jsonValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after the JSON value")
	}
	return n, nil
}

func jsonValue(decoder *json.Decoder, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values nest deeper than %d levels", maxDepth)
	}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("not readable as JSON: %w", err)
	}
	switch token {
	case json.Delim('{'):
		return jsonObject(decoder, depth)
	case json.Delim('['):
		n := &node{kind: list}
		for decoder.More() {
			item, err := jsonValue(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err := decoder.Token()
		return n, err
	}
	return &node{value: token}, nil
}

func jsonObject(decoder *json.Decoder, depth int) (*node, error) {
	n, seen := &node{kind: mapping}, map[string]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("not readable as JSON: %w", err)
		}
		key, _ := token.(string)
		switch {
		case seen[key]:
			return nil, fmt.Errorf("the key %q stands twice", oneLine(key, 80))
		case len(seen) >= maxKeys:
			return nil, fmt.Errorf("more than %d keys in one object", maxKeys)
		}
		seen[key] = true
		value, err := jsonValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		n.pairs = append(n.pairs, pair{key: key, value: value})
	}
	_, err := decoder.Token()
	return n, err
}

// appendJSON writes a value without blanks, keys in their order.
func appendJSON(out []byte, n *node) []byte {
	switch n.kind {
	case mapping:
		out = append(out, '{')
		for i, p := range n.pairs {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendText(out, p.key), ':')
			out = appendJSON(out, p.value)
		}
		return append(out, '}')
	case list:
		out = append(out, '[')
		for i, item := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, item)
		}
		return append(out, ']')
	case scalar:
	}
	switch v := n.value.(type) {
	case string:
		return appendText(out, v)
	case json.Number:
		return append(out, v...)
	case bool:
		return fmt.Appendf(out, "%t", v)
	}
	return append(out, "null"...)
}

func appendText(out []byte, text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return append(out, `""`...) // text always encodes
	}
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
