package decode

import (
	"strings"
)

// graphQLReader reads a GraphQL document (October 2021): executable definitions
// only. It reads twice, first to see whether the text is one, then to take what
// is in it.
type graphqlReader struct {
	graphqlLexer
	t       *Tree
	at      inside
	taking  bool
	depth   int // of selections
	nested  int // of values
	deepest int
	aliases int // and repetitions of fields and directives, which cost the same
	// fragment is the fragment being read, "" in an operation; spreads are the
	// fragments that each uses.
	fragment string
	spreads  []spread
}

// spread is the use of a fragment by another.
type spread struct{ by, of string }

// maxSpreads bounds the uses of fragments that are looked at.
const maxSpreads = 64

// circular says that a fragment uses itself, if by way of others. What is used by
// nobody, or uses nobody, is in no circle, and is left out until nothing else is.
func circular(spreads []spread) bool {
	for {
		kept := spreads[:0:0]
		for _, s := range spreads {
			for _, next := range spreads {
				if next.by == s.of {
					kept = append(kept, s)
					break
				}
			}
		}
		if len(kept) == len(spreads) {
			return len(kept) > 0
		}
		spreads = kept
	}
}

// graphQLValue opens a value that is called "query" and is a GraphQL document,
// and tells whether it did.
func (t *Tree) graphQLValue(leaf int32) bool {
	l := t.Leaves[leaf]
	s := t.Nodes[l.Node].Step
	if s.Name != "query" || s.Decoder != JSONMember && s.Decoder != AtQuery && s.Decoder != FormName {
		return false
	}
	// Beyond the cap the request is complained of: its documents stay closed.
	if t.batch > t.options.GraphQL.Batch || !looksGraphQL(l.Text) || int(l.Layers) >= t.options.MaxLayers || t.off(l.Node, GraphQL) {
		return false
	}
	whole, is := t.readGraphQL(l.Text, inside{node: l.Node, source: l.Source, layers: l.Layers + 1, from: leaf + 1})
	t.Leaves[leaf].Opened = whole
	return is
}

// looksGraphQL tells by the beginning whether a text may be a document.
func looksGraphQL(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n,\ufeff")
	if text == "" {
		return false
	}
	if text[0] == '{' || text[0] == '#' {
		return true
	}
	for _, word := range [...]string{"query", "mutation", "subscription", "fragment"} {
		if rest, ok := strings.CutPrefix(text, word); ok {
			return rest != "" && !nameByte(rest[0]) && strings.IndexByte(rest, '{') >= 0
		}
	}
	return false
}

// readGraphQLBody reads a body that is a document.
func (t *Tree) readGraphQLBody(b *body) (read int, whole bool) {
	if t.off(b.at.node, GraphQL) {
		return 0, false
	}
	whole, is := t.readGraphQL(b.text, b.at)
	if !is && !b.partial && b.declared {
		t.complain(MalformedGraphQL, b.at.node, "")
	}
	return 0, whole
}

// readGraphQL tells whether a text is a document, and whether all of it was
// taken: of one with more tokens than the cap only the beginning is.
func (t *Tree) readGraphQL(text string, at inside) (whole, is bool) {
	r := &t.lexer
	*r = graphqlReader{t: t, at: at}
	r.start(text, t.options.GraphQL.Tokens)
	r.document()
	if r.failed && !r.capped && r.deepest <= MaxNesting {
		return false, false
	}
	node := t.node(at.node, Step{Decoder: GraphQL})
	if r.capped {
		t.complain(GraphQLTokens, node, "")
	}
	if r.deepest > t.options.GraphQL.Depth {
		t.complain(GraphQLDepth, node, "")
	}
	if r.aliases > t.options.GraphQL.Aliases {
		t.complain(GraphQLAliases, node, "")
	}
	if circular(r.spreads) {
		t.complain(GraphQLDepth, node, "fragments that use each other")
	}
	if t.batch++; t.batch > t.options.GraphQL.Batch {
		t.complain(GraphQLBatch, t.root(node), "")
	}
	whole = !r.failed
	*r = graphqlReader{t: t, at: at, taking: true}
	r.at.node = node
	r.start(text, t.options.GraphQL.Tokens)
	r.document()
	r.takeComments(r.comments)
	return whole, true
}

// root is the node that a node's way begins with.
func (t *Tree) root(node int32) int32 {
	for t.Nodes[node].Parent != none {
		node = t.Nodes[node].Parent
	}
	return node
}

// takeComments adds comments, which nobody executes and any log may show.
func (r *graphqlReader) takeComments(comments []string) {
	for _, c := range comments {
		if c = strings.TrimSpace(c); c != "" {
			r.take(r.at.node, Step{Decoder: GraphQLField, Name: "#"}, "#", c)
		}
	}
}

func (r *graphqlReader) take(node int32, s Step, key, text string) {
	if r.taking {
		r.t.leaf(node, s, Leaf{Source: r.at.source, Key: key, Text: text, Layers: r.at.layers, from: r.at.from})
	}
}

// node is the node of a step, where one is wanted.
func (r *graphqlReader) node(above int32, s Step) int32 {
	if !r.taking || r.t.Exhausted != "" {
		return above
	}
	return r.t.node(above, s)
}

func (r *graphqlReader) document() {
	for r.kind != endToken && !r.failed {
		node := r.at.node
		switch {
		case r.is("{"):
		case r.kind == nameToken && (r.text == "query" || r.text == "mutation" || r.text == "subscription"):
			r.next()
			if r.kind == nameToken {
				r.take(node, Step{Decoder: GraphQLField, Name: r.text}, r.text, "")
				r.next()
			}
			r.variables(node)
			r.directives(node)
		case r.kind == nameToken && r.text == "fragment":
			r.next()
			r.fragment = r.name()
			if r.text != "on" {
				r.failed = true
			}
			r.next()
			r.name()
			r.directives(node)
		default:
			r.failed = true
		}
		r.selections(node)
		r.fragment = ""
	}
}

// variables reads the definitions of variables, whose defaults are values.
func (r *graphqlReader) variables(node int32) {
	if !r.accept("(") {
		return
	}
	for !r.accept(")") && !r.failed {
		r.want("$")
		name := r.name()
		r.want(":")
		for r.accept("[") {
		}
		r.name()
		for r.accept("]") || r.accept("!") {
		}
		if r.accept("=") {
			r.value(r.node(node, Step{Decoder: GraphQLArgument, Name: name}), name)
		}
		r.directives(node)
	}
}

func (r *graphqlReader) directives(node int32) {
	last := ""
	for r.accept("@") && !r.failed {
		name := r.name()
		if name == last {
			r.aliases++
		}
		last = name
		r.arguments(r.node(node, Step{Decoder: GraphQLField, Name: name}))
	}
}

// selections reads a selection set.
func (r *graphqlReader) selections(node int32) {
	r.want("{")
	if r.depth++; r.depth > MaxNesting {
		r.failed = true
	}
	r.deepest = max(r.deepest, r.depth)
	last := ""
	for first := true; !r.failed; first = false {
		if r.accept("}") {
			r.failed = r.failed || first // an empty set is none
			break
		}
		if r.accept("...") {
			r.spread(node)
			continue
		}
		name := r.field(node)
		if name == last {
			r.aliases++
		}
		last = name
	}
	r.depth--
}

// spread reads what follows three dots: a fragment's name, or a fragment.
func (r *graphqlReader) spread(node int32) {
	if r.kind == nameToken && r.text != "on" {
		if r.fragment != "" && !r.taking && len(r.spreads) < maxSpreads {
			r.spreads = append(r.spreads, spread{r.fragment, r.text})
		}
		r.next()
		r.directives(node)
		return
	}
	if r.kind == nameToken {
		r.next()
		r.name()
	}
	r.directives(node)
	r.selections(node)
}

// field reads a field with its alias, arguments and selections, and gives the
// name that it has in the answer.
func (r *graphqlReader) field(node int32) (answer string) {
	name := r.name()
	answer = name
	if r.accept(":") {
		r.aliases++
		r.take(node, Step{Decoder: GraphQLField, Name: name}, name, "")
		name = r.name()
	}
	if r.failed {
		return answer
	}
	below := r.node(node, Step{Decoder: GraphQLField, Name: name})
	if r.taking {
		if name == "__schema" || name == "__type" {
			r.t.fact(Introspection, below, name)
		}
		r.t.at(below, Leaf{Source: r.at.source, Key: name, Layers: r.at.layers, from: r.at.from})
	}
	r.arguments(below)
	r.directives(below)
	if r.is("{") {
		r.selections(below)
	}
	return answer
}

func (r *graphqlReader) arguments(node int32) {
	if !r.accept("(") {
		return
	}
	for first := true; !r.failed; first = false {
		if r.accept(")") {
			r.failed = r.failed || first
			return
		}
		name := r.name()
		r.want(":")
		if r.failed {
			return
		}
		r.value(r.node(node, Step{Decoder: GraphQLArgument, Name: name}), name)
	}
}

// value reads a value; strings are leaves, and so are names of members.
func (r *graphqlReader) value(node int32, key string) {
	if r.nested++; r.nested > MaxNesting {
		r.failed = true
	}
	r.deepest = max(r.deepest, r.nested)
	defer func() { r.nested-- }()
	switch {
	case r.failed:
	case r.kind == stringToken, r.kind == blockToken:
		if r.taking {
			text := r.t.graphQLString(r.text, r.kind == blockToken)
			r.t.at(node, Leaf{Source: r.at.source, Key: key, Text: text, Layers: r.at.layers, from: r.at.from})
		}
		r.next()
	case r.kind == numberToken, r.kind == nameToken:
		r.next()
	case r.accept("$"):
		r.name()
	case r.accept("["):
		for !r.accept("]") && !r.failed {
			r.value(node, key)
		}
	case r.accept("{"):
		for !r.accept("}") && !r.failed {
			name := r.name()
			r.want(":")
			if !r.failed {
				r.take(node, Step{Decoder: GraphQLArgument, Name: name}, name, "")
				r.value(r.node(node, Step{Decoder: GraphQLArgument, Name: name}), name)
			}
		}
	default:
		r.failed = true
	}
}
