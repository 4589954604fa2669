package syntax

// The types.
type (
	// Type is one of the following.
	Type interface{ Bytes() Span }
	// TypeName is String, Array<String>, ns::T, with {format: …} behind it.
	TypeName struct {
		Span
		Name   string
		Args   []Type
		Schema *Object
	}
	// TypeLiteral is a literal that is a type, as "GET" or 1.
	TypeLiteral struct {
		Span
		Value Node
	}
	// TypeUnion is A | B.
	TypeUnion struct {
		Span
		Types []Type
	}
	// TypeIntersection is A & B.
	TypeIntersection struct {
		Span
		Types []Type
	}
	// TypeFunction is (A, b: B) -> C.
	TypeFunction struct {
		Span
		Params []*Param
		Result Type
	}
	// TypeObject is { a: A, b?: B, c*: C }, Closed {| … |}, Ordered {- … -}.
	TypeObject struct {
		Span
		Fields          []*TypeField
		Closed, Ordered bool
	}
)

// TypeField is one field of an object type; a key that is no name is Pattern.
type TypeField struct {
	Span
	Name               string
	Prefix             string
	Quoted             bool
	Pattern            Type
	Attributes         []*TypeField
	Optional, Repeated bool
	Type               Type
}

// TypeParameter is T, or T <: Bound.
type TypeParameter struct {
	Span
	Name  string
	Bound Type
}
