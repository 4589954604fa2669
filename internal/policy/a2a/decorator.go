package a2a

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/encoding/jsontext/jsonrpc"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:embed decorator.json
var decoratorSchema []byte

// Decorator is the entry of the catalogue for a2a-prompt-decorator, which puts
// texts and files before every prompt.
func Decorator() policy.Policy {
	return policy.Policy{
		Name: "a2a-prompt-decorator", Title: "A2A Prompt Decorator", Category: category,
		Phase: policy.Shape, Schema: decoratorSchema, Compile: compileDecorator,
	}
}

// DecoratorSettings are those of a2a-prompt-decorator. At least one decorator is
// needed.
type DecoratorSettings struct {
	// TextDecorators are put before the parts of every prompt, as text parts.
	TextDecorators []string `json:"textDecorators" default:"[]"`
	// FileDecorators are put behind the text decorators, as file parts.
	FileDecorators []FileDecorator `json:"fileDecorators" default:"[]"`
}

// FileDecorator is one file.
type FileDecorator struct {
	// Name is the name of the file.
	Name string `json:"name" default:""`
	// MimeType is the media type of the file.
	MimeType string `json:"mimeType" default:""`
	// URI is where the agent finds the file. Set it or bytes.
	URI string `json:"uri" default:""`
	// Bytes is the content of the file in base64.
	Bytes string `json:"bytes" default:""`
}

// decorator is the parts to put before, each followed by a comma.
type decorator struct{ parts []byte }

func compileDecorator(settings json.RawMessage) (policy.Compiled, error) {
	var s DecoratorSettings
	if err := policy.DecodeWithDefaults(decoratorSchema, settings, &s); err != nil {
		return nil, err
	}
	if len(s.TextDecorators)+len(s.FileDecorators) == 0 {
		return nil, errors.New("textDecorators: empty; give at least one text or file")
	}
	d := &decorator{}
	for i, text := range s.TextDecorators {
		if text == "" {
			return nil, fmt.Errorf("textDecorators[%d]: empty", i)
		}
		d.parts = append(jsontext.AppendQuote(append(d.parts, `{"kind":"text","text":`...), text), "},"...)
	}
	for i, file := range s.FileDecorators {
		if (file.URI == "") == (file.Bytes == "") {
			return nil, fmt.Errorf("fileDecorators[%d].uri: set either uri or bytes", i)
		}
		fields := map[string]string{"name": file.Name, "mimeType": file.MimeType, "uri": file.URI, "bytes": file.Bytes}
		for name, value := range fields {
			if value == "" {
				delete(fields, name)
			}
		}
		raw, err := json.Marshal(map[string]any{"kind": "file", "file": fields})
		if err != nil {
			return nil, fmt.Errorf("fileDecorators[%d]: %w", i, err)
		}
		d.parts = append(append(d.parts, raw...), ',')
	}
	return d, nil
}

// Bind implements policy.Compiled.
func (d *decorator) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: d.request, RequestBody: request()}, nil
}

func (d *decorator) request(_ context.Context, x *traffic.Exchange) policy.Verdict {
	r, v := policy.ReadRPC(x)
	if v.Stops() {
		return v
	}
	var edits []jsonrpc.Edit
	for i := range r.Messages {
		m := &r.Messages[i]
		if !sends(m) {
			continue
		}
		elements, list, err := parts(m)
		if err != nil || len(elements) == 0 {
			return policy.RefuseRPC(x, http.StatusBadRequest, m.ID, jsonrpc.InvalidParams, "Invalid params.", "the message has no parts to put others before")
		}
		edits = append(edits, jsonrpc.Edit{Part: list[:1], Other: append([]byte{'['}, d.parts...)})
	}
	if len(edits) == 0 {
		return policy.Go()
	}
	if err := x.Request.Body.Replace(jsonrpc.Splice(x.Request.Body.Bytes(), edits)); err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", err.Error())
	}
	return policy.Go()
}
