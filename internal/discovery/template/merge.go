package template

import (
	"maps"
	"slices"
	"strings"
)

// The published thresholds: how many siblings of one structure prove that they are
// values.
const (
	// NamesNeeded are texts that are no words, SlugsNeeded texts of several words that
	// APIs seldom use, PhrasesNeeded texts of several words that they do, VerbsNeeded
	// texts with the same verb behind a colon, PeopleNeeded names of people,
	// CodesNeeded two to five capital letters, NumberedNeeded a text with a number behind
	// it, DaysNeeded dates and short numbers where a version could stand, LocalesNeeded
	// languages with their country.
	NamesNeeded    = 10
	SlugsNeeded    = 20
	PhrasesNeeded  = 50
	VerbsNeeded    = 3
	PeopleNeeded   = 3
	CodesNeeded    = 5
	NumberedNeeded = 5
	DaysNeeded     = 3
	LocalesNeeded  = 2
	// FurtherNeeded are those that a position needs where values were proven before.
	FurtherNeeded = 3
	// SeldomNames and SeldomPhrases are the mean number of calls of one text up to which
	// texts count as values: what is called again and again is a name. It is not asked
	// where there are four times as many as needed.
	SeldomNames   = 8
	SeldomPhrases = 4
)

func (k Kind) needed(proven uint32) int {
	further := proven&(1<<Name|1<<Token|1<<Code) != 0
	switch k {
	case Number, Day:
		return DaysNeeded
	case Locale:
		return LocalesNeeded
	case Numbered:
		return NumberedNeeded
	case Upper:
		if further {
			return FurtherNeeded
		}
		return CodesNeeded
	case Phrase:
		return PhrasesNeeded
	case Slug:
		return SlugsNeeded
	case Person:
		return PeopleNeeded
	default:
		if proven&(1<<Name) != 0 {
			return FurtherNeeded
		}
		if further {
			return CodesNeeded
		}
		return NamesNeeded
	}
}

// settleAbove asks at each position above a node whether siblings are values, and
// merges them; it answers whether it did.
func (t *Tree) settleAbove(n *Node) bool {
	var chain []*Node
	for at := n; at.parent != nil; at = at.parent {
		chain = append(chain, at.parent)
	}
	slices.Reverse(chain)
	for _, p := range chain {
		if p.loose < 2 {
			continue
		}
		p.news++
		if p.loose > 64 && p.news*8 < p.loose {
			continue
		}
		p.news = 0
		if t.settle(p) {
			return true
		}
	}
	return false
}

// group are siblings that would have one shape.
type group struct {
	form  form
	all   []*Node
	parts []map[string]bool
}

// settle merges the kids of a node that are values.
func (t *Tree) settle(p *Node) bool {
	groups := map[string]*group{}
	for _, kid := range p.kids {
		text := kid.text
		if !kid.isLoose() {
			continue
		}
		f := t.words.read(text, maxDepth)
		f.kind = kid.kind
		key := text[:f.before] + "{}" + text[len(text)-f.after:]
		g := groups[key]
		if g == nil {
			g = &group{form: f}
			groups[key] = g
		}
		g.all = append(g.all, kid)
	}
	merged := false
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if t.decide(p, groups[key]) {
			merged = true
		}
	}
	return merged
}

func (t *Tree) decide(p *Node, g *group) bool {
	if len(g.all) < 2 {
		return false
	}
	pieces := g.form.pieces(g.all[0].text)
	var proven uint32
	for _, s := range p.shapes {
		if slices.Equal(s.pieces, pieces) {
			proven = s.kinds
		}
	}
	g.parts = make([]map[string]bool, len(g.all))
	for i, n := range g.all {
		g.parts[i] = map[string]bool{}
		n.structure("", g.parts[i], 0)
	}
	var values []*Node
	verb := strings.HasPrefix(pieces[len(pieces)-1], ":")
	named := verb || p.verbs()
	for _, k := range [...]Kind{Locale, Number, Day, Numbered, Upper, Person, Name, Slug, Phrase} {
		need := k.needed(proven)
		if named {
			need = min(need, VerbsNeeded)
		}
		values = append(values, g.alike(k, need, named)...)
	}
	if len(values) == 0 {
		return false
	}
	into := p.shape(pieces, nil)
	if into.names == nil {
		f := g.form
		f.kind = values[0].kind
		into.names = t.names(p, f, pieces)
		*t.nodes++
	}
	for _, n := range values {
		into.kinds |= 1 << n.kind
		into.looks |= 1 << look(between(n.text, pieces))
		t.merge(n, into)
	}
	if verb {
		t.same(p, values, pieces)
	}
	t.settleBelow(into, 0)
	return true
}

// same merges the siblings that are a value somewhere else: what stands before
// ":cancel" is one without it too.
func (t *Tree) same(p *Node, values []*Node, pieces []string) {
	whole := []string{"", ""}
	for _, v := range values {
		kid := p.kid(between(v.text, pieces))
		if kid == nil || !kid.isLoose() {
			continue
		}
		into := p.shape(whole, nil)
		if into.names == nil {
			into.names = t.names(p, form{kind: kid.kind}, whole)
			*t.nodes++
		}
		into.kinds |= 1 << kid.kind
		into.looks |= 1 << look(kid.text)
		t.merge(kid, into)
	}
}

// verbs says that texts before a verb, as "x:cancel", turned out to be values here.
func (n *Node) verbs() bool {
	for _, s := range n.shapes {
		if strings.HasPrefix(s.pieces[len(s.pieces)-1], ":") && s.kinds&(1<<Name|1<<Slug|1<<Phrase) != 0 {
			return true
		}
	}
	return false
}

// between is what of a segment stands between the outermost pieces.
func between(segment string, pieces []string) string {
	return strings.TrimSuffix(strings.TrimPrefix(segment, pieces[0]), pieces[len(pieces)-1])
}

// unpairAbove looks for pairs at each position above a node.
func (t *Tree) unpairAbove(n *Node) {
	for at := n; at.parent != nil; at = at.parent {
		if at.isShape() && at.kinds&(1<<List) != 0 {
			t.unpair(at.parent)
		}
	}
}

// unpair makes pairs of numbers lists of numbers, where longer lists were seen.
func (t *Tree) unpair(n *Node) {
	for _, s := range slices.Clone(n.shapes) {
		if len(s.pieces) != 3 || s.pieces[1] != "," || s.pins != 0 || s.pieces[0] != "" || s.pieces[2] != "" {
			continue
		}
		whole := []string{"", ""}
		into := n.shape(whole, nil)
		if into.names == nil {
			into.names = t.names(n, form{kind: List}, whole)
			*t.nodes++
		}
		into.kinds |= 1 << List
		t.merge(s, into)
	}
}

// settleBelow asks again where merging brought siblings together.
func (t *Tree) settleBelow(n *Node, depth int) {
	if depth > maxDepth {
		return
	}
	if n.loose >= 2 {
		t.settle(n)
	}
	for _, kid := range slices.Clone(n.kids) {
		t.settleBelow(kid, depth+1)
	}
	for _, s := range slices.Clone(n.shapes) {
		t.settleBelow(s, depth+1)
	}
}

// structure collects what can be called at and below a node: methods, and the next
// segments. Segments that may be values are written as "*", and looked through.
func (n *Node) structure(prefix string, parts map[string]bool, depth int) {
	if len(parts) > 64 {
		return
	}
	for _, m := range n.methods {
		parts[prefix+" "+m] = true
	}
	for _, kid := range n.kids {
		switch {
		case !kid.isLoose():
			parts[prefix+"/"+kid.text] = true
		case depth < 2:
			kid.structure(prefix+"/*", parts, depth+1)
		}
	}
	for _, s := range n.shapes {
		if depth < 2 {
			s.structure(prefix+"/*", parts, depth+1)
		}
	}
}

// weight is how far a kind counts for another: short codes and numbered names are
// names too.
func (k Kind) counts(of Kind) bool {
	switch k {
	case Phrase:
		return true
	case Slug:
		return of != Phrase
	case Name:
		return of != Phrase && of != Slug
	default:
		return of == k
	}
}

// alike gives the siblings of one kind whose structure at least need siblings share;
// often says that they may be called often.
func (g *group) alike(kind Kind, need int, often bool) []*Node {
	shared := map[string]int{}
	present := false
	for i, n := range g.all {
		present = present || n.kind == kind
		if kind.counts(n.kind) {
			for part := range g.parts[i] {
				shared[part]++
			}
		}
	}
	if !present {
		return nil
	}
	var values []*Node
	members, hits := 0, 0
	var looks [16]int
	for _, n := range g.all {
		if kind.counts(n.kind) {
			looks[look(n.text)]++
		}
	}
	for i, n := range g.all {
		if !kind.counts(n.kind) || kind == Name && looks[look(n.text)] < min(3, need) {
			continue
		}
		strong, common := false, 0
		for part := range g.parts[i] {
			strong = strong || shared[part] >= need
			if shared[part] >= max(2, need/3) {
				common++
			}
		}
		if !strong || common*2 < len(g.parts[i]) {
			continue
		}
		members++
		hits += n.hits
		if n.kind == kind {
			values = append(values, n)
		}
	}
	seldom := SeldomNames
	if kind == Phrase || kind == Slug {
		seldom = SeldomPhrases
	}
	if often || kind == Locale || kind == Person {
		return values
	}
	if members >= need && (members >= 4*need && kind != Phrase || hits <= seldom*members) {
		return values
	}
	return nil
}
