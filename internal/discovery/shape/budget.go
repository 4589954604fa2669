package shape

import (
	"cmp"
	"slices"
)

// Strictness is how far a schema goes.
type Strictness string

// The levels. The empty one is Observed.
const (
	// Observed has what will hold within Budget.
	Observed Strictness = "observed"
	// Likely has what people would write down who saw it a few times: no null that never
	// came, whole numbers, formats. A message in a hundred may break it.
	Likely Strictness = "likely"
	// Tight has whatever was so until now.
	Tight Strictness = "tight"
	// Loose has types only.
	Loose Strictness = "loose"
)

// rule is a kind of constraint.
type rule uint8

const (
	ruleType     rule = iota // of the types that were seen, or null
	ruleInteger              // no fractions among numbers
	ruleFromText             // a text is a number or boolean
	ruleNonNull
	ruleRequired
	ruleFormat
	ruleEnum
	rules
)

// defaultOdds are those that what was always so is no rule: measured on published
// descriptions as far as they tell, and carefully guessed beyond.
func defaultOdds() [rules]float64 {
	return [rules]float64{
		ruleType: 0.002, ruleInteger: 0.2, ruleFromText: 0.02, ruleNonNull: 0.1, ruleRequired: 0.5,
		ruleFormat: 0.05, ruleEnum: 1,
	}
}

// Priors are the odds with which constraints are priced, as other places of the same
// API teach them: where null is seen nowhere, it is less likely to come. Their zero
// value has the published odds. They are not safe for concurrent use.
type Priors struct {
	holds, breaks [rules]float64
}

// taughtFrom is how often a place must have been seen to teach, and prior how many
// places the published odds weigh.
const (
	taughtFrom = 30
	prior      = 20
)

// Learn takes the places of s that were seen often as examples.
func (p *Priors) Learn(s *Schema) {
	s.Walk(func(_ string, n *Schema) {
		if n.flags&fromText == 0 && n.v.Count >= taughtFrom {
			p.example(ruleNonNull, !n.Nullable())
			if whole := n.v.kinds.sum(isNumeric) - n.v.kinds.of(kindFraction); whole > 0 {
				p.example(ruleInteger, n.v.kinds.of(kindFraction) == 0)
			}
		}
		if n.Objects() < taughtFrom {
			return
		}
		for _, m := range n.below.members {
			p.example(ruleRequired, m.node.Present() == n.below.objects)
		}
	})
}

func (p *Priors) example(r rule, holds bool) {
	if holds {
		p.holds[r]++
	} else {
		p.breaks[r]++
	}
}

// odds are those of a kind of constraint, never less than a twentieth of the
// published ones.
func (p *Priors) odds() [rules]float64 {
	odds := defaultOdds()
	if p == nil {
		return odds
	}
	for r, o := range odds {
		share := o / (1 + o)
		odds[r] = max((p.breaks[r]+prior*share)/(p.holds[r]+prior*(1-share)), o/20)
	}
	return odds
}

// constraint is a rule at a place.
type constraint struct {
	node *Schema
	rule rule
}

// offer is a constraint with the share of messages that it is expected to be wrong
// about.
type offer struct {
	constraint
	price float64
	// support is how often the rule held.
	support uint64
}

// likelyFrom is how often a rule must have held to be likely.
func likelyFrom(r rule) uint64 {
	switch r {
	case ruleInteger, ruleFormat, ruleFromText:
		return 3
	case ruleRequired:
		return 10
	default:
		return 1
	}
}

// market are the constraints of a schema that could be bought.
type market struct {
	odds     [rules]float64
	messages float64
	offers   []offer
}

// buy gives the constraints that the strictness allows.
func (s *Schema) buy(o Strictness, p *Priors) map[constraint]bool {
	m := market{odds: p.odds(), messages: float64(max(s.v.Count, 1))}
	m.visit(s)
	slices.SortStableFunc(m.offers, func(x, y offer) int { return cmp.Compare(x.price, y.price) })
	bought := make(map[constraint]bool, len(m.offers))
	spent := 0.0
	for _, offer := range m.offers {
		switch o {
		case Tight:
		case Likely:
			if offer.support < likelyFrom(offer.rule) {
				continue
			}
		case Loose:
			if offer.rule > ruleNonNull {
				continue
			}
		default:
			if spent += offer.price; spent > Budget {
				return bought
			}
		}
		bought[offer.constraint] = true
	}
	return bought
}

// offer prices a rule that held n times at a node.
func (m *market) offer(node *Schema, r rule, n uint64) {
	if n == 0 {
		return
	}
	reach := min(1, float64(n)/m.messages)
	// What comes in one message is alike.
	alike := min(float64(n), 2*m.messages)
	o := m.odds[r]
	price := reach * o / (o + alike + 1) / (alike + 2)
	if r == ruleInteger {
		price = reach * o
		for range min(int(alike), 50) {
			price *= 0.3
		}
	}
	m.offers = append(m.offers, offer{constraint{node, r}, price, n})
}

func (m *market) visit(s *Schema) {
	kinds := s.v.kinds
	scalars := kinds.sum(isScalar)
	m.offer(s, ruleType, s.v.Count)
	if s.flags&fromText != 0 {
		if t := s.textType(); t != String && t != "" {
			m.offer(s, ruleFromText, scalars)
		}
	} else if !s.Nullable() {
		m.offer(s, ruleNonNull, s.v.Count)
	}
	if numbers := kinds.sum(isNumeric); numbers > 0 && kinds.of(kindFraction) == 0 {
		m.offer(s, ruleInteger, numbers)
	}
	if s.format() != "" {
		m.offer(s, ruleFormat, scalars)
	}
	if words, rest := s.enumerable(); len(words) > 0 && rest == 0 {
		m.offer(s, ruleEnum, scalars)
	}
	if b := s.below; b != nil {
		for _, c := range b.sorted() {
			if c.node.Present() == b.objects && b.objects > 0 {
				m.offer(c.node, ruleRequired, b.objects)
			}
		}
	}
	if b := s.below; b != nil {
		for _, c := range b.sorted() {
			m.visit(c.node)
		}
		for _, c := range []*Schema{b.extra, b.items} {
			if c != nil {
				m.visit(c)
			}
		}
	}
}

// textType is the type of the texts of a form or of XML, without any tolerance.
func (s *Schema) textType() Type {
	all := s.v.kinds.sum(isScalar)
	whole := s.v.kinds.sum(func(k kind) bool { return isNumeric(k) && k != kindFraction })
	fraction := s.v.kinds.of(kindFraction)
	switch all {
	case 0:
		return ""
	case s.v.kinds.of(kindBoolean):
		return Boolean
	case whole:
		return Integer
	case whole + fraction:
		return Number
	}
	return String
}

// format is the format of JSON Schema or OpenAPI that all scalar values have, empty
// for none or one that only we know.
func (s *Schema) format() string {
	switch s.scalar() {
	case Integer:
		return s.v.numberFormat()
	case String:
		switch k := s.v.textFormat(0); k {
		case kindUUID, kindDate, kindDateTime, kindTime, kindDuration, kindEmail, kindURI, kindHostname, kindIPv4, kindIPv6:
			return k.String()
		default:
		}
	default:
	}
	return ""
}

// scalar is the type of all scalar values but null, empty for several.
func (s *Schema) scalar() Type {
	if s.flags&fromText != 0 {
		return s.textType()
	}
	found := Type("")
	for _, t := range s.Types() {
		switch {
		case t == Null || t == Object || t == Array:
		case found != "":
			return ""
		default:
			found = t
		}
	}
	return found
}

// enumerable gives the words of a place that has nothing but strings and null, if they
// are enough for a vocabulary, and how many values are none of them.
func (s *Schema) enumerable() (words []string, rest uint64) {
	other := s.v.kinds.of(kindObject) + s.v.kinds.of(kindArray)
	if other > 0 || s.scalar() != String || s.v.kinds.sum(isText) < enumFrom {
		return nil, 0
	}
	return s.v.vocabulary()
}
