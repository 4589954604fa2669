// Package decode opens a request into the texts that are worth judging, its
// leaves, and keeps with each the way that led to it: which parameter, which
// member of which document, under which encodings. It reads and judges nothing;
// that something can be decoded is never held against it. Complaints are about
// documents that are not what they claim to be, and work is bounded by counts of
// values, layers and bytes, never by a clock, so that a request is always opened
// in the same way.
package decode

import (
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/detect/decode/layer"
	"farrier.dev/farrier/internal/traffic"
)

// The defaults of Options.
const (
	// DefaultMaxBytes is how many bytes of a body are opened.
	DefaultMaxBytes = 128 << 10
	// DefaultMaxValues is how many leaves a request may have.
	DefaultMaxValues = 10_000
	// DefaultMaxLayers is how many encodings may lie one in the other.
	DefaultMaxLayers = 7
	// MaxNesting is how deep JSON and XML may nest.
	MaxNesting = 300
)

// Options bound the opening of a request. The zero value has all defaults.
type Options struct {
	// MaxBytes is how many bytes of the body are opened; 0 is DefaultMaxBytes.
	MaxBytes int
	// MaxValues is how many leaves there may be; 0 is DefaultMaxValues.
	MaxValues int
	// MaxLayers is how many encodings are opened one in the other; 0 is
	// DefaultMaxLayers. A document inside a value counts as one.
	MaxLayers int
	// MaxDecoded is how many bytes decoding may bring forth; 0 is four times
	// what is opened of the request, and 64 KiB.
	MaxDecoded int
	// GraphQL bounds GraphQL documents.
	GraphQL GraphQLLimits
	// Off switches decoders off at places.
	Off []Rule
}

// GraphQLLimits are the caps of GraphQL whose excess is a complaint. Zero values
// are the defaults, which are given.
type GraphQLLimits struct {
	// Depth is how deep selections nest: 15.
	Depth int
	// Aliases is the number of aliases in a document: 50.
	Aliases int
	// Batch is the number of documents in a request: 10.
	Batch int
	// Tokens is the number of tokens in a document: 4,000.
	Tokens int
}

func (o *Options) filled() Options {
	var f Options
	if o != nil {
		f = *o
	}
	for _, d := range []struct {
		value    *int
		standard int
	}{
		{&f.MaxBytes, DefaultMaxBytes},
		{&f.MaxValues, DefaultMaxValues},
		{&f.MaxLayers, DefaultMaxLayers},
		{&f.GraphQL.Depth, 15},
		{&f.GraphQL.Aliases, 50},
		{&f.GraphQL.Batch, 10},
		{&f.GraphQL.Tokens, 4000},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	return f
}

// Rule switches a decoder off at a place. The zero value switches nothing off.
type Rule struct {
	place   string
	decoder Decoder
	all     bool
}

// NewRule reads a rule. The place is written as in findings, as "query note" or
// "body json /items/*/note"; it means all places below, and "*" any one name.
// The decoder is named as in findings, or "*" for all.
func NewRule(place, decoder string) (Rule, error) {
	r := Rule{place: strings.TrimSpace(place), all: decoder == "*"}
	if r.place == "" {
		return Rule{}, fmt.Errorf("place: it is empty; write it as \"query note\" or \"body json /note\"")
	}
	if r.all {
		return r, nil
	}
	d, ok := ParseDecoder(decoder)
	if !ok {
		return Rule{}, fmt.Errorf("decoder: %q is none; write one of %s, or *", decoder, strings.Join(switchable(), ", "))
	}
	r.decoder = d
	return r, nil
}

// covers says whether the rule is about a place.
func (r *Rule) covers(place string) bool {
	want := r.place
	for want != "" {
		if want[0] == '*' {
			n := strings.IndexAny(place, "/ ")
			if n < 0 {
				n = len(place)
			}
			want, place = want[1:], place[n:]
			continue
		}
		if place == "" || place[0] != want[0] {
			return false
		}
		want, place = want[1:], place[1:]
	}
	return r.place != "" && (place == "" || strings.IndexByte("/ [", place[0]) >= 0)
}

// Read opens a request into t, which is reset first. The texts in t share the
// memory of the request, and hold until the request is released or t is reset.
func Read(q *traffic.Request, o *Options, t *Tree) {
	t.Reset()
	t.options = o.filled()
	t.readPath(q)
	t.Query = q.RawQuery
	t.readPairs(q.RawQuery, pairsOf{parent: none, decoder: AtQuery, source: QueryArg})
	t.readHeader(&q.Header)
	t.readBody(q)
	for i := 0; i < len(t.Leaves); i++ {
		t.deepen(int32(i)) //nolint:gosec // bounded by MaxValues
	}
}

// deepen opens the layers of one leaf; what they hold becomes leaves behind it,
// which are opened in their turn. The texts as they stand in the request so come
// before all that had to be decoded.
func (t *Tree) deepen(i int32) {
	leaf := t.Leaves[i]
	if leaf.Opened || len(leaf.Text) < minLayer {
		return
	}
	if t.graphQLValue(i) {
		return
	}
	of := layered{node: leaf.Node, leaf: i, source: leaf.Source, key: leaf.Key, layers: leaf.Layers}
	enabled := t.enabled(leaf.Node)
	if first := leaf.Text[0]; first == '{' || first == '[' {
		// The members of a document are decoded one by one, so that its text as
		// such need not be.
		if t.open(of, leaf.Text, enabled&layer.SetOf(layer.JSON)); t.Leaves[i].Opened {
			return
		}
		enabled = enabled.Without(layer.JSON)
	}
	t.open(of, leaf.Text, enabled)
}

// minLayer is the length in bytes below which nothing is encoded.
const minLayer = 3

// layered is the text whose layers are being opened.
type layered struct {
	node   int32
	leaf   int32 // none: the text is no leaf itself
	source Source
	key    string
	layers uint8
}

// open opens the layers of a text.
func (t *Tree) open(of layered, text string, enabled layer.Set) {
	if t.left <= 0 {
		t.exhaust(reasonDecoded)
		return
	}
	if t.visit == nil {
		t.visit = t.part
	}
	t.below = of
	t.scratch.Bytes, t.scratch.Parts = t.left, t.options.MaxValues
	if cut := layer.Open(text, enabled, &t.scratch, t.visit); cut != 0 {
		if t.left > 0 && cut.Has(layer.CSV) {
			t.exhaust(reasonValues)
		}
		t.exhaust(reasonDecoded)
	}
}

// part takes what a layer held.
func (t *Tree) part(d layer.Decoder, p layer.Part) bool {
	of := t.below
	if int(of.layers) >= t.options.MaxLayers {
		t.exhaust(reasonLayers)
		return false
	}
	hint := d == layer.JSON || d == layer.XML || d == layer.FormPairs
	if !hint && !t.spend(len(p.Text)) {
		return false
	}
	at := inside{source: of.source, layers: of.layers + 1, key: of.key, from: of.leaf + 1}
	step := Step{Decoder: fromLayer(d), Name: p.Name}
	l := Leaf{Source: of.source, Key: keyOf(of.key, p.Name), Text: p.Text, Layers: at.layers, from: at.from}
	switch p.Form {
	case layer.Plain:
		if p.Text != "" {
			t.leaf(of.node, step, l)
		}
	case layer.AsJSON, layer.AsXML, layer.AsPairs:
		at.node = of.node
		if hint {
			// Tags are more than what stands between them: only JSON is opened whole.
			if whole := t.structured(p, at); whole && of.leaf != none && d == layer.JSON {
				t.Leaves[of.leaf].Opened = true
			}
			break
		}
		at.node = t.node(of.node, step)
		if !t.structured(p, at) {
			t.at(at.node, l)
		}
	}
	return t.Exhausted == "" || t.Exhausted == reasonLayers
}

// keyOf is the name that rules see with a decoded text: that of the part where
// it has one, or else the name of the value.
func keyOf(key, part string) string {
	if part != "" {
		return part
	}
	return key
}

// structured reads a document that is a value, and tells whether all of it was
// read: its parts are leaves then, and its text as such holds nothing more.
func (t *Tree) structured(p layer.Part, at inside) bool {
	switch p.Form {
	case layer.AsJSON:
		return t.readJSON(document{text: p.Text}, at)
	case layer.AsXML:
		return t.readXML(document{text: p.Text}, at)
	case layer.AsPairs:
		t.readPairs(p.Text, pairsOf{parent: at.node, decoder: FormName, source: at.source, layers: at.layers, from: at.from})
	case layer.Plain:
	}
	return false
}
