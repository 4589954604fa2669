package spec

import "fmt"

// Kind is what of a message a violation is about. Each can be refused, watched or
// left alone.
type Kind uint8

// The kinds. The first ones are of requests, the last of their answers.
const (
	UnknownPath Kind = iota
	UnknownMethod
	// UnknownParameter is a query parameter that is not described, UnknownHeader
	// and UnknownCookie are a header and a cookie.
	UnknownParameter
	UnknownHeader
	UnknownCookie
	MissingParameter
	MalformedParameter
	// MissingCredential is a request that none of the alternatives of the
	// operation's security would find credentials in. Whether they are genuine is
	// not asked.
	MissingCredential
	ContentType
	MissingBody
	UndescribedBody
	// MalformedBody is a body that is not what its content type says.
	MalformedBody
	BodySchema
	// UnknownProperty is a property of a body that its schema allows, being open,
	// but does not describe.
	UnknownProperty
	UnknownStatus
	ResponseContentType
	ResponseHeader
	// ResponseBody is an answer's body that its schema does not allow, or that is
	// not what its content type says.
	ResponseBody
	kindCount
)

// Kinds are all kinds.
func Kinds() []Kind {
	all := make([]Kind, 0, kindCount)
	for k := range kindCount {
		all = append(all, k)
	}
	return all
}

var kindNames = [...]string{
	"unknown-path", "unknown-method", "unknown-parameter", "unknown-header", "unknown-cookie",
	"missing-parameter", "malformed-parameter", "missing-credential",
	"content-type", "missing-body", "undescribed-body", "malformed-body", "body-schema", "unknown-property",
	"unknown-status", "response-content-type", "response-header", "response-body",
}

// String is the stable name of the kind, as "unknown-path".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// KindNamed is the kind of a name; false tells that there is none.
func KindNamed(name string) (Kind, bool) {
	for k := range kindCount {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// KindSet is a set of kinds.
type KindSet uint32

// KindsOf makes a set.
func KindsOf(kinds ...Kind) KindSet {
	var s KindSet
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has says whether a kind is in the set.
func (s KindSet) Has(k Kind) bool { return s&(1<<k) != 0 }

// DefaultKinds are what a Checker judges that is not told otherwise: requests,
// where their description is explicit.
func DefaultKinds() KindSet {
	return KindsOf(UnknownPath, UnknownMethod, MissingParameter, MalformedParameter,
		ContentType, MissingBody, UndescribedBody, MalformedBody, BodySchema)
}

func answerKinds() KindSet {
	return KindsOf(UnknownStatus, ResponseContentType, ResponseHeader, ResponseBody)
}
