package sensitive

import "farrier.dev/farrier/internal/classify"

// The points that places give by themselves, and the bounds of sums.
const (
	// nameOfPerson is for a "name" of a customer, patient and the like, and
	// nameByRoute for one that only the request's path tells of.
	nameOfPerson, nameByRoute = 20, 15
	// secretName is for names that classify.SecretName knows and no word does.
	secretName = 45
	// mostAround bounds what the words around may add.
	mostAround = 30
	// maxAround is how many members around, and words of the request's path, are
	// read: the nearest, and the last.
	maxAround  = 8
	mostPoints = 100
	// inherited is the part, in hundredths, of the points of the member around that
	// a name like "number" gets; routed marks that there is only a word of the
	// request's path, which gives none.
	inherited, routed = 90, 0
	// beside is the part, in hundredths, that is left when an unknown word follows.
	beside = 50
)

// points are what a place adds to the score of each class, in hundredths.
type points [classCount]int16

// name is what a single name says.
type name struct {
	phrases
	speaks, against points
	says            role
	// positive tells that a word speaks for a class, plain that no word of it
	// says anything, bare that it is no more than "name", about that the last word
	// or the first turns it into a name about the thing, open that there are words
	// of which the vocabulary says nothing.
	positive, plain, bare, about, open bool
}

// read weighs the words of a name.
func (v vocabulary) read(s string) name {
	n := name{phrases: v.parse(s), plain: true, bare: true}
	last := n.n - 1
	for last > 0 && n.of[last].says(generic|qualifying) && !hasFor(n.of[last].entry) || last > 0 && n.of[last].number {
		last--
	}
	part := int16(100)
	if last > 0 {
		part = tail(n.of[last])
		if e := n.of[0].entry; e != nil && e.role&asking != 0 {
			part = 0
		}
	}
	n.about = part == 0
	for i := range n.n {
		e := n.of[i].entry
		if e == nil {
			n.plain = n.plain && n.of[i].number
			n.open = n.open || !n.of[i].number
			n.bare = n.bare && n.of[i].number
			continue
		}
		n.bare = n.bare && e.role&(generic|qualifying|naming) != 0
		n.open = n.open || !e.known()
		n.says |= e.role
		if e.effects != nil || e.role&(generic|qualifying) == 0 || e.role&(about|thing) != 0 && e.role&generic == 0 {
			n.plain = false
		}
		for _, f := range e.effects {
			if f.own < 0 {
				n.against[f.class] = min(n.against[f.class], f.own)
			} else if p := f.own * part / 100; p > 0 {
				n.speaks[f.class] = min(mostPoints, n.speaks[f.class]+p)
				n.positive = true
			}
		}
	}
	return n
}

// says tells whether the vocabulary gives the words the role.
func (p phrase) says(r role) bool { return p.entry != nil && p.role&r != 0 }

// tail tells what the last word of a name leaves of what stands before it.
func tail(p phrase) int16 {
	switch {
	case p.entry == nil:
		return beside
	case hasFor(p.entry) || p.role&person != 0:
		return 100
	case p.role&(about|naming) != 0 || p.effects != nil && p.role&thing == 0:
		return 0
	}
	return beside
}

// place gives the points of a place.
func (v vocabulary) place(c Context) points {
	c.Path = c.Path[max(0, len(c.Path)-maxAround):]
	c.Route = c.Route[max(0, len(c.Route)-maxAround):]
	own, c := v.own(c)
	p := own.speaks
	positive := own.positive
	var near name
	have, part := false, int16(inherited)
	if own.plain || own.says&naming != 0 {
		near, have, part = v.nearest(c)
	}
	if own.plain && have {
		if part == inherited {
			for i := range p {
				p[i] += near.speaks[i] * part / 100
			}
			positive = positive || near.positive
		}
		own.against = least(own.against, near.against)
	}
	if own.says&naming != 0 && !positive && (!own.about || own.headed(naming)) {
		p[iName] += ownerPoints(own, near, have, part)
	}
	if !positive && p[iName] <= 0 && own.open && !own.about && classify.SecretName(c.Name) && own.against[iToken] == 0 {
		p[iToken], p[iKey] = secretName, secretName-1
		positive = true
	}
	if !positive {
		for i, a := range own.against {
			p[i] += a
		}
		return p
	}
	v.around(c, &p)
	return p
}

// own reads the name of a place; the elements of an array have that of the
// array.
func (v vocabulary) own(c Context) (name, Context) {
	c.Name, c.Path = cut(c.Name, c.Path)
	n := v.read(c.Name)
	for (n.n == 0 || n.n == 1 && n.of[0].number) && len(c.Path) > 0 {
		c.Name, c.Path = c.Path[len(c.Path)-1], c.Path[:len(c.Path)-1]
		n = v.read(c.Name)
	}
	return n, c
}

// cut takes the last part of a name such as user[email] or address.street.
func cut(s string, path []string) (string, []string) {
	end := len(s)
	for end > 0 && (s[end-1] == ']' || s[end-1] == '[' || s[end-1] == '.' || s[end-1] == '/') {
		end--
	}
	s = s[:end]
	for i := len(s) - 1; i > 0; i-- {
		switch s[i] {
		case '.', '[', '/', ':', '@':
			return s[i+1:], append(path[:len(path):len(path)], s[:i])
		}
	}
	return s, path
}

// nearest reads the nearest member around that is no mere wrapping, or else the
// last word of the request's path.
func (v vocabulary) nearest(c Context) (name, bool, int16) {
	for i := len(c.Path) - 1; i >= 0; i-- {
		n := v.read(c.Path[i])
		if n.wraps(i == 0) {
			continue
		}
		return n, true, inherited
	}
	for i := len(c.Route) - 1; i >= 0; i-- {
		n := v.read(c.Route[i])
		if n.wraps(false) {
			continue
		}
		return n, true, routed
	}
	return name{}, false, 0
}

// wraps tells a member that only holds what the document is about. Items do so
// only outermost.
func (n name) wraps(outermost bool) bool {
	for i := range n.n {
		e := n.of[i].entry
		if n.of[i].number || e != nil && e.role&wrapping != 0 && !hasFor(e) {
			continue
		}
		if outermost && n.n == 1 && e != nil && e.role&thing != 0 && e.role&generic != 0 {
			continue
		}
		return false
	}
	return true
}

// hasFor tells whether the entry speaks for a class.
func hasFor(e *entry) bool {
	for _, f := range e.effects {
		if f.own > 0 {
			return true
		}
	}
	return false
}

// ownerPoints gives the points of a "name": whose it is decides.
func ownerPoints(own, near name, have bool, part int16) int16 {
	switch {
	case own.says&thing != 0 && own.says&person == 0:
		return 0
	case own.says&person != 0:
		if own.open {
			return nameByRoute
		}
		return nameOfPerson
	case have && own.bare && near.says&person != 0 && (near.says&thing == 0 || near.headed(person)):
		if part == routed {
			return nameByRoute
		}
		return nameOfPerson
	}
	return 0
}

// headed tells whether the last word has the role.
func (n name) headed(r role) bool {
	for i := n.n - 1; i >= 0; i-- {
		if e := n.of[i].entry; e != nil && e.role&(generic|qualifying) == 0 {
			return e.role&r != 0
		}
	}
	return false
}

// around adds what the words around say of the classes that the name speaks for.
func (v vocabulary) around(c Context, p *points) {
	var sum points
	for k := range len(c.Path) + len(c.Route) {
		var s string
		if k < len(c.Path) {
			s = c.Path[k]
		} else {
			s = c.Route[k-len(c.Path)]
		}
		words := v.parse(s)
		for i := range words.n {
			if e := words.of[i].entry; e != nil {
				for _, f := range e.effects {
					sum[f.class] += f.around
				}
			}
		}
	}
	for i := range p {
		if p[i] > 0 {
			p[i] = min(mostPoints, p[i]+min(mostAround, sum[i]))
		}
	}
}

func least(a, b points) points {
	for i := range a {
		a[i] = min(a[i], b[i])
	}
	return a
}
