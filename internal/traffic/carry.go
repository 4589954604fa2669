package traffic

// carried is what one step keeps between its hooks.
type carried struct {
	step, value any
	numbers     [3]int64
	counts      bool // that there are numbers
}

// inlined is how many steps of an exchange carry without memory of their own.
const inlined = 3

// carriage is all that the steps of an exchange carry.
type carriage struct {
	here [inlined]carried
	more []carried
}

// of is what a step carries, nil for nothing.
func (c *carriage) of(step any) *carried {
	for i := range c.here {
		if c.here[i].step == step {
			return &c.here[i]
		}
	}
	for i := range c.more {
		if c.more[i].step == step {
			return &c.more[i]
		}
	}
	return nil
}

// add makes room for what a step carries.
func (c *carriage) add(step any) *carried {
	if known := c.of(step); known != nil {
		return known
	}
	for i := range c.here {
		if c.here[i].step == nil {
			c.here[i].step = step
			return &c.here[i]
		}
	}
	c.more = append(c.more, carried{step: step})
	return &c.more[len(c.more)-1]
}

// Carry keeps a value for the later hooks of the same step on this exchange.
// The step is known by a pointer of its own, such as to its bound state; a
// second value replaces the first. What is carried reaches no record.
func (x *Exchange) Carry(step, value any) { x.carried.add(step).value = value }

// Carried is what the step carried, nil for nothing.
func (x *Exchange) Carried(step any) any {
	if known := x.carried.of(step); known != nil {
		return known.value
	}
	return nil
}

// CarryNumbers is Carry for three numbers, which need no memory of their own. A
// step may carry both.
func (x *Exchange) CarryNumbers(step any, numbers [3]int64) {
	known := x.carried.add(step)
	known.numbers, known.counts = numbers, true
}

// CarriedNumbers are the numbers that the step carried, and whether it did.
func (x *Exchange) CarriedNumbers(step any) (numbers [3]int64, ok bool) {
	if known := x.carried.of(step); known != nil {
		return known.numbers, known.counts
	}
	return numbers, false
}
