package decode

// ComplaintKind is what a complaint is about.
type ComplaintKind uint8

// The kinds of complaints.
const (
	// MalformedJSON is a body that is declared to be JSON and is not.
	MalformedJSON ComplaintKind = iota + 1
	// MalformedXML is a body that is declared to be XML and is not.
	MalformedXML
	// MalformedMultipart is a multipart body that readers may read differently.
	MalformedMultipart
	// MalformedGraphQL is a body that is declared to be GraphQL and is not.
	MalformedGraphQL
	// MalformedGRPC is a body that is declared to be gRPC and is not.
	MalformedGRPC
	// MalformedProtobuf is a body or message that is declared to be a protocol
	// buffer and is not.
	MalformedProtobuf
	// Doctype is a document type declaration.
	Doctype
	// TooDeep is a document that nests deeper than MaxNesting.
	TooDeep
	// ContentTypeLies is a body of another format than Content-Type says.
	ContentTypeLies
	// ContentEncodingLies is a body that is coded and does not say so, or says
	// that it is coded in another way.
	ContentEncodingLies
	// Bomb is a coded body that grows out of proportion.
	Bomb
	// GraphQLDepth, and the next three, are GraphQL beyond a cap.
	GraphQLDepth
	// GraphQLAliases is a document with too many aliases or repeated fields.
	GraphQLAliases
	// GraphQLBatch is a request with too many documents.
	GraphQLBatch
	// GraphQLTokens is a document with too many tokens.
	GraphQLTokens
)

var complaintNames = [...]string{
	MalformedJSON: "malformed json", MalformedXML: "malformed xml", MalformedMultipart: "malformed multipart",
	MalformedGraphQL: "malformed graphql", MalformedGRPC: "malformed grpc", MalformedProtobuf: "malformed protobuf", Doctype: "doctype", TooDeep: "nested too deeply",
	ContentTypeLies: "content type lies", ContentEncodingLies: "content encoding lies", Bomb: "decompression bomb",
	GraphQLDepth: "graphql depth", GraphQLAliases: "graphql aliases", GraphQLBatch: "graphql batch", GraphQLTokens: "graphql tokens",
}

// String is the kind in a few words.
func (k ComplaintKind) String() string {
	if int(k) >= len(complaintNames) || k == 0 {
		return "unknown"
	}
	return complaintNames[int(k)]
}

// Complaint is about a document that is not what it claims to be, or is beyond a
// cap of its format.
type Complaint struct {
	Kind ComplaintKind
	// Node is the place of the document.
	Node int32
	// Detail says what is wrong, for operators; it may quote the request.
	Detail string
}

// FactKind is what a fact is about.
type FactKind uint8

// The kinds of facts.
const (
	// RepeatedName is a parameter that is given more than once with different
	// values; Detail is its name.
	RepeatedName FactKind = iota + 1
	// Introspection is a GraphQL document that asks for the schema; Detail is
	// the field.
	Introspection
	// Binary is a part of the body that is no text; Detail is what it is.
	Binary
)

var factNames = [...]string{RepeatedName: "repeated name", Introspection: "graphql introspection", Binary: "binary"}

// String is the kind in a few words.
func (k FactKind) String() string {
	if int(k) >= len(factNames) || k == 0 {
		return "unknown"
	}
	return factNames[int(k)]
}

// Fact is something that rules may want to know.
type Fact struct {
	Kind FactKind
	Node int32
	// Detail is the name or value that it is about; it may quote the request.
	Detail string
}
