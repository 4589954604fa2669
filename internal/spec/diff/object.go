package diff

import (
	"maps"
	"slices"
	"strconv"

	"farrier.dev/farrier/internal/classify"
)

func (c *comparer) array(o, n *facets) {
	if o.unique != n.unique {
		c.emit(UniqueChanged, effectOf(o.unique, n.unique), "uniqueItems was %v, is %v", o.unique, n.unique)
	}
	for i := range max(len(o.prefix), len(n.prefix)) {
		c.below(strconv.Itoa(i), func() { c.compare(nth(o.prefix, i), nth(n.prefix, i)) })
	}
	if len(o.items)+len(n.items) > 0 {
		c.below("[]", func() { c.compare(o.items, n.items) })
	}
}

func nth(all [][]any, i int) []any {
	if i < len(all) {
		return all[i]
	}
	return nil
}

// object compares properties. Those that requests only read, and answers only
// write, are not part of these.
func (c *comparer) object(o, n *facets) {
	for _, name := range o.names {
		c.property(name, o, n)
	}
	for _, name := range n.names {
		if o.properties[name] == nil {
			c.property(name, o, n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(merged(o.required, n.required))) {
		if o.properties[name] == nil && n.properties[name] == nil {
			c.below(name, func() { c.required(o.required[name], n.required[name]) })
		}
	}
	switch {
	case n.closed && !o.closed:
		c.emit(PropertiesClosed, Narrows, "properties that are not described are refused now")
	case o.closed && !n.closed:
		c.emit(PropertiesOpened, Widens, "properties that are not described are allowed now")
	case !o.closed && len(o.rest)+len(n.rest) > 0:
		c.below("{}", func() { c.compare(o.rest, n.rest) })
	}
}

func (c *comparer) property(name string, o, n *facets) {
	was, is := o.properties[name], n.properties[name]
	seenBefore := was != nil && !c.hides(c.old, was)
	seenNow := is != nil && !c.hides(c.new, is)
	outer := c.at.inside
	c.at.inside = &trail{outer, name}
	defer func() { c.at.inside = outer }()
	had, has := o.required[name] && (was == nil || seenBefore), n.required[name] && (is == nil || seenNow)
	switch {
	case seenBefore && seenNow:
		c.required(had, has)
		c.compare(was, is)
	case !seenBefore && !seenNow:
		c.required(had, has)
	case seenNow && was != nil && !c.at.answers:
		c.emit(PropertyWritable, Widens, "was only read, and may be written now")
		c.required(had, has)
	case seenNow:
		c.propertyAdded(name, is, o.closed, has && !had)
		c.required(had, had && has)
	case is != nil && !c.at.answers:
		c.emit(PropertyReadOnly, Narrows, "may only be read now")
		c.required(had, has)
	default:
		c.propertyRemoved(n.closed, had && !has)
		c.required(had && has, has)
	}
}

// hides says whether a property is not part of what travels in this direction.
func (c *comparer) hides(s *side, property []any) bool {
	if c.at.answers {
		return s.shapeOf(property).writeOnly
	}
	return s.shapeOf(property).readOnly
}

func (c *comparer) required(was, is bool) {
	switch {
	case is && !was:
		c.emit(PropertyRequired, Narrows, "is required now")
	case was && !is:
		c.emit(PropertyOptional, Widens, "is no longer required")
	}
}

// propertyAdded tells of a new property. An old schema that refuses others did not allow
// it; one that does not let it have any value.
func (c *comparer) propertyAdded(name string, property []any, wasClosed, required bool) {
	effect, class, message := Narrows, Harmless, "is new"
	switch {
	case wasClosed && required:
		effect = Both
	case wasClosed:
		effect = Widens
	}
	switch {
	case !c.at.answers && required:
		class, message = Breaking, "is new and required"
	case c.at.answers && wasClosed:
		class, message = Breaking, "is new, where no other properties were to be expected"
	}
	c.add(PropertyAdded, class, effect, "%s", message)
	if c.at.answers {
		c.secret(name)
		c.sensitive(property, 0)
	}
}

// propertyRemoved tells of a property that is gone. Who reads answers misses it, be it
// optional or not.
func (c *comparer) propertyRemoved(isClosed, required bool) {
	effect := Widens
	switch {
	case isClosed && required:
		effect = Both
	case isClosed:
		effect = Narrows
	}
	switch {
	case c.at.answers:
		c.add(PropertyRemoved, Breaking, effect, "is no longer described")
	case isClosed:
		c.add(PropertyRemoved, Breaking, effect, "is no longer described, and refused")
	default:
		c.add(PropertyRemoved, Harmless, effect, "is no longer described")
	}
}

func (c *comparer) secret(name string) {
	if classify.SecretName(name) {
		c.add(SensitiveInResponse, Security, Neither, "is new, and by its name a secret")
	}
}

// maxSensitive is how deep what is new in an answer is searched.
const maxSensitive = 5

// sensitive tells of secrets in what is new in an answer.
func (c *comparer) sensitive(schemas []any, depth int) {
	if c.visits++; depth > maxSensitive || c.visits > maxVisits {
		return
	}
	for _, v := range c.new.variants(c.new.shapeOf(schemas)) {
		f := c.new.facetsOf(v)
		for _, name := range f.names {
			if p := f.properties[name]; !c.hides(c.new, p) {
				c.below(name, func() {
					c.secret(name)
					c.sensitive(p, depth+1)
				})
			}
		}
		if len(f.items) > 0 {
			c.below("[]", func() { c.sensitive(f.items, depth+1) })
		}
	}
}

// conditions compares what can only be told to be the same or not.
func (c *comparer) conditions(o, n *facets) {
	for _, keyword := range slices.Sorted(maps.Keys(merged(o.others, n.others))) {
		was, is := o.others[keyword], n.others[keyword]
		switch {
		case was == is:
		case was == "":
			c.emit(ConditionAdded, Narrows, "%s is new", keyword)
		case is == "":
			c.emit(ConditionRemoved, Widens, "%s is gone", keyword)
		default:
			c.emit(ConditionChanged, Both, "%s is another", keyword)
		}
	}
}
