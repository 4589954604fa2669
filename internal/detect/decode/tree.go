package decode

import (
	"farrier.dev/farrier/internal/detect/decode/layer"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/xmltext"
)

// Source says which part of a request a leaf is, as rules tell them apart. What
// is decoded from a leaf has the same.
type Source uint8

// The sources of leaves.
const (
	// QueryArg is a parameter of the query.
	QueryArg Source = iota
	// PathArg is a segment of the path that is more than a plain word.
	PathArg
	// BodyArg is a value of a form, a field of a multipart form or a value in a
	// document.
	BodyArg
	// BodyText is a body, or the rest of one, without known structure.
	BodyText
	// Header is a registered header, which gateways and frameworks read.
	Header
	// HeaderArg is a header of the application. It is a header and an argument.
	HeaderArg
	// Cookie is a cookie.
	Cookie
	// FileName is the name of an uploaded file.
	FileName
	// FileField is the name of the field that holds a file; its text is the name.
	FileField
	// FileText is the content of an uploaded file, or a value in it.
	FileText
	// PartHeader is a header of a part, "Name: value".
	PartHeader
)

var sourceNames = [...]string{
	"query argument", "path argument", "body argument", "body text", "header", "header argument",
	"cookie", "file name", "file field", "file text", "part header",
}

// String is the source in words.
func (s Source) String() string {
	if int(s) >= len(sourceNames) {
		return "unknown"
	}
	return sourceNames[int(s)]
}

// none is the parent of a root, and the node or leaf that there is not.
const none int32 = -1

// Step is one step from a node to the next.
type Step struct {
	Decoder Decoder
	// Index is the index of JSONIndex, from 0, and the number of GRPCMessage.
	Index int32
	// Name is the name of a parameter, member, element or field.
	Name string
}

// Node is a place on the way to leaves.
type Node struct {
	// Parent is the index of the node before, or -1.
	Parent int32
	Step   Step
}

// Leaf is one text to judge.
type Leaf struct {
	// Node is its place, an index into Tree.Nodes.
	Node int32
	// Source is the part of the request that it belongs to.
	Source Source
	// Layers is the number of encodings that were undone below the value as it
	// stands in the request; the reading of the body itself is none. What lies
	// below a header or a cookie is read by some application: it is an argument.
	Layers uint8
	// Opened says that the whole text is a document whose parts are leaves, so
	// that it holds nothing that they do not.
	Opened bool
	// Key is the name that rules see: of a parameter, or of a member with that
	// of the object around it, "items.note". It is decoded and may be an attack.
	Key string
	// Text is the decoded text. It is empty where only the name is to be judged.
	Text string
	// from is the leaf that it was decoded from, counted from 1; 0 is none.
	from int32
}

// Repeat is a further place of a leaf: the same text under the same name.
type Repeat struct{ Leaf, Node int32 }

// Tree is an opened request. The zero value is ready for Read; used again, it
// keeps its memory. It serves one goroutine.
type Tree struct {
	Nodes  []Node
	Leaves []Leaf
	// Repeats are the places of leaves that occur more than once. A leaf is
	// judged once, but a place that is excluded excuses no other: see Places.
	Repeats []Repeat
	// Complaints are about documents that are not what they claim to be.
	Complaints []Complaint
	// Facts are what rules may want to know and nobody need complain of.
	Facts []Fact
	// NotInspected says what was not opened, and why.
	NotInspected []string
	// Exhausted is the budget that ran out, "values", "decoded bytes" or
	// "layers"; "" when all was opened.
	Exhausted string
	// Path and Query are as the client wrote them, Body is the text of the body
	// where it is text, Length the number of its bytes that were opened.
	Path, Query, Body string
	Length            int
	// Processor is the reader of the body as ModSecurity names it: URLENCODED,
	// MULTIPART, JSON, XML or "".
	Processor string

	options Options
	left    int // decoded bytes that may still come
	numbers int
	seen    seenTable
	keys    keyTable
	arena   arena
	scratch layer.Scratch
	visit   layer.Visit
	below   layered
	json    jsontext.Scanner
	xml     xmltext.Reader
	levels  []level
	links   []link
	runs    []byte // the text of an element that is in pieces
	scrap   []byte
	groups  groups
	lexer   graphqlReader
	batch   int
	sniffed format // what the whole body was read as because it looked so
}

// Reset makes the tree empty and keeps its memory; it lets go of that of the
// request.
func (t *Tree) Reset() {
	if cap(t.Leaves)+cap(t.Nodes)+cap(t.Repeats)+cap(t.links) > keptEntries {
		t.Leaves, t.Nodes, t.Repeats, t.links = nil, nil, nil, nil
	}
	clear(t.Nodes)
	clear(t.Leaves)
	clear(t.Complaints)
	clear(t.Facts)
	t.Nodes, t.Leaves, t.Repeats = t.Nodes[:0], t.Leaves[:0], t.Repeats[:0]
	t.Complaints, t.Facts, t.NotInspected = t.Complaints[:0], t.Facts[:0], nil
	t.Exhausted, t.Path, t.Query, t.Body, t.Processor, t.Length = "", "", "", "", "", 0
	t.left, t.numbers, t.batch, t.sniffed = 0, 0, 0, unknownFormat
	t.seen.reset()
	t.keys.reset()
	t.arena.reset()
	t.below = layered{}
	t.lexer = graphqlReader{}
	t.json.Reset(nil, jsonLimits)
	t.xml.Reset(nil, xmlLimits)
	clear(t.levels[:cap(t.levels)])
}

// keptEntries bounds the memory that is kept for the next request, in entries of
// about 50 bytes.
const keptEntries = 1 << 14

// The reasons of Exhausted.
const (
	reasonValues  = "values"
	reasonDecoded = "decoded bytes"
	reasonLayers  = "layers"
)

func (t *Tree) exhaust(reason string) {
	if t.Exhausted == "" {
		t.Exhausted = reason
	}
}

// spend takes n bytes from the budget of decoded bytes.
func (t *Tree) spend(n int) bool {
	if n > t.left {
		t.exhaust(reasonDecoded)
		return false
	}
	t.left -= n
	return true
}

// maxSkipped bounds what is named as not inspected.
const maxSkipped = 32

func (t *Tree) skip(what string) {
	switch n := len(t.NotInspected); {
	case n < maxSkipped:
		t.NotInspected = append(t.NotInspected, what)
	case n == maxSkipped:
		t.NotInspected = append(t.NotInspected, "and more")
	}
}

// room says that one more leaf or place may be kept.
func (t *Tree) room() bool {
	if len(t.Leaves)+len(t.Repeats) >= t.options.MaxValues {
		t.exhaust(reasonValues)
		return false
	}
	return true
}

func (t *Tree) node(parent int32, s Step) int32 {
	t.Nodes = append(t.Nodes, Node{Parent: parent, Step: s})
	return int32(len(t.Nodes) - 1) //nolint:gosec // a few a value, which are bounded
}

// find gives the leaf of a text under a name, or none.
func (t *Tree) find(source Source, key, text string) int32 {
	return t.seen.find(t.Leaves, source, key, text)
}

// put adds a leaf that find did not know, and gives its index, or none where
// there is no room.
func (t *Tree) put(l Leaf) int32 {
	if !t.room() {
		return none
	}
	if len(l.Text) > len(dataURL) && l.Text[:len(dataURL)] == dataURL && t.embeddedPicture(l.Text) {
		l.Text = ""
	}
	t.Leaves = append(t.Leaves, l)
	t.seen.add(t.Leaves)
	i := int32(len(t.Leaves) - 1) //nolint:gosec // bounded by MaxValues
	if l.Source != Header && codedName(l.Key) && l.Key != l.Text && t.find(l.Source, l.Key, l.Key) == none {
		// The name is judged as it stands; as a text, its layers are opened too.
		t.put(Leaf{Node: l.Node, Source: l.Source, Key: l.Key, Text: l.Key, Layers: l.Layers, from: l.from})
	}
	return i
}

// codedName says that a name may be encoded once more.
func codedName(key string) bool {
	for i := range len(key) {
		if c := key[i]; c == '%' || c == '&' || c == '\\' {
			return true
		}
	}
	return false
}

// leaf adds a leaf below parent, or one more place of a known one.
func (t *Tree) leaf(parent int32, s Step, l Leaf) int32 {
	if !t.room() {
		return none
	}
	if known := t.find(l.Source, l.Key, l.Text); known != none {
		if l.Text != "" {
			t.Repeats = append(t.Repeats, Repeat{known, t.node(parent, s)})
		}
		return none
	}
	l.Node = t.node(parent, s)
	return t.put(l)
}

// at adds a leaf at a node that there is, or one more place of a known one.
func (t *Tree) at(node int32, l Leaf) {
	known := t.find(l.Source, l.Key, l.Text)
	switch {
	case known == none:
		l.Node = node
		t.put(l)
	case l.Text != "" && t.room():
		t.Repeats = append(t.Repeats, Repeat{known, node})
	}
}

// complain adds a complaint about the place of node.
func (t *Tree) complain(k ComplaintKind, node int32, detail string) {
	for i := range t.Complaints {
		if t.Complaints[i].Kind == k && t.Complaints[i].Node == node {
			return
		}
	}
	if len(t.Complaints) < maxComplaints {
		t.Complaints = append(t.Complaints, Complaint{k, node, detail})
	}
}

// maxComplaints bounds the complaints of a request; one is enough to refuse it.
const maxComplaints = 64

func (t *Tree) fact(k FactKind, node int32, detail string) {
	for i := range t.Facts {
		if t.Facts[i].Kind == k && t.Facts[i].Detail == detail {
			return
		}
	}
	if len(t.Facts) < maxFacts {
		t.Facts = append(t.Facts, Fact{k, node, detail})
	}
}

const maxFacts = 64
