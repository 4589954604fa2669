package template

import "slices"

// merge moves everything at and below one node to another, and takes it out.
func (t *Tree) merge(from, into *Node) {
	from.detach()
	t.absorb(from, into)
}

func (t *Tree) absorb(from, into *Node) {
	*t.nodes--
	for _, m := range from.methods {
		into.mark(m)
	}
	if from.Owner != nil {
		t.moved(from, into)
	}
	into.slash = into.slash || from.slash && into.Owner == nil
	into.hits += from.hits
	for _, kid := range from.kids {
		if there := into.kid(kid.text); there != nil {
			there.fix(kid.fixed)
			t.absorb(kid, there)
			continue
		}
		into.attach(kid)
		t.renamed(kid)
	}
	for _, s := range slices.Clone(from.shapes) {
		there := into.shape(s.pieces, s.names)
		if there.parent == into && (len(there.kids) > 0 || len(there.shapes) > 0 || there.Owner != nil || there.kinds != 0) {
			there.kinds |= s.kinds
			t.absorb(s, there)
			continue
		}
		there.names = into.unique(slices.Clone(bare(s.names)))
		there.kinds = s.kinds
		*t.nodes++
		t.absorb(s, there)
	}
	from.kids, from.shapes, from.Owner, from.methods = nil, nil, nil, nil
}

// bare takes the numbers off that made names unique.
func bare(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = name
		for len(all[i]) > 1 && isDigit(all[i][len(all[i])-1]) {
			all[i] = all[i][:len(all[i])-1]
		}
	}
	return all
}

// renamed tells of everything below a node that its path became a different one.
func (t *Tree) renamed(n *Node) {
	n.forget()
	t.tell(n)
}

func (t *Tree) tell(n *Node) {
	if n.Owner != nil {
		t.moved(n, n)
	}
	for _, kid := range slices.Clone(n.kids) {
		t.tell(kid)
	}
	for _, s := range n.shapes {
		t.tell(s)
	}
}
