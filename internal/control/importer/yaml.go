package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/manifest"
)

// decodeAny reads JSON, or else all documents of YAML; those before a fault are given
// with it.
func decodeAny(f manifest.File) ([]any, error) {
	if trimmed := bytes.TrimSpace(f.Text); len(trimmed) == 0 || trimmed[0] == '{' || trimmed[0] == '[' {
		if value, err := decode(f.Text); err == nil {
			return []any{value}, nil
		} else if !strings.HasPrefix(err.Error(), "not readable") {
			return nil, err
		}
	}
	if len(f.Text) > maxYAML {
		return nil, fmt.Errorf("YAML larger than %d MiB; dump it as JSON", maxYAML>>20)
	}
	var out []any
	decoder := yaml.NewDecoder(bytes.NewReader(f.Text))
	for {
		value, err := decodeYAML(decoder)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if out = append(out, value); len(out) > 10_000 {
			return out, errors.New("more than 10000 documents in a file")
		}
	}
}

// maxYAML bounds a file of YAML, in bytes.
const maxYAML = 4 << 20

// decodeYAML reads one document as JSON would say it. Aliases are refused: few lines of
// them can stand for gigabytes.
func decodeYAML(d *yaml.Decoder) (value any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			value, err = nil, errors.New("not readable as YAML")
		}
	}()
	var node yaml.Node
	if err := d.Decode(&node); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, errors.New("not readable as JSON or YAML")
	}
	return plain(&node, 0)
}

func plain(n *yaml.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0], depth)
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			value, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			out[n.Content[i].Value] = value
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, one := range n.Content {
			value, err := plain(one, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	case yaml.ScalarNode:
		return scalar(n), nil
	case yaml.AliasNode:
		return nil, errors.New("YAML aliases are not read")
	}
	return nil, nil //nolint:nilnil // an empty document is null
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
		var i int64
		if n.Decode(&i) == nil {
			return json.Number(strconv.FormatInt(i, 10))
		}
	}
	return n.Value
}
