package decode

import (
	"strings"

	"farrier.dev/farrier/internal/encoding/form"
	"farrier.dev/farrier/internal/traffic"
)

// rawPath is the path as the client wrote it, for what its spelling betrays.
func rawPath(q *traffic.Request) string {
	path, _, _ := strings.Cut(q.RawTarget, "?")
	if !strings.HasPrefix(path, "/") {
		return q.Path
	}
	return path
}

// readPath takes the segments that are more than plain words, for APIs carry
// parameters in them, and the matrix parameters behind them.
func (t *Tree) readPath(q *traffic.Request) {
	t.Path = rawPath(q)
	t.left = t.options.MaxDecoded
	if t.left <= 0 {
		t.left = 4*t.inputBytes(q) + 64<<10
	}
	for segment := range strings.SplitSeq(t.Path, "/") {
		if plainSegment(segment) {
			t.codedSegment(segment)
			continue
		}
		segment, parameters, _ := strings.Cut(segment, ";")
		if !plainSegment(segment) {
			t.leaf(none, Step{Decoder: AtPath}, Leaf{Source: PathArg, Key: "path", Text: t.unescape(segment, false)})
		}
		for parameter := range strings.SplitSeq(parameters, ";") {
			if parameter == "" {
				continue
			}
			name, value, _ := strings.Cut(parameter, "=")
			name = t.unescape(name, false)
			t.leaf(none, Step{Decoder: AtMatrix, Name: name}, Leaf{Source: PathArg, Key: name, Text: t.unescape(value, false)})
		}
	}
}

// minSegment is the length in bytes from which a plain segment may be Base64 of
// something that matters.
const minSegment = 16

// codedSegment opens the layers of a plain word, which is no leaf itself.
func (t *Tree) codedSegment(segment string) {
	if len(segment) < minSegment {
		return
	}
	node := t.node(none, Step{Decoder: AtPath})
	t.open(layered{node: node, leaf: none, source: PathArg, key: "path"}, segment, t.enabled(node))
}

// inputBytes is how much of a request is opened.
func (t *Tree) inputBytes(q *traffic.Request) int {
	n := len(t.Path) + len(q.RawQuery)
	for i := range q.Header.Len() {
		n += len(q.Header.At(i).Value)
	}
	if q.Body.Loaded() {
		n += min(len(q.Body.Bytes()), t.options.MaxBytes)
	}
	return n
}

func plainSegment(s string) bool {
	for i := range len(s) {
		if !plainBytes[s[i]] {
			return false
		}
	}
	return true
}

var plainBytes = func() (plain [256]bool) {
	for c := range plain {
		plain[c] = c == '-' || c == '_' || c == '.' || c == '~' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	return plain
}()

// unescape opens percent encoding, and plus signs when asked. What is no valid
// encoding stays as it is: a service behind us may be as lenient.
func (t *Tree) unescape(s string, plus bool) string {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s
	}
	if !t.spend(len(s)) {
		return s
	}
	b := t.arena.room(len(s))
	if plus {
		b, _ = form.Part[string]{Raw: s}.AppendDecoded(b)
		return t.arena.keep(b)
	}
	for piece := range strings.SplitAfterSeq(s, "+") {
		// A plus is itself outside of queries and forms.
		word, had := strings.CutSuffix(piece, "+")
		b, _ = form.Part[string]{Raw: word}.AppendDecoded(b)
		if had {
			b = append(b, '+')
		}
	}
	return t.arena.keep(b)
}

// pairsOf says what pairs are and where they stand.
type pairsOf struct {
	parent  int32
	decoder Decoder
	source  Source
	layers  uint8
	from    int32
}

// readPairs reads name=value pairs of a query or form.
func (t *Tree) readPairs(text string, of pairsOf) {
	if text == "" {
		return
	}
	first := len(t.Leaves)
	pairs := form.Pairs(text, t.options.MaxValues)
	for pairs.Next() {
		p := pairs.Pair()
		name, value := t.unescape(p.Name.Raw, true), t.unescape(p.Value.Raw, true)
		t.pair(name, value, of)
	}
	if pairs.Err() != nil {
		t.exhaust(reasonValues)
	}
	t.repeated(first, of)
}

// pair adds one pair; of a[b][]=c each key is a step.
func (t *Tree) pair(name, value string, of pairsOf) {
	l := Leaf{Source: of.source, Key: name, Text: value, Layers: of.layers, from: of.from}
	base, keys := arrayKeys(name)
	if keys == "" {
		t.leaf(of.parent, Step{Decoder: of.decoder, Name: name}, l)
		return
	}
	if !t.room() {
		return
	}
	node := t.node(of.parent, Step{Decoder: of.decoder, Name: base})
	for {
		end := strings.IndexByte(keys, ']')
		s := Step{Decoder: ArrayKey, Name: keys[1:end]}
		if keys = keys[end+1:]; keys == "" {
			t.leaf(node, s, l)
			return
		}
		node = t.node(node, s)
	}
}

// maxArrayKeys bounds the keys that are told apart in one name.
const maxArrayKeys = 16

// arrayKeys cuts a[b][] into "a" and "[b][]"; names that are not well-formed are
// names as they stand.
func arrayKeys(name string) (base, keys string) {
	open := strings.IndexByte(name, '[')
	if open <= 0 || name[len(name)-1] != ']' {
		return name, ""
	}
	count := 0
	for rest := name[open:]; rest != ""; count++ {
		end := strings.IndexByte(rest, ']')
		if rest[0] != '[' || end < 0 || strings.IndexByte(rest[1:end], '[') >= 0 || count == maxArrayKeys {
			return name, ""
		}
		rest = rest[end+1:]
	}
	return name[:open], name[open:]
}

// link is a leaf of pairs, on its way to the next of the same name.
type link struct {
	slot int32 // first leaf whose name has this hash, plus one
	next int32 // next leaf of the same name, 0: none
	last int32 // of the first leaf of a name: the last so far
}

// repeated finds names that were given more than once. Some servers join the
// values of one name by commas, so that an attack may be spread over them.
func (t *Tree) repeated(first int, of pairsOf) {
	leaves := t.Leaves[first:]
	if len(leaves) < 2 || t.off(of.parent, Joined) {
		return
	}
	size := 8
	for size < 2*len(leaves) {
		size *= 2
	}
	if cap(t.links) < size {
		t.links = make([]link, size)
	}
	t.links = t.links[:size]
	clear(t.links)
	found := false
	for i := range leaves {
		slot := int(t.keys.hash("", leaves[i].Key)) & (size - 1) //nolint:gosec // masked
		for t.links[slot].slot != 0 && leaves[t.links[slot].slot-1].Key != leaves[i].Key {
			slot = (slot + 1) & (size - 1)
		}
		if t.links[slot].slot == 0 {
			t.links[slot].slot = int32(i + 1) //nolint:gosec // bounded by MaxValues
			t.links[i].last = int32(i)        //nolint:gosec // see above
			continue
		}
		head := t.links[slot].slot - 1
		t.links[t.links[head].last].next = int32(i) //nolint:gosec // see above
		t.links[head].last = int32(i)               //nolint:gosec // see above
		found = true
	}
	for i := 0; found && i < len(leaves); i++ {
		if t.links[i].last > int32(i) { //nolint:gosec // see above
			t.join(first, i)
		}
	}
}

// join adds the joined values of the name whose first leaf is leaves[i].
func (t *Tree) join(first, i int) {
	head := t.Leaves[first+i]
	if strings.HasSuffix(head.Key, "[]") {
		return // that is how arrays are written
	}
	t.fact(RepeatedName, head.Node, head.Key)
	n := 0
	for k := int32(i); ; { //nolint:gosec // see above
		n += len(t.Leaves[first+int(k)].Text) + 1
		if k = t.links[k].next; k == 0 {
			break
		}
	}
	if !t.spend(n) {
		return
	}
	b := t.arena.room(n)
	for k := int32(i); ; { //nolint:gosec // see above
		b = append(b, t.Leaves[first+int(k)].Text...)
		if k = t.links[k].next; k == 0 {
			break
		}
		b = append(b, ',')
	}
	l := Leaf{Source: head.Source, Key: head.Key, Text: t.arena.keep(b), Layers: head.Layers, from: head.from}
	t.leaf(head.Node, Step{Decoder: Joined}, l)
}
