// Package jsonrpc reads JSON-RPC 2.0 messages, single or in a batch, strictly
// and under limits. It keeps the parts of a message as slices of the document
// and knows no protocol that is spoken by such messages. Beyond the
// specification it refuses what two readers would read differently: names that
// stand twice anywhere, and members of the envelope that are not defined.
package jsonrpc

import (
	"bytes"
	"errors"
	"strconv"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
)

// Codes of errors that JSON-RPC defines (section 5.1).
const (
	ParseError     = -32700
	InvalidRequest = -32600
	MethodNotFound = -32601
	InvalidParams  = -32602
	InternalError  = -32603
)

// Reasons for refusing a message, inside an encoding.SyntaxError.
var (
	// ErrNoObject reports a message that is no object.
	ErrNoObject = errors.New("a message must be an object")
	// ErrVersion reports a message without "jsonrpc": "2.0".
	ErrVersion = errors.New(`the member jsonrpc must be "2.0"`)
	// ErrMember reports a member that the envelope does not have.
	ErrMember = errors.New("a member that messages do not have")
	// ErrID reports an id that is no string and no integer.
	ErrID = errors.New("the id must be a string or an integer")
	// ErrMethod reports a method that is no string, or an empty one.
	ErrMethod = errors.New("the method must be a string and not empty")
	// ErrParams reports params that are neither an object nor an array.
	ErrParams = errors.New("params must be an object or an array")
	// ErrKind reports a message that is neither a request nor a response.
	ErrKind = errors.New("a message needs a method, or else an id and either a result or an error")
	// ErrBatch reports a batch without messages.
	ErrBatch = errors.New("a batch must not be empty")
)

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	// Request wants a response.
	Request Kind = iota + 1
	// Notification wants none.
	Notification
	// Response answers a request, with a result or an error.
	Response
)

// Message is one message. Its parts are as they stand in the document, whose
// memory they share; a part that is not there is nil.
type Message struct {
	Kind Kind
	// ID is a string or an integer; null in the answer to what could not be read.
	ID []byte
	// Method is the unescaped name.
	Method string
	// Params is an object or an array.
	Params []byte
	// Result and Error are the halves of a response, of which it has one.
	Result, Error []byte
	// Raw is the whole message, Offset the number of bytes before it.
	Raw    []byte
	Offset int
}

// Limits bound what is read.
type Limits struct {
	// JSON bounds the document; names must be unique whatever it says.
	JSON jsontext.Limits
	// MaxMessages is the number of messages in a batch; encoding.Off for any.
	MaxMessages int
}

// DefaultLimits are those of jsontext and 100 messages in a batch.
func DefaultLimits() Limits { return Limits{jsontext.DefaultLimits(), 100} }

// Read reads one message, or a batch of them. Errors are *encoding.SyntaxError
// and *encoding.LimitError, with offsets in data.
func Read(data []byte, lim Limits) (messages []Message, batch bool, err error) {
	lim.JSON.UniqueNames = true
	elements, batch, err := jsontext.Elements(data, lim.JSON)
	if err != nil {
		return nil, false, err
	}
	if !batch {
		m, err := read(data, 0, lim.JSON)
		return []Message{m}, false, err
	}
	if len(elements) == 0 {
		return nil, true, fault(0, ErrBatch)
	}
	messages = make([]Message, 0, min(len(elements), 16))
	for i, one := range elements {
		offset := offsetOf(data, one)
		if lim.MaxMessages >= 0 && i == lim.MaxMessages {
			return nil, true, &encoding.LimitError{Format: "json-rpc", Limit: "MaxMessages", Max: lim.MaxMessages, Offset: offset}
		}
		m, err := read(one, offset, lim.JSON)
		if err != nil {
			return nil, true, err
		}
		messages = append(messages, m)
	}
	return messages, true, nil
}

// Edit puts Other in the place of Part, which is a slice of the document.
type Edit struct{ Part, Other []byte }

// Splice gives a copy of the document with the edits made. They must not overlap
// and stand in the order of the document.
func Splice(data []byte, edits []Edit) []byte {
	out, done := make([]byte, 0, len(data)), 0
	for _, e := range edits {
		at := offsetOf(data, e.Part)
		out = append(append(out, data[done:at]...), e.Other...)
		done = at + len(e.Part)
	}
	return append(out, data[done:]...)
}

// offsetOf is the place of a part in the document that it is a slice of.
func offsetOf(data, part []byte) int { return cap(data) - cap(part) }

func fault(offset int, err error) error {
	return &encoding.SyntaxError{Format: "json-rpc", Offset: offset, Err: err}
}

func read(data []byte, offset int, lim jsontext.Limits) (Message, error) {
	m := Message{Raw: data, Offset: offset}
	members, object, err := jsontext.Members(data, lim)
	if err != nil {
		return m, err
	}
	if !object {
		return m, fault(offset, ErrNoObject)
	}
	version := false
	for _, one := range members {
		at := offset + one.Offset
		switch one.Name {
		case "jsonrpc":
			if version = isText(one.Value) && text(one.Value) == "2.0"; !version {
				return m, fault(at, ErrVersion)
			}
		case "id":
			if !isID(one.Value) {
				return m, fault(at, ErrID)
			}
			m.ID = one.Value
		case "method":
			if !isText(one.Value) || len(one.Value) == len(`""`) {
				return m, fault(at, ErrMethod)
			}
			m.Method = text(one.Value)
		case "params":
			if one.Value[0] != '{' && one.Value[0] != '[' {
				return m, fault(at, ErrParams)
			}
			m.Params = one.Value
		case "result":
			m.Result = one.Value
		case "error":
			m.Error = one.Value
		default:
			return m, fault(at, ErrMember)
		}
	}
	if !version {
		return m, fault(offset, ErrVersion)
	}
	if m.Kind = kindOf(&m); m.Kind == 0 {
		return m, fault(offset, ErrKind)
	}
	return m, nil
}

// kindOf is the kind that the members make, 0 for none.
func kindOf(m *Message) Kind {
	null := bytes.Equal(m.ID, []byte("null"))
	switch {
	case m.Method != "" && (m.Result != nil || m.Error != nil):
	case m.Method != "" && m.ID == nil:
		return Notification
	case m.Method != "" && !null:
		return Request
	case m.Method != "" || m.Params != nil || (m.Result == nil) == (m.Error == nil):
	case m.Error != nil && (m.ID == nil || m.Error[0] == '{'):
		return Response
	case m.Result != nil && m.ID != nil && !null:
		return Response
	}
	return 0
}

func isText(value []byte) bool { return value[0] == '"' }

// text is a JSON string, unescaped.
func text(value []byte) string {
	t, _ := jsontext.NewScanner(value, jsontext.NoLimits()).Next()
	return string(t.Text())
}

func isID(value []byte) bool {
	if isText(value) || string(value) == "null" {
		return true
	}
	return !bytes.ContainsAny(value, ".eE{[tf") // what is left is an integer
}

// AppendError appends an error response to dst. A nil id is null; a nil data is
// left out, any other is JSON.
func AppendError(dst, id []byte, code int, message string, data []byte) []byte {
	if id == nil {
		id = []byte("null")
	}
	dst = append(append(dst, `{"jsonrpc":"2.0","id":`...), id...)
	dst = strconv.AppendInt(append(dst, `,"error":{"code":`...), int64(code), 10)
	dst = jsontext.AppendQuote(append(dst, `,"message":`...), message)
	if data != nil {
		dst = append(append(dst, `,"data":`...), data...)
	}
	return append(dst, "}}"...)
}
