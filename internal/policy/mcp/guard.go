package mcp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// kind is what an action is done with.
type kind uint8

const (
	method kind = iota // nothing with a name
	tool
	resource
	prompt
)

var kindNames = [...]string{"method", "tool", "resource", "prompt"}

// String is the kind as it stands in answers.
func (k kind) String() string { return kindNames[k] }

// action is what a message asks for.
type action struct {
	method string
	kind   kind
	// name is that of the tool or prompt, or the URI of the resource.
	name string
}

var errNoName = errors.New("params name no tool, prompt or resource")

// actionOf reads what a request or notification asks for.
func actionOf(m *jsonrpc.Message) (action, error) {
	a := action{method: m.Method}
	member := "name"
	switch m.Method {
	case "tools/call":
		a.kind = tool
	case "prompts/get":
		a.kind = prompt
	case "resources/read", "resources/subscribe", "resources/unsubscribe":
		a.kind, member = resource, "uri"
	case "completion/complete":
		return reference(a, m)
	default:
		return a, nil
	}
	found, err := policy.RPCMembers(m.Params, member)
	if err != nil {
		return a, err
	}
	name, ok := policy.JSONText(found[member])
	if !ok || name == "" {
		return a, errNoName
	}
	a.name = name
	return a, nil
}

// reference is what completion/complete is about.
func reference(a action, m *jsonrpc.Message) (action, error) {
	found, err := policy.RPCMembers(m.Params, "ref")
	if err != nil {
		return a, err
	}
	ref, err := policy.RPCMembers(found["ref"], "type", "name", "uri")
	if err != nil {
		return a, err
	}
	member := "name"
	switch of, _ := policy.JSONText(ref["type"]); of {
	case "ref/prompt":
		a.kind = prompt
	case "ref/resource":
		a.kind, member = resource, "uri"
	default:
		return a, errNoName
	}
	name, ok := policy.JSONText(ref[member])
	if !ok || name == "" {
		return a, errNoName
	}
	a.name = name
	return a, nil
}

// judge says whether an exchange may do something. It is asked once for each
// exchange, and its answer for each action.
type judge func(x *traffic.Exchange) func(a *action) bool

// guard refuses what a judge does not allow, and leaves it out of lists.
type guard struct {
	judge  judge
	status int
}

func (g *guard) step() policy.Step {
	return policy.Step{
		Request: g.request, Response: g.response,
		RequestBody: request(), ResponseBody: response(),
	}
}

func (g *guard) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	plain(x)
	var allows func(*action) bool
	for i := range r.Messages {
		m := &r.Messages[i]
		if m.Kind == jsonrpc.Response {
			continue
		}
		a, err := actionOf(m)
		if err != nil {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", err.Error())
		}
		if allows == nil {
			allows = g.judge(x)
		}
		if !allows(&a) {
			code := jsonrpc.InvalidParams
			if a.kind == method {
				code = jsonrpc.MethodNotFound
			}
			return policy.RefuseRPC(x, g.status, m.ID, code, "This "+a.kind.String()+" is not allowed.", "the rules do not allow the "+a.kind.String()+" that is asked for")
		}
	}
	return policy.Go()
}

// lists are the members of results that list what may be asked for: the kind,
// the member that names it, and the method that would ask.
var lists = map[string]struct {
	kind         kind
	name, method string
}{
	"tools":             {tool, "name", "tools/call"},
	"prompts":           {prompt, "name", "prompts/get"},
	"resources":         {resource, "uri", "resources/read"},
	"resourceTemplates": {resource, "uriTemplate", "resources/read"},
}

// response leaves what is not allowed out of lists. A list is known by its form,
// for a stream may be resumed by a request that knows nothing of the one it
// belongs to.
func (g *guard) response(_ context.Context, x *traffic.Exchange) policy.Verdict {
	allows := g.judge(x)
	return answers(x, func(m *jsonrpc.Message) []jsonrpc.Edit {
		return eachList(m, func(of kind, asks string, elements [][]byte, name string) ([][]byte, bool) {
			kept := elements[:0:0]
			for _, one := range elements {
				found, err := policy.RPCMembers(one, name)
				if err != nil {
					continue
				}
				a := action{method: asks, kind: of}
				var ok bool
				if a.name, ok = policy.JSONText(found[name]); ok && allows(&a) {
					kept = append(kept, one)
				}
			}
			return kept, len(kept) != len(elements)
		})
	})
}

// eachList hands the lists of a result to change, which gives other elements.
func eachList(m *jsonrpc.Message, change func(of kind, asks string, elements [][]byte, name string) ([][]byte, bool)) []jsonrpc.Edit {
	if m.Result == nil {
		return nil
	}
	members, object, err := jsontext.Members(m.Result, policy.RPCLimits().JSON)
	if err != nil || !object {
		return nil
	}
	var edits []jsonrpc.Edit
	for _, one := range members {
		list, ok := lists[one.Name]
		if !ok {
			continue
		}
		elements, array, err := jsontext.Elements(one.Value, policy.RPCLimits().JSON)
		if err != nil || !array {
			continue
		}
		if other, changed := change(list.kind, list.method, elements, list.name); changed {
			edits = append(edits, jsonrpc.Edit{Part: one.Value, Other: joined(other)})
		}
	}
	return edits
}

func joined(elements [][]byte) []byte {
	out := []byte{'['}
	for i, one := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, one...)
	}
	return append(out, ']')
}

// glob is a pattern in which * stands for any text.
type glob []string

func newGlob(pattern string) glob { return strings.Split(pattern, "*") }

func (g glob) match(name string) bool {
	if len(g) == 1 {
		return name == g[0]
	}
	rest, ok := strings.CutPrefix(name, g[0])
	if !ok {
		return false
	}
	for _, part := range g[1 : len(g)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, g[len(g)-1])
}

func anyGlob(globs []glob, name string) bool {
	for _, g := range globs {
		if g.match(name) {
			return true
		}
	}
	return false
}

func newGlobs(patterns []string) []glob {
	globs := make([]glob, 0, len(patterns))
	for _, p := range patterns {
		globs = append(globs, newGlob(p))
	}
	return globs
}
