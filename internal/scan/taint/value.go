// Package taint follows data through Mule projects: from where it comes in, through
// flows, variables, queues and DataWeave, to where it does harm. It knows which
// elements and functions bring data in, pass it on and make it harmless; what is a
// weakness is declared by those who ask. It runs nothing.
package taint

import (
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// Label says where data comes from, as a set.
type Label uint32

// The labels.
const (
	// Client is what an HTTP client sends; Agent the arguments of an MCP tool or the
	// message of an A2A task; Queue messages whose publishers are not in sight.
	Client Label = 1 << iota
	Agent
	Queue
	// Remote is what another service answered; Mail, File and Database what was read
	// of a mailbox, a file and a database.
	Remote
	Mail
	File
	Database
	// Error is the text of an error; Secret a credential or secure property;
	// Personal a field whose name or declared type is that of personal or card data;
	// Random what random() gives; Whole the whole of a request's payload (for rules
	// about logging and mass assignment); Backend the unmapped answer of a backend.
	Error
	Secret
	Personal
	Random
	Whole
	Backend
)

// Untrusted are the labels of data that a stranger chooses.
const Untrusted = Client | Agent | Queue | Mail | File

// Kind is what data does harm in, as a set: a sanitiser takes kinds away from a mark.
type Kind uint32

// The kinds.
const (
	SQL Kind = 1 << iota
	SOQL
	NoSQL
	LDAP
	XPath
	XSLT
	GraphQL
	Command
	// Code is a script, expression or template that is evaluated; ClassName the name
	// of a class, method or flow.
	Code
	ClassName
	Log
	Header
	HTML
	MailField
	Prompt
	CSV
	// URL is an address as a whole or its host; URLPath a path or query in one.
	URL
	URLPath
	FilePath
	StoreKey
	// Output is what a client or another system reads.
	Output
	// Size is a number or size that bounds work; Stored is data at rest.
	Size
	Stored
	// XML is a document that is parsed; Object one that is deserialised.
	XML
	Object
	// Bare is SQL or SOQL outside of quotes, where it takes no quote to do harm.
	Bare
	EveryKind Kind = 1<<iota - 1
)

// Place is a place in a project.
type Place struct {
	File    *mule.File
	Span    document.Span
	Element *document.Element
	// Flow is the flow that it stands in; nil outside flows.
	Flow *mule.Flow
}

// Source is where data came in.
type Source struct {
	Label Label
	// What is the part of the event, as "attributes.queryParams.name".
	What string
	At   Place
}

// Mark says that a value holds, or was made from, what came from a source.
type Mark struct {
	Source *Source
	// Clean are the kinds that it was made harmless for.
	Clean Kind
	// Way is the last step it took; nil at the source.
	Way *Way
}

// Way is the way back to the source.
type Way struct {
	At      Place
	Message string
	From    *Way

	length int
}

// Value is what is known of a value: what it may hold of which sources, field by
// field, and how a text is put together. Values are never changed once they are
// made; nil is a value of which nothing bad is known and nothing else either.
type Value struct {
	// Type is what it surely is; AnyType when that is not known.
	Type Type
	// Marks are those of the value as such: of a text, or of what stands in it at
	// places that are not told apart.
	Marks []Mark
	// Pieces is how a text is put together, literal texts and holes in turn; nil when
	// that is not known. A constant is one piece of text.
	Pieces []Piece
	// Choices are the values that it is one of, where all of them are constants (at
	// most 16), as after an allow-list.
	Choices []string
	// Alternatives are the texts that it is one of, where some of them have holes (at
	// most 8), as after an if; Pieces is nil then. Texts gives them all.
	Alternatives []*Value
	// Fields are the known fields of an object, Rest is any other field, or the
	// elements of an array. Where all elements of an array are known one by one they
	// are Fields "0", "1" …, and Rest is nil.
	Fields map[string]*Value
	Rest   *Value
	// Keys is what the names of the fields of an object are made of, nil for constants.
	Keys *Value
	// From is the part of the event that it is, unchanged, as "payload.customer.id";
	// empty when it was changed. Types of a contract are found by it.
	From string
	// Opaque says that it comes from where the analysis can not look.
	Opaque bool

	// blurred says that it had more constants or texts than are kept, so that none
	// are told apart any more.
	blurred bool
	// function is what a call of it runs, nil for what is no function.
	function *function
	// weight is the number of values that it is made of, depth how deep they are
	// nested; both 0 when they were not counted.
	weight, depth int32
}

// Piece is a part of a text.
type Piece struct {
	Text string
	// Hole is a value that stands there; nil for Text.
	Hole *Value
}

// Type is the type of a value.
type Type uint8

// The types.
const (
	AnyType Type = iota
	NullType
	BoolType
	NumberType
	TextType
	DateType
	ArrayType
	ObjectType
	FunctionType
	BinaryType
)
