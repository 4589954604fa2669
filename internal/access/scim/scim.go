// Package scim is the protocol by which identity providers keep accounts and teams,
// SCIM 2.0 (RFC 7643 and 7644): what users and groups look like, filters, patches,
// lists, refusals and what a server says of itself. It keeps nothing and decides
// nothing about who may do what.
package scim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Media is the type of all bodies.
const Media = "application/scim+json"

// The schemas and messages, by their URNs.
const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// The bounds of what is taken.
const (
	// MaxBody is the longest body, in bytes.
	MaxBody = 2 << 20
	// MaxMembers is how many members a group may have.
	MaxMembers = 10_000
	// MaxOperations is how many operations a patch may have.
	MaxOperations = 100
	// MaxFilter is the longest filter or path, in bytes.
	MaxFilter = 2000
	// MaxComparisons and MaxFilterDepth bound what a filter asks.
	MaxComparisons = 50
	MaxFilterDepth = 12
	// MaxPage is how many resources a list shows at once; DefaultPage when nobody asks.
	MaxPage     = 200
	DefaultPage = 100

	maxDepth = 12
	maxText  = 1024
)

// Error is a refusal as the protocol says it (RFC 7644, section 3.12).
type Error struct {
	Status int
	// Type is the scimType; empty for none.
	Type   string
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return e.Detail }

// JSON is the refusal's body.
func (e *Error) JSON() map[string]any {
	body := map[string]any{"schemas": []string{errorURN}, "status": strconv.Itoa(e.Status), "detail": e.Detail}
	if e.Type != "" {
		body["scimType"] = e.Type
	}
	return body
}

// The values of scimType.
const (
	InvalidFilter = "invalidFilter"
	InvalidPath   = "invalidPath"
	InvalidSyntax = "invalidSyntax"
	InvalidValue  = "invalidValue"
	Mutability    = "mutability"
	NoTarget      = "noTarget"
	TooMany       = "tooMany"
	Uniqueness    = "uniqueness"
)

// Bad is a refusal with status 400.
func Bad(scimType, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: scimType, Detail: fmt.Sprintf(format, args...)}
}

// Changed is the refusal of a change that was made of an older version.
func Changed() *Error {
	return &Error{Status: http.StatusPreconditionFailed, Detail: "It was changed meanwhile; read it again."}
}

// Missing is the refusal of what is not there.
func Missing(kind, id string) *Error {
	return &Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no %s %.64q.", kind, id)}
}

// Matches reports whether If-Match lets a change through that is made of a version,
// which is an entity tag. Without the header everything matches.
func Matches(header, version string) bool {
	if header == "" {
		return true
	}
	opaque := strings.TrimPrefix(version, "W/")
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == opaque {
			return true
		}
	}
	return false
}

// Resource is a user or group, ready to be written.
type Resource struct {
	// Location is where it lies, Version its entity tag.
	Location, Version string
	Body              map[string]any
}
