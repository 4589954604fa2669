package dataweave

func take(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	n, err := c.whole(1)
	if err != nil {
		return Value{}, err
	}
	return c.r.list(list[:min(max(n, 0), len(list))])
}

func drop(c *arguments) (Value, error) {
	list, err := c.array()
	if err != nil {
		return Value{}, err
	}
	n, err := c.whole(1)
	if err != nil {
		return Value{}, err
	}
	return c.r.list(list[min(max(n, 0), len(list)):])
}
