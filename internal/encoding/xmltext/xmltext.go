// Package xmltext reads XML 1.0 in one pass over bytes that are already in
// memory, strictly and under limits. It is a lossless tokenizer: a token is a
// slice of the document, comments and prefixes included, so that a rewriter can
// copy what it leaves alone byte for byte. It refuses document type declarations
// of any kind, so that there are no entities but the five predefined ones, and
// every encoding but UTF-8. It keeps namespace prefixes and does not resolve them.
package xmltext

import (
	"errors"

	"farrier.dev/farrier/internal/encoding"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens.
const (
	// None is the kind of no token.
	None Kind = iota
	// Declaration is the XML declaration, "<?xml …?>".
	Declaration
	// ProcInst is a processing instruction.
	ProcInst
	// Comment is a comment.
	Comment
	// StartTag is a start tag or an empty-element tag.
	StartTag
	// EndTag is an end tag. Behind an empty-element tag follows one of no bytes.
	EndTag
	// Text is character data between two tokens of other kinds, white space
	// around the root element included.
	Text
	// CDATA is a CDATA section.
	CDATA
)

// Limits bound a document. A negative value (encoding.Off) switches a limit off;
// any other is the largest allowed, zero included. Lengths count Unicode
// characters; a reference counts as one.
type Limits struct {
	// MaxDepth is the number of elements that may be open at once.
	MaxDepth int
	// MaxAttributes is the number of attributes of one element, without
	// namespace declarations.
	MaxAttributes int
	// MaxNamespaces is the number of namespace declarations of one element.
	MaxNamespaces int
	// MaxChildren is the number of elements directly inside one element.
	MaxChildren int
	// MaxTextLength is the length of one text or CDATA section.
	MaxTextLength int
	// MaxAttributeLength is the length of an attribute's value.
	MaxAttributeLength int
	// MaxCommentLength is the length of a comment or of a processing
	// instruction.
	MaxCommentLength int
	// MaxNameLength is the length of the name of an element, an attribute or a
	// processing instruction.
	MaxNameLength int
	// MaxTokens is the number of tokens in the document.
	MaxTokens int
}

// DefaultLimits are the published defaults: depth 300, 256 attributes, 64
// namespace declarations, 10,000 children, texts of 1,048,576 characters,
// attributes of 65,536, comments of 65,536, names of 1,024, 500,000 tokens.
func DefaultLimits() Limits {
	return Limits{
		MaxDepth: 300, MaxAttributes: 256, MaxNamespaces: 64, MaxChildren: 10_000,
		MaxTextLength: 1 << 20, MaxAttributeLength: 1 << 16, MaxCommentLength: 1 << 16,
		MaxNameLength: 1024, MaxTokens: 500_000,
	}
}

// NoLimits switches every limit off. Memory is still bounded by the document's
// length: the reader does not recurse.
func NoLimits() Limits {
	const off = encoding.Off
	return Limits{off, off, off, off, off, off, off, off, off}
}

// Reasons for refusing a document, inside an encoding.SyntaxError.
var (
	// ErrDoctype reports a document type declaration.
	ErrDoctype = errors.New("document type declarations are not accepted")
	// ErrEncoding reports a document that is, or says it is, not in UTF-8.
	ErrEncoding = errors.New("encodings other than UTF-8 are not accepted")
	// ErrVersion reports a version other than 1.0.
	ErrVersion = errors.New("versions other than 1.0 are not accepted")
	// ErrDeclaration reports a malformed or misplaced XML declaration.
	ErrDeclaration = errors.New("malformed or misplaced XML declaration")
	// ErrEnd reports a document that ends too early.
	ErrEnd = errors.New("unexpected end of the document")
	// ErrMarkup reports markup that can not stand where it stands.
	ErrMarkup = errors.New("unexpected markup")
	// ErrName reports a malformed name.
	ErrName = errors.New("malformed name")
	// ErrCharacter reports a character that XML does not allow, or not here.
	ErrCharacter = errors.New("character not allowed")
	// ErrUTF8 reports bytes that are not UTF-8.
	ErrUTF8 = errors.New("invalid UTF-8")
	// ErrReference reports a malformed reference, or one to an entity that is
	// not predefined.
	ErrReference = errors.New("malformed reference or unknown entity")
	// ErrAttribute reports a malformed attribute.
	ErrAttribute = errors.New("malformed attribute")
	// ErrDuplicate reports two attributes of one name in an element.
	ErrDuplicate = errors.New("duplicate attribute")
	// ErrBalance reports an end tag that does not match the open element.
	ErrBalance = errors.New("end tag does not match")
	// ErrRoot reports a document without a root element, with two, or with text
	// outside it.
	ErrRoot = errors.New("document must have exactly one root element")
)

// Attr is one attribute of a start tag, or of the XML declaration.
type Attr struct {
	// Name is the name with its prefix, as it stands in the document.
	Name []byte
	// Value is the value as it stands in the document, without quotes.
	Value []byte
	// Offset is the number of bytes before the name.
	Offset int
	// ValueOffset is the number of bytes before the value, behind its quote.
	ValueOffset int
	// References tells that the value holds references.
	References bool
}

// Token is one token of a document. Its slices share the document's memory,
// those of Attrs are good until the next call of Next.
type Token struct {
	// Kind is what it is.
	Kind Kind
	// Empty tells an empty-element tag from a start tag.
	Empty bool
	// References tells that a text holds references.
	References bool
	// Offset is the number of bytes before the token.
	Offset int
	// Raw is the token as it stands in the document.
	Raw []byte
	// Name is the name of an element with its prefix, or the target of a
	// processing instruction.
	Name []byte
	// Content is what stands inside a text, CDATA section, comment or processing
	// instruction.
	Content []byte
	// ContentOffset is the number of bytes before Content.
	ContentOffset int
	// Attrs are the attributes in their order, namespace declarations included.
	Attrs []Attr
}

// Decoded appends the text of a Text or CDATA token to dst, with references
// replaced and line ends normalised; of other tokens, Content.
func (t *Token) Decoded(dst []byte) []byte {
	if t.Kind == Text || t.Kind == CDATA {
		return appendDecoded(dst, t.Content, t.Kind == Text, false)
	}
	return append(dst, t.Content...)
}

// Decoded appends the value to dst, with references replaced and white space
// normalised (XML 1.0, section 3.3.3).
func (a *Attr) Decoded(dst []byte) []byte { return appendDecoded(dst, a.Value, true, true) }

// IsNamespace tells whether the attribute declares a namespace.
func (a *Attr) IsNamespace() bool {
	prefix, _ := SplitName(a.Name)
	return string(prefix) == "xmlns" || string(a.Name) == "xmlns"
}

// SplitName cuts a name into its prefix, which may be empty, and its local part.
func SplitName(name []byte) (prefix, local []byte) {
	for i, c := range name {
		if c == ':' {
			return name[:i], name[i+1:]
		}
	}
	return nil, name
}
