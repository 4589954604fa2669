package raml

import "farrier.dev/farrier/internal/encoding/tree"

func (r *reader) project31(root *tree.Node) *tree.Node { return tree.NewObject(root) }

func (r *reader) nameType(m tree.Member) { r.names[m.Value] = m.Name }
