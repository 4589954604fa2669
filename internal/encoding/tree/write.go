package tree

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// YAML writes a value as YAML with its members in their order, indented by two.
func (n *Node) YAML() (string, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(n.yaml()); err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	if err := e.Close(); err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	return b.String(), nil
}

func (n *Node) yaml() *yaml.Node {
	if n == nil {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	switch n.Kind {
	case Array:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Items {
			out.Content = append(out.Content, item.yaml())
		}
		return out
	case Object:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for i := range n.Members {
			name := &yaml.Node{}
			name.SetString(n.Members[i].Name)
			out.Content = append(out.Content, name, n.Members[i].Value.yaml())
		}
		return out
	case Null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: n.Text}
	case Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
	case Include:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!include", Value: n.Text}
	case String:
	}
	out := &yaml.Node{}
	out.SetString(n.Text)
	return out
}

// MarshalJSON writes a value as JSON with its members in their order.
func (n *Node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := n.json(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (n *Node) json(b *bytes.Buffer) error {
	switch {
	case n.Is(Array):
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.json(b); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case n.Is(Object):
		b.WriteByte('{')
		for i := range n.Members {
			if i > 0 {
				b.WriteByte(',')
			}
			name, err := json.Marshal(n.Members[i].Name)
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			b.Write(name)
			b.WriteByte(':')
			if err := n.Members[i].Value.json(b); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case n.Is(Number), n.Is(Bool):
		b.WriteString(n.Text)
	default:
		text, err := json.Marshal(n.Any())
		if err != nil {
			return fmt.Errorf("writing JSON: %w", err)
		}
		b.Write(text)
	}
	return nil
}
