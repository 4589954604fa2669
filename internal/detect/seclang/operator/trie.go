package operator

import "slices"

// trie holds phrases while they are collected. Node 0 is the root.
type trie struct{ nodes []node }

type node struct {
	firstKid, sibling int // 0: none
	enter             uint8
	ends              []ending
}

func (t *trie) add(class *[256]uint8, phrase string, list int) {
	at := 0
	for i := range len(phrase) {
		at = t.kid(at, class[phrase[i]])
	}
	e := ending{uint32(list), uint32(len(phrase))} //nolint:gosec // lists and phrases are far below 2^32.
	if !slices.Contains(t.nodes[at].ends, e) {
		t.nodes[at].ends = append(t.nodes[at].ends, e)
	}
}

// kid returns the child that class leads to, and makes it if there is none.
func (t *trie) kid(parent int, class uint8) int {
	for k := t.nodes[parent].firstKid; k != 0; k = t.nodes[k].sibling {
		if t.nodes[k].enter == class {
			return k
		}
	}
	t.nodes = append(t.nodes, node{sibling: t.nodes[parent].firstKid, enter: class})
	k := len(t.nodes) - 1
	t.nodes[parent].firstKid = k
	return k
}
