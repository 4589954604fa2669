package spectral

import (
	"errors"
	"strconv"

	"github.com/dop251/goja"

	"farrier.dev/farrier/internal/encoding/tree"
)

// converter turns values of scripts into trees.
type converter struct {
	engine *engine
	source *tree.Source
	left   int
}

const (
	maxConverted      = 500_000
	maxConvertedDepth = 200
)

func (c *converter) node(v goja.Value, depth int) (*tree.Node, error) {
	if c.left--; c.left < 0 || depth > maxConvertedDepth {
		return nil, errors.New("the value has too many parts, or holds itself")
	}
	at := &tree.Node{Source: c.source}
	switch {
	case v == nil || goja.IsUndefined(v):
		return nil, nil //nolint:nilnil // undefined is nothing
	case goja.IsNull(v):
		return tree.New(at, tree.Null, ""), nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		return c.primitive(at, v), nil
	}
	if n := c.engine.nodes[o]; n != nil {
		return n, nil
	}
	if name, known := c.engine.names[o]; known {
		return tree.NewText(at, name), nil
	}
	switch o.ClassName() {
	case "Function":
		return tree.NewText(at, c.engine.named(o)), nil
	case "RegExp":
		return tree.New(at, writtenInScript, "/"+o.Get("source").String()+"/"+o.Get("flags").String()), nil
	case "Array":
		return c.array(at, o, depth)
	}
	return c.object(at, o, depth)
}

func (c *converter) primitive(at *tree.Node, v goja.Value) *tree.Node {
	switch x := v.Export().(type) {
	case bool:
		return tree.NewBool(at, x)
	case int64:
		return tree.New(at, tree.Number, strconv.FormatInt(x, 10))
	case float64:
		return tree.New(at, tree.Number, formatNumber(x))
	}
	return tree.NewText(at, v.String())
}

func (c *converter) array(at *tree.Node, o *goja.Object, depth int) (*tree.Node, error) {
	out := tree.NewArray(at)
	length := o.Get("length").ToInteger()
	if length > int64(c.left) {
		return nil, errors.New("the list is too long")
	}
	for i := range length {
		item, err := c.node(o.Get(strconv.FormatInt(i, 10)), depth+1)
		if err != nil {
			return nil, err
		}
		if item == nil {
			item = tree.New(at, tree.Null, "")
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func (c *converter) object(at *tree.Node, o *goja.Object, depth int) (*tree.Node, error) {
	out := tree.NewObject(at)
	for _, name := range o.Keys() {
		v := o.Get(name)
		n, err := c.node(v, depth+1)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if name == "functionOptions" {
			c.engine.options[n] = v
		}
		out.Members = append(out.Members, tree.Member{Name: name, Value: n})
	}
	out.Index()
	return out, nil
}
