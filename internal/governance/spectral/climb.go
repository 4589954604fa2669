package spectral

import "slices"

// climb follows parents and keys.
func (m *matcher) climb(s state) {
	steps := m.paths[s.path].steps[s.step:]
	at := len(m.cursor.stack) - 1
	for len(steps) > 0 && steps[0].kind == stepParent {
		steps = steps[1:]
		at--
	}
	if at < 0 {
		return
	}
	m.follow(int(s.path), at, steps)
}

// follow takes the rest of a path from a value of the stack.
func (m *matcher) follow(path, at int, steps []step) {
	if len(steps) == 0 {
		m.emit(path, &m.cursor, at, false)
		return
	}
	if steps[0].kind == stepKey {
		if at > 0 {
			m.emit(path, &m.cursor, at, true)
		}
		return
	}
	// The rest is walked on a stack of its own.
	whole := m.cursor.stack
	m.cursor.stack = slices.Clone(whole[:at+1])
	m.walk(steps, func(steps []step) { m.follow(path, len(m.cursor.stack)-1, steps) })
	m.cursor.stack = whole
}

// walk takes steps from the value on top of the stack, and calls done with the
// rest at each value that they lead to once only parents and keys are left.
func (m *matcher) walk(steps []step, done func(rest []step)) {
	if m.err != nil {
		return
	}
	if len(steps) == 0 || steps[0].kind == stepKey {
		done(steps)
		return
	}
	if steps[0].kind == stepParent {
		if last := len(m.cursor.stack) - 1; last > 0 {
			top := m.cursor.stack[last]
			m.cursor.stack = m.cursor.stack[:last]
			m.walk(steps[1:], done)
			m.cursor.stack = append(m.cursor.stack[:last], top)
		}
		return
	}
	n := m.cursor.top().node
	if !isContainer(n) {
		return
	}
	if !m.spend(1 + len(n.Members) + len(n.Items)) {
		return
	}
	for i := range n.Members {
		m.walkChild(steps, frame{node: n.Members[i].Value, name: n.Members[i].Name, index: -1}, done)
	}
	for i, item := range n.Items {
		m.walkChild(steps, frame{node: item, index: i}, done)
	}
}

func (m *matcher) walkChild(steps []step, f frame, done func(rest []step)) {
	m.cursor.stack = append(m.cursor.stack, f)
	first := &steps[0]
	if first.kind == stepFilter && m.holds(first.filter) || first.selects(m.cursor.at(1), m.cursor.at(0)) {
		m.walk(steps[1:], done)
	}
	if first.deep {
		m.walk(steps, done)
	}
	m.cursor.stack = m.cursor.stack[:len(m.cursor.stack)-1]
}
