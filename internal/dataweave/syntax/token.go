package syntax

// kind is the kind of a token.
type kind uint8

const (
	tEnd kind = iota
	tName
	tNumber
	tTemporal
	tRegex
	tRaw      // a media type or the URI of a namespace
	tQuote    // the quote that begins a text
	tUnquote  // the quote that ends it; empty where it is missing
	tText     // a piece of text
	tVariable // $name in a text
	tInsert   // $( in a text
	tInserted // the ) that ends it; empty where it is missing
	tWrong    // a character that belongs to nothing

	tOpen
	tClose
	tOpenBracket
	tCloseBracket
	tOpenBrace
	tCloseBrace
	tOpenClosed  // {|
	tCloseClosed // |}
	tOpenOrdered
	tCloseOrdered

	tSeparator // ---
	tArrow
	tComma
	tColon
	tSemicolon
	tDot
	tDots
	tQuestion
	tBang
	tAt
	tHash
	tCaret
	tAmpersand
	tBar
	tPercent
	tTilde
	tAssign
	tBound // <:
	tMeta  // <~
	tPlus
	tMinus
	tConcat
	tRemove
	tStar
	tSlash
	tShiftLeft
	tShiftRight
	tEqual
	tNotEqual
	tSimilar
	tLess
	tGreater
	tLessEqual
	tGreaterEqual
)

// word is a name with a meaning; 0 for all other names.
type word uint8

const (
	wNone word = iota
	wTrue
	wFalse
	wNull
	wIf
	wElse
	wUnless
	wWhen
	wOtherwise
	wCase
	wMatch
	wMatches
	wUpdate
	wDo
	wUsing
	wAs
	wIs
	wAnd
	wOr
	wNot
	wDefault
	wTo
	wAt
	// The words that begin a directive; wVar is the first of them.
	wVar
	wFun
	wType
	wNs
	wImport
	wInput
	wOutput
	wAnnotation
)

func wordOf(s string) word {
	switch s {
	case "true":
		return wTrue
	case "false":
		return wFalse
	case "null":
		return wNull
	case "if":
		return wIf
	case "else":
		return wElse
	case "unless":
		return wUnless
	case "when":
		return wWhen
	case "otherwise":
		return wOtherwise
	case "case":
		return wCase
	case "match":
		return wMatch
	case "matches":
		return wMatches
	case "update":
		return wUpdate
	case "do":
		return wDo
	case "using":
		return wUsing
	case "as":
		return wAs
	case "is":
		return wIs
	case "and":
		return wAnd
	case "or":
		return wOr
	case "not":
		return wNot
	case "default":
		return wDefault
	case "to":
		return wTo
	case "at":
		return wAt
	}
	return directiveWord(s)
}

func directiveWord(s string) word {
	switch s {
	case "var":
		return wVar
	case "fun", "function":
		return wFun
	case "type":
		return wType
	case "ns", "namespace":
		return wNs
	case "import":
		return wImport
	case "input":
		return wInput
	case "output":
		return wOutput
	case "annotation":
		return wAnnotation
	}
	return wNone
}

// token is a piece of a script.
type token struct {
	kind kind
	word word
	// newline says that it is the first of its line.
	newline    bool
	start, end int32
	// pair is the token that closes or opens what this one opens or closes, or -1.
	pair int32
}

func (k kind) opens() bool {
	switch k {
	case tOpen, tOpenBracket, tOpenBrace, tOpenClosed, tOpenOrdered, tInsert, tQuote:
		return true
	default:
		return false
	}
}

func (k kind) closes() bool {
	switch k {
	case tClose, tCloseBracket, tCloseBrace, tCloseClosed, tCloseOrdered, tInserted, tUnquote:
		return true
	default:
		return false
	}
}
