package discovery

import (
	"errors"
	"fmt"
	"time"
)

// hotBytes bounds what the details of hot operations take together, in bytes.
const hotBytes = 64 << 20

// weigh keeps the sums of what details take.
func (l *Learner) weigh(e *entry, by int) {
	if e.listed {
		l.hotBytes += by
	} else {
		l.waitBytes += by
	}
}

// used notes that an operation's details are needed, for those that may leave memory.
func (l *Learner) used(e *entry) {
	switch {
	case l.options.Details == nil || !e.listed:
	case e.hot == nil:
		e.hot = l.hot.PushFront(e)
	default:
		l.hot.MoveToFront(e.hot)
	}
}

// touch notes that an operation changed.
func (l *Learner) touch(e *entry) {
	if e.dirty == nil {
		e.dirty = l.dirty.PushBack(e)
	}
}

// heat brings an operation's details into memory. It is false when they can't be had,
// or when there is no room because nobody took what changed.
func (l *Learner) heat(e *entry) bool {
	if e.op != nil {
		if e.hot != nil {
			l.hot.MoveToFront(e.hot)
		}
		return true
	}
	if l.hot.Len() >= 2*l.limits.Hot {
		if l.cool(); l.hot.Len() >= 2*l.limits.Hot {
			e.op = nil
			return false
		}
	}
	op, err := l.options.Details.Load(e.key)
	switch {
	case err == nil && op != nil:
		op.Key = e.key
	case err == nil || errors.Is(err, ErrNotKept):
		op = &Operation{Key: e.key, Listed: l.options.Now(), By: "traffic"}
	default:
		return false
	}
	e.op = op
	e.size = op.size()
	l.weigh(e, e.size)
	l.used(e)
	l.cool()
	return true
}

// need is heat where the operation gets another key, so that its details must be there.
// What the store can't give back counts anew; that it is listed stays.
func (l *Learner) need(e *entry) {
	if l.heat(e) {
		return
	}
	l.overflow++
	e.op = &Operation{Key: e.key, Listed: l.options.Now(), By: "traffic", Good: e.good}
	e.size = e.op.size()
	l.weigh(e, e.size)
	l.used(e)
}

// cool lets details leave memory that were taken since they changed, the ones that
// were used longest ago first.
func (l *Learner) cool() {
	if l.options.Details == nil {
		return
	}
	el := l.hot.Back()
	for tries := 0; tries < 64 && el != nil && (l.hot.Len() > l.limits.Hot || l.hotBytes > hotBytes && l.hot.Len() > 64); tries++ {
		e, _ := el.Value.(*entry)
		el = el.Prev()
		// What the last Take copied may not be in the store yet.
		if e.dirty != nil || !e.taken || e.turn >= l.turn || el == nil {
			continue
		}
		l.weigh(e, -e.size)
		e.op, e.size, e.classes = nil, 0, nil
		l.hot.Remove(e.hot)
		e.hot = nil
	}
}

// Take gives copies of at most max operations, candidates too, that changed since they
// were taken before. When it is called the next time, what it gave must be in the
// store.
func (l *Learner) Take(most int) []*Operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(most)
}

func (l *Learner) take(most int) []*Operation {
	l.turn++
	var out []*Operation
	for len(out) < most {
		el := l.dirty.Front()
		if el == nil {
			break
		}
		e, _ := el.Value.(*entry)
		l.dirty.Remove(el)
		e.dirty, e.taken, e.turn = nil, true, l.turn
		if e.op != nil {
			out = append(out, e.op.Clone())
		}
	}
	l.cool()
	return out
}

// Changed is Take, and Gone when nothing is left to be taken: what a gone operation
// became part of is then in the store, or among these, so that no end of the process
// loses both.
func (l *Learner) Changed(most int) (ops []*Operation, gone []Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ops = l.take(most); l.dirty.Len() == 0 {
		gone = l.takeGone()
	}
	return ops, gone
}

// maxGone bounds the keys that wait to be forgotten while the store can't be written.
// What lies there beyond is at most a candidate too many after a restart.
const maxGone = 4 * MaxOperations

// Again says that what Changed gave could not be stored: it counts as changed, and as
// gone, again.
func (l *Learner) Again(ops []*Operation, gone []Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range ops {
		if e := l.entries[op.Key]; e != nil && e.op != nil {
			l.touch(e)
		}
	}
	l.gone = append(gone, l.gone...)
	l.gone = l.gone[:min(len(l.gone), maxGone)]
}

// Gone gives the keys of operations that Take gave once and that are no more: they
// became part of others, or were candidates for too long. Each is given once.
func (l *Learner) Gone() []Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeGone()
}

func (l *Learner) takeGone() []Key {
	all := l.gone
	l.gone = nil
	kept := all[:0]
	for _, k := range all {
		if e := l.entries[k]; e == nil {
			kept = append(kept, k)
		}
	}
	return kept
}

// Restore adds operations of the store, at the start. Where the learner has Details it
// keeps an index of those that are listed, and loads the rest when it is needed.
func (l *Learner) Restore(ops []*Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*entry, 0, len(ops))
	for _, op := range ops {
		if e := l.restore(op); e != nil {
			all = append(all, e)
		}
	}
	l.rekeyThese(all)
}

// restore gives the entry that it made, nil for none.
func (l *Learner) restore(op *Operation) *entry {
	if e := l.entries[op.Key]; e != nil {
		if l.heat(e) {
			e.op.Merge(op)
			l.touch(e)
		}
		return nil
	}
	h := l.hosts[op.Host]
	if h == nil {
		h = l.newHost(op.Host, op.API)
		h.last = op.Last
	}
	node, err := h.tree.Insert(op.Method, op.Path)
	if err != nil {
		l.overflow++
		return nil
	}
	s := spotOf(node)
	if s == nil {
		s = &spot{}
		node.Owner = s
	}
	e := &entry{key: op.Key, host: h, node: node, names: node.Names(), listed: !op.Listed.IsZero(), taken: true, good: op.Good}
	s.add(e)
	l.entries[e.key] = e
	if !e.listed {
		l.waiting++
		h.waiting++
		l.sources.own(l.sources.nobody, e)
	} else {
		l.listed++
		h.listed++
	}
	if !e.listed || l.options.Details == nil {
		e.op = op.Clone()
		e.size = e.op.size()
		l.weigh(e, e.size)
	}
	return e
}

// Inventory gives copies of everything that is listed, with the parameters that are.
// What lies in the store is loaded.
func (l *Learner) Inventory() (*Inventory, error) {
	inv := &Inventory{At: l.options.Now()}
	l.mu.Lock()
	all := l.sorted(func(e *entry) bool { return e.listed })
	inv.Edges = l.sortedEdges(0)
	l.mu.Unlock()
	for _, e := range all {
		op, err := l.copyOf(e)
		if err != nil {
			return nil, fmt.Errorf("loading %s: %w", e.key, err)
		}
		if op == nil {
			continue
		}
		op.Parameters = op.AcceptedParameters()
		inv.Operations = append(inv.Operations, op)
	}
	return inv, nil
}

// copyOf copies an operation, from memory or from the store; nil when it is gone.
func (l *Learner) copyOf(e *entry) (*Operation, error) {
	l.mu.Lock()
	if l.entries[e.key] != e {
		l.mu.Unlock()
		return nil, nil //nolint:nilnil // it became part of another meanwhile
	}
	if e.op != nil {
		op := e.op.Clone()
		l.mu.Unlock()
		return op, nil
	}
	key := e.key
	l.mu.Unlock()
	op, err := l.options.Details.Load(key)
	if errors.Is(err, ErrNotKept) {
		return nil, nil //nolint:nilnil // there is nothing to show
	}
	return op, err
}

// Age records of what is listed that it became unused or archived. It is for the
// house to call now and then.
func (l *Learner) Age() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now()
	for _, e := range l.sorted(func(e *entry) bool { return e.listed && e.op != nil }) {
		op := e.op
		idle := now.Sub(op.Last)
		switch {
		case op.Last.IsZero():
		case idle > ArchivedAfter:
			l.aged(e, "archived", now)
		case idle > UnusedAfter:
			l.aged(e, "unused", now)
		}
	}
}

// aged records a state of age once for each time that the operation fell quiet.
func (l *Learner) aged(e *entry, kind string, now time.Time) {
	for _, c := range e.op.Changes {
		if c.Kind == kind && c.At.After(e.op.Last) {
			return
		}
	}
	e.op.change(now, kind, "", "last called "+e.op.Last.UTC().Format(time.DateOnly))
	l.touch(e)
}
