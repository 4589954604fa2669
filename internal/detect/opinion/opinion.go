// Package opinion gives a second, grammar-level opinion on texts that rules
// suspect of attacks. Rules look at words and fragments; this package asks
// whether the text, put where a careless program would put it, could be a
// statement, a command line, a path or an expression at all. It finds nothing by
// itself: a "no" lowers the weight of a rule's match, a "yes" changes nothing.
package opinion

// maxSteps bounds the tokens that are read for one opinion. A text that takes
// more gets a yes.
const maxSteps = 100_000

// SQL says whether the text could continue a statement into which it is pasted
// bare, in single or in double quotes, so that it means something else than a
// value. It is lenient where dialects differ and strict about what prose does
// and no dialect allows: two operands side by side, keywords without what must
// follow them. A text that takes too long to be parsed gets a yes.
func SQL(text string) bool {
	if filter(text) {
		return false
	}
	steps := maxSteps
	if bare(text, &steps) {
		return true
	}
	for _, quote := range []byte{'\'', '"', '`'} {
		for i := 0; i < len(text); i++ {
			if text[i] == quote && pasted(text[i+1:], quote, &steps) {
				return true
			}
		}
	}
	return steps <= 0
}

// Shell says whether some part of the text could be a command line that a shell
// runs when the text is pasted into one: what follows a separator or stands in
// a substitution must be a program with arguments as programs take them.
func Shell(text string) bool { return shell(text) }
