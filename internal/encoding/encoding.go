// Package encoding holds what the readers of message formats share: the
// errors by which a document is refused, each with its byte offset. The readers
// themselves are its folders: jsontext, xmltext, form, formdata (multipart) and
// content (Content-Encoding). One reader serves detection, schema checks and
// rewriting alike, so that no two parts of the program can read the same bytes
// differently. It is not a replacement for encoding/json or encoding/xml: nothing
// here maps documents onto Go values.
package encoding

import (
	"errors"
	"fmt"
)

// Off switches a limit off when it is set as its value. Every negative value
// does.
const Off = -1

// SyntaxError tells that a document is not well-formed, or uses a feature that
// is refused. Its text never quotes the document.
type SyntaxError struct {
	// Format is the short name of the format, such as "json".
	Format string
	// Offset is the number of bytes before the offending one.
	Offset int
	// Err is the reason. Reasons that callers may tell apart are sentinels of
	// the reader's package.
	Err error
}

// Error gives format, offset and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: offset %d: %v", e.Format, e.Offset, e.Err)
}

// Unwrap gives the reason to errors.Is.
func (e *SyntaxError) Unwrap() error { return e.Err }

// LimitError tells that a document is larger than a limit allows. Nothing is
// said about the part of the document behind Offset.
type LimitError struct {
	// Format is the short name of the format, such as "json".
	Format string
	// Limit is the name of the field that was exceeded, such as "MaxDepth".
	Limit string
	// Max is the largest value allowed.
	Max int
	// Offset is the number of bytes before the place where the limit was
	// passed.
	Offset int
}

// Error names the limit, its value and the offset.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: offset %d: more than %s = %d allows", e.Format, e.Offset, e.Limit, e.Max)
}

// Exceeded gives the name of the limit that err reports as exceeded, or "".
func Exceeded(err error) string {
	if le, ok := errors.AsType[*LimitError](err); ok {
		return le.Limit
	}
	return ""
}
