package check

import "slices"

// entry is a check or a repair and the name that rule files call it by.
type entry[T any] struct {
	name string
	run  T
}

// RepairFunc makes the fix of a report of a rule, nil where there is none for it.
type RepairFunc func(c *Context, r Report) *Repair

// all lists the checks: each theme's file gives its own.
func all() []entry[Func] {
	return slices.Concat(
		transport(),
		cryptography(),
		configuration(),
		descriptions(),
		injection(),
		fileChecks(),
		auth(),
		errorChecks(),
		logging(),
		secrets(),
		supply(),
	)
}

// allRepairs lists the repairs that rule files name.
func allRepairs() []entry[RepairFunc] {
	return slices.Concat(
		injectionRepairs(),
	)
}

// Named is the check of a name.
func Named(name string) (Func, bool) { return find(all(), name) }

// RepairNamed is the repair of a name.
func RepairNamed(name string) (RepairFunc, bool) { return find(allRepairs(), name) }

// Names are the names of all checks.
func Names() []string {
	var names []string
	for _, e := range all() {
		names = append(names, e.name)
	}
	return names
}

func find[T any](entries []entry[T], name string) (T, bool) {
	for _, e := range entries {
		if e.name == name {
			return e.run, true
		}
	}
	var none T
	return none, false
}
