package opinion

// clauseAhead says that a clause of a statement begins here.
func (p *parser) clauseAhead() bool {
	return p.is("union", "except", "intersect", "minus", "where", "having", "group", "order", "limit", "offset", "into", "procedure",
		"from", "for", "fetch", "waitfor", "on", "returning", "as", "lock", "if", "exec", "execute", "select", "insert", "update", "delete",
		"drop", "declare", "begin", "shutdown", "using", "rlike")
}

// clause reads clauses to the end of the text.
func (p *parser) clause() bool {
	for !p.done() {
		switch {
		case p.accept("union", "except", "intersect", "minus"):
			p.accept("all", "distinct", "distinctrow")
			for p.token.kind == leftParen {
				p.advance()
			}
			if p.done() {
				return true
			}
			if !p.is("select", "values", "table", "with") {
				return false
			}
			return p.statement()
		case p.accept("where", "having", "on"):
			if !p.expression() {
				return false
			}
		case p.accept("group", "order"):
			if !p.accept("by") || !p.items() {
				return false
			}
		case p.accept("limit", "offset"):
			if p.token.kind != number && p.token.kind != variable && p.token.kind != leftParen && !p.is("all") || !p.expressions() {
				return false
			}
		case p.accept("into"):
			if p.accept("outfile", "dumpfile") {
				return p.token.kind == text || p.token.kind == open || p.token.kind == number
			}
			return p.operand() && p.continuation()
		case p.accept("procedure"):
			return p.token.kind == word && p.name() && p.continuation()
		case p.accept("waitfor"):
			return p.accept("delay", "time")
		case p.accept("from", "using"):
			if !p.tables() {
				return false
			}
		case p.accept("for", "lock"):
			return p.is("update", "share", "xml", "json", "in")
		case p.accept("fetch"):
			return p.is("first", "next")
		default:
			if p.token.kind == semicolon || p.token.kind == rightParen || p.token.kind == comma || p.operatorAhead() {
				return p.continuation()
			}
			return p.statement()
		}
	}
	return true
}

// items are what a statement selects or sorts by: expressions that may have
// another name.
func (p *parser) items() bool {
	for {
		if !p.expression() {
			return false
		}
		if p.accept("as") {
			if p.token.kind != word && p.token.kind != text {
				return p.done()
			}
			p.advance()
		} else if p.before == rightParen && p.token.kind == word && !p.clauseAhead() && !p.is("asc", "desc") {
			p.advance() // the name of a call, without AS
		}
		p.accept("asc", "desc")
		if p.token.kind != comma {
			return true
		}
		p.advance()
	}
}

func (p *parser) expressions() bool {
	for {
		if !p.expression() {
			return false
		}
		if p.token.kind != comma {
			return true
		}
		p.advance()
	}
}

// tables reads what follows FROM: names or statements, which may have another
// name, and joins.
func (p *parser) tables() bool {
	for {
		if !p.operand() {
			return false
		}
		p.accept("as")
		if p.token.kind == word && !p.clauseAhead() && !p.is("join", "inner", "left", "right", "cross", "natural", "full", "outer", "where") {
			p.advance()
		}
		joined := p.token.kind == comma
		if joined {
			p.advance()
		}
		for p.accept("inner", "left", "right", "cross", "natural", "full", "outer") {
			joined = true
		}
		if p.accept("join") {
			joined = true
		}
		if !joined {
			return true
		}
	}
}

// statement reads a whole statement and what may follow it.
func (p *parser) statement() bool {
	switch {
	case p.accept("select"):
		p.accept("all", "distinct", "distinctrow", "top", "sql_no_cache")
		if !p.items() {
			return false
		}
		if p.is("from") {
			p.marks++
		}
		return p.rest("from", "into", "where", "group", "having", "order", "limit", "union", "procedure", "except", "intersect", "for")
	case p.accept("insert", "replace"):
		return p.accept("into") && p.operand() && (p.done() || p.is("values", "select", "value", "set", "default"))
	case p.accept("update"):
		return p.operand() && p.accept("set") && p.operand() && p.token.kind == operator && p.token.word == "="
	case p.accept("delete"):
		return p.accept("from") && p.tables() && p.rest("where", "order", "limit", "returning", "using")
	case p.accept("truncate"):
		named := p.accept("table")
		return p.token.kind == word && p.name() && (p.ended(0) || named && p.ended(5))
	case p.accept("drop", "alter", "create"):
		p.accept("or", "temporary", "unique", "external", "global", "public")
		return p.accept("table", "database", "schema", "view", "user", "index", "function", "procedure", "trigger", "role", "login", "extension", "alias", "sequence", "column", "replace", "system", "session", "server", "assembly") &&
			p.ended(6)
	case p.accept("exec", "execute", "call", "do", "perform"):
		p.accept("immediate")
		return p.token.kind == leftParen || p.token.kind == text || p.token.kind == variable || p.token.kind == word && p.procedure() && (p.done() || p.token.kind != word)
	case p.accept("declare"):
		return p.token.kind == variable || p.token.kind == word && p.ended(3)
	case p.accept("waitfor"):
		return p.accept("delay", "time")
	case p.accept("shutdown"):
		return p.done() || p.is("with") || p.token.kind == semicolon
	case p.accept("if"):
		return p.token.kind == leftParen || p.expression() && p.is("waitfor", "select", "exec", "then", "begin")
	case p.accept("begin"):
		return p.statement() || p.token.kind == semicolon
	case p.accept("set"):
		return p.token.kind == variable || p.operand() && p.token.kind == operator
	case p.accept("grant", "revoke"):
		return p.token.kind == word && p.ended(6)
	case p.accept("copy", "load_file", "attach", "load"):
		return p.token.kind == leftParen || p.ended(6) || p.is("data")
	case p.accept("with"):
		return p.token.kind == word && p.name() && p.accept("as")
	case p.accept("values", "table"):
		return p.token.kind == leftParen
	}
	return false
}

// rest reads what follows the head of a statement: one of these clauses, an
// end, or what encloses it.
func (p *parser) rest(clauses ...string) bool {
	switch {
	case p.done(), p.token.kind == rightParen:
		return true
	case p.token.kind == semicolon:
		return p.continuation()
	case p.is(clauses...):
		return p.nestedClause()
	}
	return false
}

// nestedClause reads clauses; within parentheses they end with these.
func (p *parser) nestedClause() bool {
	if p.depth == 0 {
		return p.clause()
	}
	for p.clauseAhead() {
		switch {
		case p.accept("from"):
			if !p.tables() {
				return false
			}
		case p.accept("where", "having", "on"):
			if !p.expression() {
				return false
			}
		case p.accept("group", "order"):
			if !p.accept("by") || !p.items() {
				return false
			}
		case p.accept("limit", "offset"):
			if !p.expressions() {
				return false
			}
		default:
			return p.clause()
		}
	}
	return p.token.kind == rightParen || p.done()
}

// ended says that the statement ends within so many tokens: prose goes on.
func (p *parser) ended(within int) bool {
	for range within {
		if p.done() || p.token.kind == semicolon || p.token.kind == leftParen || p.token.kind == text {
			return true
		}
		p.advance()
	}
	return p.done() || p.token.kind == semicolon || p.token.kind == leftParen || p.token.kind == text
}

// procedure reads the name of a procedure, in which parts may be missing.
func (p *parser) procedure() bool {
	p.advance()
	for p.token.kind == dot {
		p.advance()
		if p.token.kind == word {
			p.advance()
		}
	}
	return true
}
