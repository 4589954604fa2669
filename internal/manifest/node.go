package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/revision"
)

const (
	// maxDepth bounds how deep values nest.
	maxDepth = 100
	// maxAliased bounds how many values of one document come out of aliases.
	maxAliased = 10_000
	// maxKeys bounds the keys of one mapping.
	maxKeys = 2_000
)

// position is a place in a file.
type position struct {
	file         string
	line, column int
}

func (p position) source() revision.Source { return revision.Source{File: p.file, Line: p.line} }

func (p position) String() string { return p.file + ":" + strconv.Itoa(p.line) }

// node is a YAML value with its aliases resolved.
type node struct {
	position
	kind kind
	// bad says that the value could not be read, which was reported.
	bad bool
	// value is the scalar: nil, bool, string, json.Number.
	value any
	pairs []pair
	items []*node
}

type kind uint8

const (
	scalar kind = iota
	mapping
	list
)

type pair struct {
	position // of the key
	key      string
	value    *node
}

func (n *node) find(key string) *pair {
	for i := range n.pairs {
		if n.pairs[i].key == key {
			return &n.pairs[i]
		}
	}
	return nil
}

func (n *node) null() bool { return n == nil || n.kind == scalar && n.value == nil }

// what names the type of a value for people.
func (n *node) what() string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case list:
		return "a list"
	case scalar:
	}
	switch n.value.(type) {
	case nil:
		return "empty"
	case bool:
		return "a boolean"
	case string:
		return "text"
	default:
		return "a number"
	}
}

// clone copies a value so that it can be altered.
func (n *node) clone() *node {
	if n == nil {
		return nil
	}
	c := *n
	c.pairs, c.items = nil, nil
	for _, p := range n.pairs {
		p.value = p.value.clone()
		c.pairs = append(c.pairs, p)
	}
	for _, item := range n.items {
		c.items = append(c.items, item.clone())
	}
	return &c
}

// locate follows a path of keys and indices as far as it leads, and gives the
// place of the last step.
func (n *node) locate(path []string) position {
	at := n.position
	for _, step := range path {
		var next *node
		if p := n.find(step); p != nil {
			at, next = p.position, p.value
		} else if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
			next = n.items[i]
			at = next.position
		}
		if next == nil {
			break
		}
		n = next
	}
	return at
}

// at follows a path of keys and indices to its end; nil when there is none.
func (n *node) at(path []string) *node {
	for _, step := range path {
		if p := n.find(step); p != nil {
			n = p.value
		} else if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
			n = n.items[i]
		} else {
			return nil
		}
	}
	return n
}

// plain is the value as encoding/json knows it.
func (n *node) plain() any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.key] = p.value.plain()
		}
		return m
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.plain()
		}
		return items
	case scalar:
	}
	return n.value
}

// texts visits every string below n with its path.
func (n *node) texts(path []string, visit func(path []string, n *node, text string)) {
	for _, p := range n.pairs {
		p.value.texts(append(path, p.key), visit)
	}
	for i, item := range n.items {
		item.texts(append(path, strconv.Itoa(i)), visit)
	}
	if text, ok := n.value.(string); ok {
		visit(path, n, text)
	}
}

// converter turns a YAML document into a node.
type converter struct {
	file     string
	offset   int // lines before the document
	problems *problems
	aliased  int
	inAlias  int
	stopped  bool
}

func (c *converter) position(y *yaml.Node) position {
	return position{file: c.file, line: max(y.Line+c.offset, 1), column: max(y.Column, 1)}
}

// documentField names the whole document where no field of it is meant.
const documentField = "document"

func fieldOr(path string) string {
	if path == "" {
		return documentField
	}
	return path
}

// convert never returns nil; what can not be converted is reported and null.
func (c *converter) convert(y *yaml.Node, path string, depth int) *node {
	n := &node{position: c.position(y)}
	if c.stopped {
		n.bad = true
		return n
	}
	fail := func(format string, args ...any) *node {
		c.problems.errorf(n.position, fieldOr(path), format, args...)
		n.bad = true
		return n
	}
	if depth > maxDepth {
		c.stopped = true
		return fail("values nest deeper than %d levels, or an alias contains itself; write it flatter", maxDepth)
	}
	if c.inAlias > 0 {
		if c.aliased++; c.aliased > maxAliased {
			c.stopped = true
			return fail("the aliases of this document stand for more than %d values; write them out", maxAliased)
		}
	}
	switch y.Kind {
	case yaml.AliasNode:
		c.inAlias++
		defer func() { c.inAlias-- }()
		return c.convert(y.Alias, path, depth+1)
	case yaml.MappingNode:
		if tag := y.ShortTag(); tag != "!!map" {
			return fail("the YAML tag %q is not supported; remove it", tag)
		}
		n.kind = mapping
		c.pairs(n, y, path, depth)
	case yaml.SequenceNode:
		if tag := y.ShortTag(); tag != "!!seq" {
			return fail("the YAML tag %q is not supported; remove it", tag)
		}
		n.kind = list
		for i, item := range y.Content {
			n.items = append(n.items, c.convert(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	case yaml.ScalarNode:
		value, err := scalarValue(y)
		if err != nil {
			return fail("%v", err)
		}
		n.value = value
	case yaml.DocumentNode:
		fallthrough
	default:
		return fail("not a YAML value")
	}
	return n
}

func (c *converter) pairs(n *node, y *yaml.Node, path string, depth int) {
	if len(y.Content) > 2*maxKeys {
		c.problems.errorf(n.position, fieldOr(path), "more than %d keys in one mapping", maxKeys)
		n.bad, n.kind = true, scalar
		return
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		at := c.position(key)
		switch {
		case key.Kind != yaml.ScalarNode:
			c.problems.errorf(at, fieldOr(path), "a key must be plain text")
			continue
		case key.ShortTag() == "!!merge":
			c.problems.errorf(at, join(path, "<<"), "merge keys are not supported; write the keys out")
			continue
		}
		inner := join(path, key.Value)
		if first := n.find(key.Value); first != nil {
			c.problems.errorf(at, inner, "the key stands here twice, first in line %d; remove one", first.line)
			continue
		}
		n.pairs = append(n.pairs, pair{position: at, key: key.Value, value: c.convert(value, inner, depth+1)})
	}
}

func join(path, key string) string {
	if key == "" {
		key = `""`
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func scalarValue(y *yaml.Node) (any, error) {
	plain := strings.ReplaceAll(y.Value, "_", "")
	switch tag := y.ShortTag(); tag {
	case "!!null":
		return nil, nil
	case "!!str", "!!timestamp":
		return y.Value, nil
	case "!!bool":
		switch strings.ToLower(y.Value) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, errors.New("a boolean is true or false")
	case "!!int":
		if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
			return json.Number(strconv.FormatInt(i, 10)), nil
		}
		if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
			return json.Number(strconv.FormatUint(u, 10)), nil
		}
		return nil, errors.New("not a number of at most 64 bits")
	case "!!float":
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, errors.New("not a finite number")
		}
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
	default:
		return nil, fmt.Errorf("the YAML tag %q is not supported; remove it, or quote the value", tag)
	}
}
