package dataweave

// construct names the part of DataWeave that a token begins, and how to do
// without it; "" when the token is nothing that DataWeave knows.
func construct(t token) (name, mend string) {
	switch t.kind {
	case tokenSymbol:
		return symbolConstruct(t.text)
	case tokenName:
		return nameConstruct(t.text)
	case tokenEnd, tokenNumber, tokenString:
	}
	return "", ""
}

func symbolConstruct(symbol string) (name, mend string) {
	switch symbol {
	case "/":
		return "division or a regular expression (/)", "use contains or splitBy with a String"
	case "+", "-", "*", "^", "~":
		return "arithmetic (" + symbol + ")", "join with ++, and quote a key that has a dash: .'my-key'"
	case "%", "---":
		return "a script header (%dw … ---) or modulo (%)", "write the expression alone"
	case "{", "}", "{|", "|}":
		return "an object literal (" + symbol + ")", "select the values one by one"
	case "->":
		return "a lambda (->)", "use contains, or select the value"
	case "$", "$$":
		return "a lambda parameter (" + symbol + ")", "use contains, or select the value"
	case "[?":
		return "the filter selector ([?…])", "use contains, or select with ['key']"
	case "!":
		return "the selector !", "compare with null: x != null"
	case "~=":
		return "the operator " + symbol, "cast one side with `as` and compare with =="
	case "<<", ">>":
		return "the operator " + symbol, "use ++"
	case "&&", "&":
		return "the operator " + symbol, "use `and`"
	case "||":
		return "the operator ||", "use `or`"
	case "=":
		return "assignment (=)", "compare with =="
	case "..", ".*", ".@", ".&", ".#", "@", "#":
		return "the selector " + symbol, "use .key, ['key'] or [n]"
	case "?":
		return "the existence test (?)", "compare with null: x != null"
	case "::":
		return "a namespace (::)", "write the function's full path, as dw::core::Strings::substringAfter"
	case "|":
		return "a date literal or union type (|)", "write the date as a String"
	case "`":
		return "a backquoted string", "use '…'"
	case ";":
		return "a sequence (;)", "write one expression"
	}
	return "", ""
}

func nameConstruct(word string) (name, mend string) {
	switch word {
	case "do", "using", "var", "fun", "type", "ns", "import", "output", "input", "annotation":
		return "a declaration (" + word + ")", "write one expression"
	case "match", "case", "matches", "unless", "otherwise":
		return "pattern matching (" + word + ")", "use if … else …"
	case "map", "mapObject", "filter", "filterObject", "flatMap", "flatten", "reduce", "groupBy", "orderBy", "distinctBy",
		"pluck", "zip", "unzip", "maxBy", "minBy", "countBy", "sumBy", "every", "some", "then":
		return "the higher-order function " + word, "use contains, or select with ['key']"
	case "to":
		return "a range (to)", "select single positions"
	case "is":
		return "the type test (is)", "compare values, or cast with `as`"
	case "update", "upsert":
		return "the update operator (" + word + ")", "select the values one by one"
	case "find", "scan", "replace", "startsWith", "endsWith", "indexOf", "lastIndexOf", "joinBy", "now", "random", "isEmpty",
		"isBlank", "read", "write", "log", "max", "min", "sum", "avg", "abs", "round", "ceil", "floor", "mod", "pow", "sqrt",
		"typeOf", "valuesOf", "keysOf", "namesOf", "entriesOf", "isNumeric", "capitalize", "native", "p", "xsiType", "readUrl":
		return "the function " + word, "the functions are " + functionList
	case "message", "error", "flow", "server", "mule", "app", "correlationId", "dataType", "itemSequenceInfo":
		return "the binding " + word, "policies have attributes, authentication, payload and vars"
	}
	return "", ""
}

const functionList = "contains, lower, upper, trim, splitBy, sizeOf, uuid, substringAfter, substringAfterLast, " +
	"substringBefore, substringBeforeLast, toBase64, fromBase64, toBinary and toString"

// refuse explains a token that cannot stand where it stands; expected says
// what could.
func refuse(t token, expected string) error {
	if name, mend := construct(t); name != "" {
		return errorf(t.pos, "%s is not part of the supported subset; %s", name, mend)
	}
	switch t.kind {
	case tokenEnd:
		return errorf(t.pos, "the expression ends too early; expected %s", expected)
	case tokenString:
		return errorf(t.pos, "unexpected string; expected %s", expected)
	case tokenName, tokenNumber, tokenSymbol:
	}
	return errorf(t.pos, "unexpected %.40q; expected %s", t.text, expected)
}
