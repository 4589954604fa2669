package decode

import (
	"slices"
	"strconv"
	"strings"
)

// maxName bounds the names in places, which clients choose, in bytes.
const maxName = 128

// groups is the way to a node, steps of one document joined.
type groups struct {
	chain []int32
	list  []group
	path  []byte
}

// group is a part of the request or an encoding, and the path in it.
type group struct {
	label string
	// inBody says that it is a format of a body.
	inBody bool
	path   []byte
}

// labels are the names of places; the steps without one lengthen the path of
// the step before.
var labels = [firstLayer]string{
	AtPath: "path", AtMatrix: "path", AtQuery: "query", AtHeader: "header", AtCookie: "cookie", AtBody: "body",
	FormName: "form", JSON: "json", XML: "xml", MultipartPart: "multipart", MultipartFileName: "multipart file name",
	MultipartHeader: "multipart header", PlainText: "text", GraphQL: "graphql", GRPCMessage: "grpc", BasicAuth: "basic",
	Joined: "joined", Charset: "charset",
}

// Place is the place of a node as findings name it: "query id", "body json
// /items/0/note", and the layers below, "query q > base64 > json /id".
func (t *Tree) Place(node int32) string {
	var b strings.Builder
	for i, g := range t.way(node) {
		switch {
		case i == 1 && g.inBody && t.groups.list[0].label == labels[AtBody]:
			b.WriteByte(' ')
		case i > 0:
			b.WriteString(" > ")
		}
		g.write(&b)
	}
	return b.String()
}

// Way is the way to a node as people read it: "post → json /items/3/note →
// base64 → xml /a/@id".
func (t *Tree) Way(node int32) string {
	var b strings.Builder
	for i, g := range t.way(node) {
		if i > 0 {
			b.WriteString(" → ")
		}
		if g.label == labels[AtBody] {
			g.label = "post"
		}
		g.write(&b)
	}
	return b.String()
}

func (g *group) write(b *strings.Builder) {
	b.WriteString(g.label)
	if len(g.path) == 0 {
		return
	}
	b.WriteByte(' ')
	path := string(g.path)
	if len(path) > maxName {
		path = strings.ToValidUTF8(path[:maxName], "")
	}
	b.WriteString(path)
}

// Places are all places of a leaf: its own, those where the same text stands
// under the same name, and those of what it was decoded from. An exclusion must
// cover every one of them.
func (t *Tree) Places(leaf int32) []string {
	l := &t.Leaves[leaf]
	own := t.Place(l.Node)
	all := []string{own}
	for _, r := range t.Repeats {
		if r.Leaf == leaf {
			all = append(all, t.Place(r.Node))
		}
	}
	if l.from > 0 {
		above := t.Place(t.Leaves[l.from-1].Node)
		if below, ok := strings.CutPrefix(own, above); ok {
			for _, place := range t.Places(l.from - 1)[1:] {
				all = append(all, place+below)
			}
		}
	}
	return all
}

// Decoders are the encodings that were undone on the way to a node, outermost
// first, as findings list them.
func (t *Tree) Decoders(node int32) []string {
	var names []string
	for ; node >= 0 && int(node) < len(t.Nodes); node = t.Nodes[node].Parent {
		if name := t.Nodes[node].Step.Decoder.String(); name != "" {
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return names
}

// Root is the part of the request that a node belongs to: AtPath, AtMatrix,
// AtQuery, AtHeader, AtCookie or AtBody.
func (t *Tree) Root(node int32) Decoder {
	for t.Nodes[node].Parent != none {
		node = t.Nodes[node].Parent
	}
	return t.Nodes[node].Step.Decoder
}

// way gives the groups to a node; they are good until it is called again.
func (t *Tree) way(node int32) []group {
	g := &t.groups
	g.chain, g.list, g.path = g.chain[:0], g.list[:0], g.path[:0]
	total := 0
	for ; node >= 0 && int(node) < len(t.Nodes); node = t.Nodes[node].Parent {
		g.chain = append(g.chain, node)
		total += 2*len(t.Nodes[node].Step.Name) + 32
	}
	g.path = slices.Grow(g.path, total)
	for _, n := range slices.Backward(g.chain) {
		g.step(&t.Nodes[n].Step)
	}
	return g.list
}

func (g *groups) step(s *Step) {
	label := s.Decoder.String()
	if s.Decoder < firstLayer {
		label = labels[s.Decoder]
	}
	if label != "" || len(g.list) == 0 {
		from := len(g.path)
		g.list = append(g.list, group{label: label, inBody: FormName <= s.Decoder && s.Decoder <= GRPCMessage})
		switch s.Decoder {
		case AtMatrix:
			g.path = append(g.path, ';')
			g.path = append(g.path, s.Name...)
		case GRPCMessage:
			g.path = strconv.AppendInt(g.path, int64(s.Index), 10)
		default:
			g.path = append(g.path, s.Name...)
		}
		g.list[len(g.list)-1].path = g.path[from:]
		return
	}
	from := len(g.path) - len(g.list[len(g.list)-1].path)
	g.lengthen(s)
	g.list[len(g.list)-1].path = g.path[from:]
}

// lengthen appends a step within a document to the path.
func (g *groups) lengthen(s *Step) {
	switch s.Decoder {
	case ArrayKey:
		g.path = append(append(append(g.path, '['), s.Name...), ']')
	case JSONIndex:
		g.path = strconv.AppendInt(append(g.path, '/'), int64(s.Index), 10)
	case JSONMember:
		g.path = append(g.path, '/')
		for i := range len(s.Name) {
			switch c := s.Name[i]; c {
			case '~':
				g.path = append(g.path, "~0"...)
			case '/':
				g.path = append(g.path, "~1"...)
			default:
				g.path = append(g.path, c)
			}
		}
	case XMLAttribute:
		g.path = append(append(g.path, "/@"...), s.Name...)
	case XMLComment:
		g.path = append(g.path, "/comment()"...)
	case XMLInstruction:
		g.path = append(g.path, "/processing-instruction()"...)
	case XMLDoctype:
		g.path = append(g.path, "!DOCTYPE"...)
	default:
		g.path = append(append(g.path, '/'), s.Name...)
	}
}
