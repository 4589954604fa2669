package taint

import "strings"

// event is what is known of a Mule event. It is passed by pointer and never changed:
// what changes it makes another one.
type event struct {
	payload, attributes *Value
	// vars are the variables; Fields only, and Rest for those whose names are not
	// known. session are those of the session, outbound the outbound properties of
	// Mule 3.
	vars, session, outbound *Value
	err, auth               *Value
	// mime are the media types that the payload may be written in, joined by "|";
	// empty where that is not known.
	mime string
	// status and headers are not part of an event.
}

func emptyVars() *Value { return &Value{Type: ObjectType, weight: 1, depth: 1} }

// emptyEvent is an event that holds nothing that anyone chose.
func emptyEvent() *event {
	return &event{vars: emptyVars(), session: emptyVars(), outbound: emptyVars(), payload: Null(), attributes: Null()}
}

// unseenEvent is the event of a flow that nobody was seen to call.
func unseenEvent() *event {
	u := Unseen()
	vars := &Value{Type: ObjectType, Rest: u, weight: 1, depth: 1}
	return &event{payload: u, attributes: u, vars: vars, session: vars, outbound: vars, err: u, auth: u}
}

func (e *event) clone() *event {
	c := *e
	return &c
}

// withMessage is the event with another payload and other attributes.
func (e *event) withMessage(payload, attributes *Value, mime string) *event {
	c := e.clone()
	c.payload, c.attributes, c.mime = payload, attributes, mime
	return c
}

// withVar is the event with a variable set. A name that is not known may be any.
func (e *event) withVar(name string, v *Value) *event {
	c := e.clone()
	c.vars = setVar(e.vars, name, v)
	return c
}

// maxVars bounds how many variables are told apart; with more of them all are one.
const maxVars = 1000

// setVar sets a field of variables, which are not held to the bounds of a value as
// a whole, each of them is.
func setVar(vars *Value, name string, v *Value) *Value {
	if v == nil {
		v = Of(AnyType)
	}
	c := &Value{Type: ObjectType, Rest: vars.Rest, Fields: make(map[string]*Value, len(vars.Fields)+1), weight: 1, depth: 1}
	for n, f := range vars.Fields {
		c.Fields[n] = f
	}
	if name == "" || len(c.Fields) >= maxVars && c.Fields[name] == nil {
		c.Rest = Join(c.Rest, v)
		return measured(c)
	}
	c.Fields[name] = v
	return measured(c)
}

// measured counts a value that is not held to the bounds of one; values that are
// made of it are.
func measured(v *Value) *Value {
	v.weight, v.depth = 0, 0
	v.weight, v.depth = measure(v)
	return v
}

// withoutVar is the event without the variables of a name, which may end in "*".
func (e *event) withoutVar(name string) *event {
	if name == "" {
		return e
	}
	prefix, many := strings.CutSuffix(name, "*")
	c := e.clone()
	vars := &Value{Type: ObjectType, Rest: e.vars.Rest, Fields: make(map[string]*Value, len(e.vars.Fields)), weight: 1, depth: 1}
	if many && prefix == "" {
		vars.Rest = nil
	}
	for n, f := range e.vars.Fields {
		if n != name && (!many || !strings.HasPrefix(n, prefix)) {
			vars.Fields[n] = f
		}
	}
	if !many && vars.Rest != nil {
		vars.Fields[name] = Null()
	}
	c.vars = measured(vars)
	return c
}

// joinEvents is what is known of an event that is one of two; nil is none.
func joinEvents(a, b *event) *event {
	switch {
	case a == b || b == nil:
		return a
	case a == nil:
		return b
	}
	return &event{
		payload: joinParts(a.payload, b.payload), attributes: joinParts(a.attributes, b.attributes),
		vars: joinVars(a.vars, b.vars), session: joinVars(a.session, b.session), outbound: joinVars(a.outbound, b.outbound),
		err: joinParts(a.err, b.err), auth: joinParts(a.auth, b.auth), mime: joinMIME(a.mime, b.mime),
	}
}

// joinParts is Join where something of which nothing is known is one of the values
// that it may be.
func joinParts(a, b *Value) *Value {
	if a == nil {
		a = Null()
	}
	if b == nil {
		b = Null()
	}
	return Join(a, b)
}

func joinVars(a, b *Value) *Value {
	if a == b {
		return a
	}
	c := &Value{Type: ObjectType, Rest: Join(a.Rest, b.Rest), Fields: make(map[string]*Value, max(len(a.Fields), len(b.Fields))), weight: 1, depth: 1}
	for n, v := range a.Fields {
		if w, ok := b.Fields[n]; ok {
			c.Fields[n] = Join(v, w)
		} else {
			c.Fields[n] = Join(v, b.Rest)
		}
	}
	for n, w := range b.Fields {
		if _, ok := a.Fields[n]; !ok {
			c.Fields[n] = Join(w, a.Rest)
		}
	}
	return measured(c)
}

// joinChanged joins those variables that are others than they were when was was
// joined.
func joinChanged(have, was, is *Value) *Value {
	c := &Value{Type: ObjectType, Rest: Join(have.Rest, is.Rest), Fields: make(map[string]*Value, len(have.Fields)+1)}
	for n, v := range have.Fields {
		c.Fields[n] = v
	}
	for n, v := range is.Fields {
		if was.Fields[n] == v {
			continue
		}
		if old, ok := have.Fields[n]; ok {
			v = Join(old, v)
		} else {
			v = Join(v, have.Rest)
		}
		c.Fields[n] = v
	}
	return measured(c)
}

func joinMIME(a, b string) string {
	switch {
	case a == b || b == "" || strings.Contains(a, b):
		return a
	case a == "" || strings.Contains(b, a):
		return b
	case len(a)+len(b) > 200:
		return a
	}
	return a + "|" + b
}

// key is the same for events that are equal in all but the ways that data took.
func (e *event) key(keyOf func(*Value) string) string {
	if e == nil {
		return "-"
	}
	var b strings.Builder
	for _, v := range [...]*Value{e.payload, e.attributes, e.err, e.auth} {
		b.WriteString(keyOf(v))
		b.WriteByte(0)
	}
	for _, vars := range [...]*Value{e.vars, e.session, e.outbound} {
		for _, f := range sortedFields(vars) {
			writeQuoted(&b, f.name)
			b.WriteString(keyOf(f.value))
		}
		b.WriteString(keyOf(vars.Rest))
		b.WriteByte(0)
	}
	b.WriteString(e.mime)
	return b.String()
}

// part is a part of the event by the name that expressions give it.
func (e *event) part(name string, major int) *Value {
	switch name {
	case "payload":
		return e.payload
	case "attributes":
		return e.attributes
	case "vars", "flowVars":
		return e.vars
	case "recordVars":
		return e.vars
	case "sessionVars":
		return e.session
	case "inboundProperties":
		return e.attributes
	case "outboundProperties":
		return e.outbound
	case "error", "exception":
		return e.err
	case "authentication":
		return e.auth
	case "message":
		if major == 3 {
			return object(map[string]*Value{
				"payload": e.payload, "inboundProperties": e.attributes, "outboundProperties": e.outbound,
				"exception": e.err,
			})
		}
		return object(map[string]*Value{"payload": e.payload, "attributes": e.attributes})
	case "correlationId", "flow":
		return Of(TextType)
	}
	return nil
}

// object is an object whose fields are not held to bounds as a whole; each of them
// is, as it was a value before.
func object(fields map[string]*Value) *Value {
	for n, f := range fields {
		if f == nil {
			fields[n] = Of(AnyType)
		}
	}
	return measured(&Value{Type: ObjectType, Fields: fields})
}

// deeply puts f of every value in the place of the values anywhere in the event
// that f changes.
func (e *event) deeply(f func(*Value) *Value) *event {
	c := e.clone()
	c.payload, c.attributes, c.err = replaceDeep(e.payload, f, 0), replaceDeep(e.attributes, f, 0), replaceDeep(e.err, f, 0)
	c.vars, c.session = replaceDeep(e.vars, f, 0), replaceDeep(e.session, f, 0)
	return c
}

// replaceDeep is v with f of v, or of what is inside it; it is v itself where f
// changes nothing.
func replaceDeep(v *Value, f func(*Value) *Value, depth int) *Value {
	if v == nil || depth > maxDepth+2 {
		return v
	}
	if w := f(v); w != v {
		return w
	}
	rest := replaceDeep(v.Rest, f, depth+1)
	var fields map[string]*Value
	for n, w := range v.Fields {
		x := replaceDeep(w, f, depth+1)
		if x == w {
			continue
		}
		if fields == nil {
			fields = make(map[string]*Value, len(v.Fields))
			for k, y := range v.Fields {
				fields[k] = y
			}
		}
		fields[n] = x
	}
	if fields == nil && rest == v.Rest {
		return v
	}
	c := *v
	if fields != nil {
		c.Fields = fields
	}
	c.Rest = rest
	return measured(&c)
}
