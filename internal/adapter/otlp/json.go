package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// jsonRequest is an ExportTraceServiceRequest in the JSON form of OTLP: names in
// lowerCamelCase, identifiers in hexadecimal, 64-bit numbers as texts or numbers.
type jsonRequest struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []jsonPair `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []struct {
			Spans []json.RawMessage `json:"spans"`
		} `json:"scopeSpans"`
	} `json:"resourceSpans"`
}

type jsonSpan struct {
	TraceID           string          `json:"traceId"`
	SpanID            string          `json:"spanId"`
	ParentSpanID      string          `json:"parentSpanId"`
	Name              string          `json:"name"`
	Kind              json.RawMessage `json:"kind"`
	StartTimeUnixNano jsonNumber      `json:"startTimeUnixNano"`
	Attributes        []jsonPair      `json:"attributes"`
	Status            struct {
		Code json.RawMessage `json:"code"`
	} `json:"status"`
}

type jsonPair struct {
	Key   string `json:"key"`
	Value struct {
		String *string     `json:"stringValue"`
		Bool   *bool       `json:"boolValue"`
		Int    *jsonNumber `json:"intValue"`
	} `json:"value"`
}

// jsonNumber is a 64-bit number, as a text or a number.
type jsonNumber string

// UnmarshalJSON reads either form.
func (n *jsonNumber) UnmarshalJSON(text []byte) error {
	*n = jsonNumber(bytes.Trim(text, `"`))
	return nil
}

func (p *jsonPair) text() string {
	switch {
	case p.Value.String != nil:
		return *p.Value.String
	case p.Value.Bool != nil:
		return strconv.FormatBool(*p.Value.Bool)
	case p.Value.Int != nil:
		return string(*p.Value.Int)
	}
	return ""
}

// decodeJSON is decode for JSON.
func decodeJSON(text []byte, take func(*span)) error {
	var request jsonRequest
	if json.Unmarshal(text, &request) != nil {
		return errMessage
	}
	for _, resource := range request.ResourceSpans {
		service := ""
		for i := range resource.Resource.Attributes {
			if p := &resource.Resource.Attributes[i]; p.Key == serviceName {
				service = clip(p.text())
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, text := range scope.Spans {
				one := span{service: service}
				if err := one.decodeJSON(text); err != nil {
					return err
				}
				take(&one)
			}
		}
	}
	return nil
}

// decodeJSON reads a span.
func (s *span) decodeJSON(text []byte) error {
	var from jsonSpan
	if json.Unmarshal(text, &from) != nil {
		return errMessage
	}
	s.name = clip(from.Name)
	s.kind = kindOf(from.Kind)
	s.start, _ = strconv.ParseUint(string(from.StartTimeUnixNano), 10, 64) // no number is no time
	code := string(bytes.Trim(from.Status.Code, `"`))
	s.failed = code == "2" || code == "STATUS_CODE_ERROR"
	for i := range from.Attributes {
		s.attributes.set(from.Attributes[i].Key, from.Attributes[i].text())
	}
	return s.identify(identifier(from.TraceID, 16), identifier(from.SpanID, 8), identifier(from.ParentSpanID, 8))
}

// kindOf reads a kind as a number or by its name.
func kindOf(text json.RawMessage) kind {
	switch string(bytes.Trim(text, `"`)) {
	case "2", "SPAN_KIND_SERVER":
		return server
	case "3", "SPAN_KIND_CLIENT":
		return client
	case "4", "SPAN_KIND_PRODUCER":
		return producer
	case "5", "SPAN_KIND_CONSUMER":
		return consumer
	}
	return 0
}

// identifier reads size bytes in hexadecimal, as OTLP has them, or in base64, as
// other writers of protocol buffers do.
func identifier(text string, size int) []byte {
	if len(text) == 2*size {
		if b, err := hex.DecodeString(text); err == nil {
			return b
		}
	}
	if len(text) > 2*size {
		return nil
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b
	}
	return []byte{0} // no identifier has one byte
}
