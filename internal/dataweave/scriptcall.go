package dataweave

import (
	"errors"
	"time"
)

const (
	moduleCore      = "dw::Core"
	moduleStrings   = "dw::core::Strings"
	moduleArrays    = "dw::core::Arrays"
	moduleObjects   = "dw::core::Objects"
	moduleBinaries  = "dw::core::Binaries"
	moduleNumbers   = "dw::core::Numbers"
	moduleCoercions = "dw::util::Coercions"
)

// builtin is one of the functions that scripts have.
type builtin struct {
	name, module string
	min, max     int
	// parameters says that the second argument is a function, which is given so
	// many; 0 that there is none.
	parameters int
	// regex says that the second argument may be a regular expression, must that
	// it can't be anything else.
	regex, must bool
	apply       func(c *arguments) (Value, error)
}

// builtinCall calls one.
type builtinCall struct {
	builtin builtin
	args    []scriptNode
	lambda  *lambda
	regex   *pattern
	pos     int
}

// arguments are those of one call, evaluated; what is missing is null.
type arguments struct {
	r    *run
	call *builtinCall
	v    [3]Value
	// own is the frame of the function that the call is given.
	own *frame
}

// complete says whether a call has what its function needs.
func (b builtin) complete(n *builtinCall) error {
	if b.must && n.regex == nil {
		return errorf(n.pos, "%s needs a regular expression, /…/", b.name)
	}
	return nil
}

func (n *builtinCall) eval(r *run, f *frame) (Value, error) {
	c := arguments{r: r, call: n}
	for i, arg := range n.args {
		v, err := r.eval(arg, f)
		if err != nil {
			return Value{}, err
		}
		c.v[i] = v
	}
	if n.lambda != nil {
		c.own = n.lambda.scope.frame(f)
	}
	r.at = n.pos
	v, err := n.builtin.apply(&c)
	if err != nil {
		var placed *Error
		if errors.As(err, &placed) {
			return Value{}, err
		}
		return Value{}, errorf(n.pos, "%s: %v", n.builtin.name, err)
	}
	return v, nil
}

// with calls the function that the call is given.
func (c *arguments) with(values ...Value) (Value, error) {
	return c.call.lambda.call(c.r, c.own, values...)
}

// holds calls a function that gives a Boolean.
func (c *arguments) holds(values ...Value) (bool, error) {
	return c.call.lambda.truth(c.r, c.own, c.call.pos, values...)
}

// text is an argument as text: a String, a Number or a Boolean.
func (c *arguments) text(i int) (string, error) {
	v := c.v[i]
	if v.kind == KindNull || v.kind == KindArray || v.kind == KindObject {
		return "", wants("a String", v)
	}
	s, err := v.Text()
	if err == nil {
		err = c.r.spend(len(s) / 16)
	}
	return s, err
}

// whole is an argument as a whole number, 0 without one.
func (c *arguments) whole(i int) (int, error) {
	if c.v[i].kind == KindNull {
		return 0, nil
	}
	if !isPosition(c.v[i]) {
		return 0, wants("a whole Number", c.v[i])
	}
	return int(c.v[i].num), nil
}

// builtins are all functions by their bare names.
func builtins() map[string]builtin {
	all := map[string]builtin{}
	for _, list := range [][]builtin{listFunctions(), objectFunctions(), scriptTextFunctions(), scriptNumberFunctions(), settingFunctions()} {
		for _, b := range list {
			all[b.name] = b
		}
	}
	return all
}

// settingFunctions are those of settings that scripts have as they are.
func settingFunctions() []builtin {
	var list []builtin
	add := func(module string, from []function, names ...string) {
		for _, f := range from {
			for _, name := range names {
				if f.name == name {
					list = append(list, builtin{name: name, module: module, min: f.min, max: f.max, apply: onSetting(f)})
				}
			}
		}
	}
	add(moduleCore, coreFunctions(), "lower", "upper", "trim", "uuid")
	add(moduleStrings, stringFunctions(), "substringAfter", "substringAfterLast", "substringBefore", "substringBeforeLast")
	add(moduleBinaries, binaryFunctions(), "toBase64", "fromBase64")
	add(moduleNumbers, numberFunctions(), "toBinary")
	add(moduleCoercions, coercionFunctions(), "toString")
	return list
}

// onSetting makes a function of settings one of scripts: Numbers and Booleans
// are read as text where it wants text.
func onSetting(f function) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		if first := c.v[0]; f.name != "toBinary" && f.name != "toString" && (first.kind == KindNumber || first.kind == KindBool) {
			c.v[0], _ = castString(first)
		}
		if err := c.r.spend(len(c.v[0].str) / 16); err != nil {
			return Value{}, err
		}
		v, err := f.apply(noted(c.v[0], nil), c.v[1])
		if err != nil {
			return Value{}, err
		}
		return v, c.r.grow(len(v.str))
	}
}

// nullable makes a function give null for null.
func nullable(apply func(c *arguments) (Value, error)) func(c *arguments) (Value, error) {
	return func(c *arguments) (Value, error) {
		if c.v[0].kind == KindNull {
			return Value{}, nil
		}
		return apply(c)
	}
}

// now is the present time of the gateway (RFC 3339, UTC).
func now(c *arguments) (Value, error) {
	clock, ok := c.r.env.(Clock)
	if !ok {
		return Value{}, errors.New("there is no clock here")
	}
	return String(clock.Now().UTC().Format(time.RFC3339Nano)), nil
}
