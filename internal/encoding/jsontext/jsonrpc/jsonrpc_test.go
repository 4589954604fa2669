package jsonrpc_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		text  string
		kinds []jsonrpc.Kind
		batch bool
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, []jsonrpc.Kind{jsonrpc.Request}, false},
		{` {"method":"a","params":{"x":[1]},"id":"é","jsonrpc":"2.0"} `, []jsonrpc.Kind{jsonrpc.Request}, false},
		{`{"jsonrpc":"2.0","method":"ping","params":[]}`, []jsonrpc.Kind{jsonrpc.Notification}, false},
		{`{"jsonrpc":"2.0","id":-7,"result":null}`, []jsonrpc.Kind{jsonrpc.Response}, false},
		{`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`, []jsonrpc.Kind{jsonrpc.Response}, false},
		{`[{"jsonrpc":"2.0","id":1,"method":"a"}, {"jsonrpc":"2.0","method":"b"}]`, []jsonrpc.Kind{jsonrpc.Request, jsonrpc.Notification}, true},
	} {
		messages, batch, err := jsonrpc.Read([]byte(c.text), jsonrpc.DefaultLimits())
		if err != nil || batch != c.batch || len(messages) != len(c.kinds) {
			t.Errorf("%s: %d messages, batch %v, %v", c.text, len(messages), batch, err)
			continue
		}
		for i, m := range messages {
			if m.Kind != c.kinds[i] || !strings.HasPrefix(c.text[m.Offset:], string(m.Raw)) {
				t.Errorf("%s: message %d is %d at %d: %s", c.text, i, m.Kind, m.Offset, m.Raw)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	played := 0
	for text, want := range map[string]error{
		`1`: jsonrpc.ErrNoObject, `[1]`: jsonrpc.ErrNoObject, `[]`: jsonrpc.ErrBatch,
		`{"id":1,"method":"a"}`:                                              jsonrpc.ErrVersion,
		`{"jsonrpc":2.0,"id":1,"method":"a"}`:                                jsonrpc.ErrVersion,
		`{"jsonrpc":"1.0","id":1,"method":"a"}`:                              jsonrpc.ErrVersion,
		`{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}`:                 jsonrpc.ErrMember,
		`{"jsonrpc":"2.0","id":1.5,"method":"a"}`:                            jsonrpc.ErrID,
		`{"jsonrpc":"2.0","id":true,"method":"a"}`:                           jsonrpc.ErrID,
		`{"jsonrpc":"2.0","id":{},"method":"a"}`:                             jsonrpc.ErrID,
		`{"jsonrpc":"2.0","id":1,"method":""}`:                               jsonrpc.ErrMethod,
		`{"jsonrpc":"2.0","id":1,"method":1}`:                                jsonrpc.ErrMethod,
		`{"jsonrpc":"2.0","id":1,"method":"a","params":1}`:                   jsonrpc.ErrParams,
		`{"jsonrpc":"2.0","id":1,"method":"a","params":null}`:                jsonrpc.ErrParams,
		`{"jsonrpc":"2.0","id":null,"method":"a"}`:                           jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":1,"method":"a","result":1}`:                   jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":1}`:                                           jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":null,"result":1}`:                             jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":1,"result":1,"error":{}}`:                     jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":1,"error":1}`:                                 jsonrpc.ErrKind,
		`{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":1,"\u0078":2}}`:  jsontext.ErrDuplicate,
		`{"jsonrpc":"2.0","id":1,"method":"a"} {}`:                           jsontext.ErrTrailing,
		"\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"method":"a"}`:             jsontext.ErrBOM,
		`[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":[2]}]`: jsonrpc.ErrID,
	} {
		played++
		_, _, err := jsonrpc.Read([]byte(text), jsonrpc.DefaultLimits())
		var syntax *encoding.SyntaxError
		if !errors.Is(err, want) || !errors.As(err, &syntax) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	lim := jsonrpc.DefaultLimits()
	lim.MaxMessages = 1
	_, _, err := jsonrpc.Read([]byte(`[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"a"}]`), lim)
	if encoding.Exceeded(err) != "MaxMessages" {
		t.Errorf("a batch of two: %v", err)
	}
	t.Logf("played %d messages", played)
}

func TestAppendError(t *testing.T) {
	text := jsonrpc.AppendError(nil, nil, jsonrpc.ParseError, `a "b"`, []byte(`{"c":1}`))
	if want := `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"a \"b\"","data":{"c":1}}}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestSplice(t *testing.T) {
	data := []byte(`[{"jsonrpc":"2.0","id":1,"result":{"a":1}},{"jsonrpc":"2.0","id":2,"result":[2]}]`)
	messages, _, err := jsonrpc.Read(data, jsonrpc.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	out := jsonrpc.Splice(data, []jsonrpc.Edit{{Part: messages[0].Result, Other: []byte(`"x"`)}, {Part: messages[1].ID, Other: []byte(`33`)}})
	if want := `[{"jsonrpc":"2.0","id":1,"result":"x"},{"jsonrpc":"2.0","id":33,"result":[2]}]`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

// FuzzRead holds that what is accepted is read by encoding/json as the same
// message.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1}}`))
	f.Add([]byte(`[{"jsonrpc":"2.0","id":"x","result":{}}]`))
	f.Add([]byte(`{"jsonrpc":"2.0","error":{"code":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, batch, err := jsonrpc.Read(data, jsonrpc.DefaultLimits())
		if err != nil {
			return
		}
		for _, m := range messages {
			var want struct {
				Version string `json:"jsonrpc"`
				Method  string
			}
			if err := json.Unmarshal(m.Raw, &want); err != nil || want.Version != "2.0" || want.Method != m.Method {
				t.Fatalf("%q: read as %+v, want %+v (%v)", data, m, want, err)
			}
			if string(data[m.Offset:m.Offset+len(m.Raw)]) != string(m.Raw) {
				t.Fatalf("%q: the message is not at %d", data, m.Offset)
			}
		}
		if !batch && len(messages) != 1 {
			t.Fatal("no batch and not one message")
		}
	})
}
