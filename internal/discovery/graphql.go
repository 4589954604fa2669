package discovery

import (
	"slices"
	"strings"
)

// maxGraphQL is how much of a query is read, in bytes.
const maxGraphQL = 64 << 10

// graphQL names the fields of the first level of a query: "query hero". Without an
// operation's name the first operation is meant.
func (c *call) graphQL(query, operation string) {
	p := graphQLParser{text: query[:min(len(query), maxGraphQL)]}
	kind, fields := p.document(operation)
	if kind == "" {
		return
	}
	c.protocol = GraphQL
	slices.Sort(fields)
	for _, f := range fields {
		if f != "__typename" && fitName(f) {
			c.name(kind + " " + f)
		}
	}
}

// graphQLParser reads as much of GraphQL as names the fields of the first level.
type graphQLParser struct {
	text string
	at   int
	// fragments are the fields of the fragments' first level, spread those that the
	// chosen operation includes.
	fragments map[string][]string
	spread    []string
}

// next gives the next name or sign; the empty string at the end. Texts in quotes are
// given as one sign.
func (p *graphQLParser) next() string {
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',':
			p.at++
		case c == '#':
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		case c == '"':
			return p.quoted()
		case strings.HasPrefix(p.text[p.at:], "..."):
			p.at += 3
			return "..."
		case isNameByte(c):
			start := p.at
			for p.at < len(p.text) && isNameByte(p.text[p.at]) {
				p.at++
			}
			return p.text[start:p.at]
		default:
			p.at++
			return p.text[p.at-1 : p.at]
		}
	}
	return ""
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *graphQLParser) quoted() string {
	if strings.HasPrefix(p.text[p.at:], `"""`) {
		end := strings.Index(p.text[p.at+3:], `"""`)
		if end < 0 {
			p.at = len(p.text)
		} else {
			p.at += end + 6
		}
		return `"`
	}
	for p.at++; p.at < len(p.text) && p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	return `"`
}

// document gives the kind of the chosen operation and its fields.
func (p *graphQLParser) document(operation string) (kind string, fields []string) {
	p.fragments = make(map[string][]string)
	for range 100 {
		switch token := p.next(); token {
		case "":
			return p.finish(kind, fields)
		case "{":
			all, spread, ok := p.set()
			if !ok {
				return "", nil
			}
			if kind == "" && operation == "" {
				kind, fields, p.spread = "query", all, spread
			}
		case "query", "mutation", "subscription":
			name, ok := p.head()
			if !ok {
				return "", nil
			}
			all, spread, ok := p.set()
			if !ok {
				return "", nil
			}
			if kind == "" && (operation == "" || operation == name) {
				kind, fields, p.spread = token, all, spread
			}
		case "fragment":
			name, ok := p.head()
			if !ok {
				return "", nil
			}
			all, _, ok := p.set()
			if !ok {
				return "", nil
			}
			p.fragments[name] = all
		default:
			return "", nil
		}
	}
	return p.finish(kind, fields)
}

func (p *graphQLParser) finish(kind string, fields []string) (string, []string) {
	for _, name := range p.spread {
		fields = append(fields, p.fragments[name]...)
	}
	slices.Sort(fields)
	return kind, slices.Compact(fields)
}

// head reads what stands before a selection set, up to its brace.
func (p *graphQLParser) head() (name string, ok bool) {
	first := true
	for round := 0; ; first = false {
		token := p.next()
		switch token {
		case "":
			return "", false
		case "(":
			round++
		case ")":
			round--
		case "{":
			if round <= 0 {
				return name, true
			}
		default:
			if first && isNameByte(token[0]) {
				name = token
			}
		}
	}
}

// set reads a selection set behind its brace: the names of its own level.
func (p *graphQLParser) set() (fields, spread []string, ok bool) {
	depth, round := 1, 0
	last, alias, dots := "", false, false
	keep := func() {
		if last != "" && len(fields) < 100 {
			fields = append(fields, last)
		}
		last = ""
	}
	for {
		token := p.next()
		switch {
		case token == "":
			return nil, nil, false
		case token == "(" || token == "[":
			round++
		case token == ")" || token == "]":
			round--
		case round > 0:
		case token == "{":
			depth++
		case token == "}":
			if depth--; depth == 0 {
				keep()
				return fields, spread, true
			}
		case depth > 1:
		case token == "...":
			keep()
			dots = true
		case token == ":":
			alias, last = true, ""
		case token == "@":
			// The directive's name follows.
			p.next()
		case isNameByte(token[0]):
			switch {
			case dots && token != "on":
				if len(spread) < 20 {
					spread = append(spread, token)
				}
			case dots:
				p.next()
			case alias:
				last = token
			default:
				keep()
				last = token
			}
			dots, alias = false, false
		}
	}
}
