package core

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/governance/spectral"
)

func channelServers(in *spectral.Input) []spectral.Problem {
	servers, channels := in.Value.Get("servers"), in.Value.Get("channels")
	if servers != nil && !servers.Is(tree.Object) || !channels.Is(tree.Object) {
		return nil
	}
	var out []spectral.Problem
	for _, c := range channels.Members {
		list := c.Value.Get("servers")
		if !c.Value.Is(tree.Object) || list != nil && !textsOnly(list) {
			return nil
		}
		for i, name := range list.List() {
			if servers.Get(name.Text) == nil {
				out = append(out, below("the servers of the document have none of this name", "channels", c.Name, "servers", strconv.Itoa(i)))
			}
		}
	}
	return out
}

func channelParameters(in *spectral.Input) []spectral.Problem {
	parameters := in.Value.Get("parameters")
	if !parameters.Is(tree.Object) {
		return nil
	}
	address := ""
	switch given := in.Value.Get("address"); {
	case given.Is(tree.String):
		address = given.Text
	case given == nil || given.Is(tree.Null):
		place := in.Path()
		address = place[len(place)-1]
	}
	used := variablesOf(address)
	if len(used) == 0 {
		return nil
	}
	var out []spectral.Problem
	missing := slices.DeleteFunc(slices.Clone(used), func(name string) bool { return parameters.Get(name) != nil })
	if len(missing) > 0 {
		out = append(out, below("parameters of the channel aren't described: "+strings.Join(missing, ", "), "parameters"))
	}
	for _, m := range parameters.Members {
		if !slices.Contains(used, m.Name) {
			out = append(out, below("the address of the channel has no such parameter", "parameters", m.Name))
		}
	}
	return out
}

// asyncNode is an operation or a message with its place.
type asyncNode struct {
	node *tree.Node
	path []string
}

func asyncOperations(root *tree.Node) iter.Seq[asyncNode] {
	return func(yield func(asyncNode) bool) {
		for _, c := range root.Get("channels").Fields() {
			for _, name := range []string{"subscribe", "publish"} {
				if o := c.Value.Get(name); o.Is(tree.Object) && !yield(asyncNode{o, []string{"channels", c.Name, name}}) {
					return
				}
			}
		}
	}
}

func messages(root *tree.Node) iter.Seq[asyncNode] {
	return func(yield func(asyncNode) bool) {
		for o := range asyncOperations(root) {
			message, place := o.node.Get("message"), path(o.path, "message")
			list := message.Get("oneOf")
			if message.Is(tree.Object) && !list.Is(tree.Array) && !yield(asyncNode{message, place}) {
				return
			}
			for i, one := range list.List() {
				if one.Is(tree.Object) && !yield(asyncNode{one, path(place, "oneOf", strconv.Itoa(i))}) {
					return
				}
			}
		}
	}
}

func uniqueMessageIDs(in *spectral.Input) []spectral.Problem {
	return uniqueIDs(messages(in.Value), "messageId")
}

func uniqueAsyncOperationIDs(in *spectral.Input) []spectral.Problem {
	return uniqueIDs(asyncOperations(in.Value), "operationId")
}

// uniqueIDs tells of names that were given before; that of the last trait which
// has one counts.
func uniqueIDs(nodes iter.Seq[asyncNode], member string) []spectral.Problem {
	var out []spectral.Problem
	seen := map[string]bool{}
	for n := range nodes {
		id, place := n.node.Get(member), path(n.path, member)
		for i, trait := range n.node.Get("traits").List() {
			if own := trait.Get(member); own.Is(tree.String) {
				id, place = own, path(n.path, "traits", strconv.Itoa(i), member)
			}
		}
		if !id.Is(tree.String) {
			continue
		}
		if seen[id.Text] {
			out = append(out, below(fmt.Sprintf("the %s %q is given more than once", member, id.Text), place...))
		}
		seen[id.Text] = true
	}
	return out
}

func asyncSecurity(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) || slices.ContainsFunc(in.Value.Members, func(m tree.Member) bool { return !textsOnly(m.Value) }) {
		return nil
	}
	schemes := in.Unresolved.At("components", "securitySchemes")
	var out []spectral.Problem
	for _, m := range in.Value.Members {
		scheme := schemes.Get(m.Name)
		if scheme == nil {
			out = append(out, below("the security scheme isn't defined in components.securitySchemes", m.Name))
		}
		if scheme.Get("type").Str() != "oauth2" {
			continue
		}
		for i, scope := range m.Value.Items {
			known := slices.ContainsFunc([]string{"implicit", "password", "clientCredentials", "authorizationCode"}, func(flow string) bool {
				return scheme.At("flows", flow, "scopes", scope.Text) != nil
			})
			if !known {
				out = append(out, below(fmt.Sprintf("the security scheme has no scope %q", scope.Text), m.Name, strconv.Itoa(i)))
			}
		}
	}
	return out
}

// schemaValues holds the default or the examples of a schema against it.
func schemaValues(options *tree.Node) (spectral.Check, error) {
	kind := options.Get("type").Str()
	if kind != "default" && kind != "examples" {
		return nil, tree.Wrong(options, "functionOptions need type: default or type: examples")
	}
	return func(in *spectral.Input) []spectral.Problem {
		list := in.Value.Get("examples")
		if !in.Value.Is(tree.Object) || list != nil && !list.Is(tree.Array) {
			return []spectral.Problem{below("must be a schema with a default, or with a list of examples")}
		}
		values := []placed{{in.Value.Get("default"), []string{"default"}}}
		if kind == "examples" {
			values = nil
			for i, n := range list.List() {
				values = append(values, placed{n, []string{"examples", strconv.Itoa(i)}})
			}
		}
		var out []spectral.Problem
		for i, v := range values {
			// Spectral leaves texts out: the format of a payload may be any.
			if !v.node.Is(tree.String) {
				out = append(out, judgeBy(in, in.Value, rewriting{}, v, howTo{all: true, again: i > 0})...)
			}
		}
		return out
	}, nil
}

// messageExamples holds the examples of a message against the schemas that it has
// with its traits.
func messageExamples(in *spectral.Input) []spectral.Problem {
	if !in.Value.Is(tree.Object) {
		return nil
	}
	message := map[string]*tree.Node{}
	for _, name := range []string{"payload", "headers", "examples"} {
		message[name] = in.Value.Get(name)
		for _, trait := range in.Value.Get("traits").List() {
			if patch := trait.Get(name); patch != nil {
				message[name] = merge(message[name], patch, maxMerge)
			}
		}
	}
	var out []spectral.Problem
	for i, e := range message["examples"].List() {
		for _, name := range []string{"payload", "headers"} {
			value, schema := e.Get(name), message[name]
			if value != nil && schema.Is(tree.Object) {
				out = append(out, judgeBy(in, schema, rewriting{}, placed{value, []string{"examples", strconv.Itoa(i), name}}, howTo{all: true})...)
			}
		}
	}
	return out
}

// maxMerge is how deep traits are merged.
const maxMerge = 100

// merge is a value with a patch of RFC 7396 on it.
func merge(n, patch *tree.Node, depth int) *tree.Node {
	if !patch.Is(tree.Object) || depth == 0 {
		return patch
	}
	out := tree.NewObject(patch)
	if n.Is(tree.Object) {
		for _, m := range n.Members {
			if !patch.Get(m.Name).Is(tree.Null) {
				value := m.Value
				if p := patch.Get(m.Name); p != nil {
					value = merge(value, p, depth-1)
				}
				out.Members = append(out.Members, tree.Member{Name: m.Name, Line: m.Line, Column: m.Column, Value: value})
			}
		}
	}
	for _, m := range patch.Members {
		if (!n.Is(tree.Object) || n.Get(m.Name) == nil) && !m.Value.Is(tree.Null) {
			value := merge(nil, m.Value, depth-1)
			out.Members = append(out.Members, tree.Member{Name: m.Name, Line: m.Line, Column: m.Column, Value: value})
		}
	}
	out.Index()
	return out
}

// payload judges whether the schema of a payload is one.
func payload(in *spectral.Input) []spectral.Problem {
	err := check(in, in.Value, draft7)
	if err == nil {
		return nil
	}
	return []spectral.Problem{below("the payload is no schema: " + err.Error())}
}
