package traffic

// carried is what one step keeps between its hooks.
type carried struct{ step, value any }

// Carry keeps a value for the later hooks of the same step on this exchange.
// The step is known by a pointer of its own, such as to its bound state; a
// second value replaces the first. What is carried reaches no record.
func (x *Exchange) Carry(step, value any) {
	for i := range x.carried {
		if x.carried[i].step == step {
			x.carried[i].value = value
			return
		}
	}
	x.carried = append(x.carried, carried{step, value})
}

// Carried is what the step carried, nil for nothing.
func (x *Exchange) Carried(step any) any {
	for i := range x.carried {
		if x.carried[i].step == step {
			return x.carried[i].value
		}
	}
	return nil
}
