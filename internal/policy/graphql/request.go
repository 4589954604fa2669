package graphql

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/traffic"
)

// payload is a request as GraphQL over HTTP has it.
type payload struct {
	Query         *string        `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// documentsOf are the documents of a request: none for what is no GraphQL or
// names a persisted query. why says what is wrong with the request itself.
func documentsOf(x *traffic.Exchange) (documents []document, why string) {
	req := &x.Request
	if query, err := url.ParseQuery(req.RawQuery); err == nil && query.Has("query") {
		if len(query["query"]) > 1 {
			return nil, "the query is given twice"
		}
		p := payload{OperationName: query.Get("operationName")}
		text := query.Get("query")
		p.Query = &text
		if variables := query.Get("variables"); variables != "" {
			if json.Unmarshal([]byte(variables), &p.Variables) != nil {
				return nil, "the variables are no JSON object"
			}
		}
		documents = append(documents, read(p))
	}
	if req.Method == http.MethodGet || !req.Body.Loaded() || len(req.Body.Bytes()) == 0 {
		return documents, ""
	}
	media, _, _ := strings.Cut(strings.ToLower(req.Header.Get("content-type")), ";")
	switch strings.TrimSpace(media) {
	case "application/graphql":
		text := string(req.Body.Bytes())
		return append(documents, read(payload{Query: &text})), ""
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(req.Body.Bytes()))
		if err != nil || len(form["query"]) > 1 {
			return nil, "the form can't be read, or holds the query twice"
		}
		if form.Has("query") {
			text := form.Get("query")
			documents = append(documents, read(payload{Query: &text, OperationName: form.Get("operationName")}))
		}
		return documents, ""
	}
	more, why := documentsOfJSON(req.Body.Bytes())
	return append(documents, more...), why
}

// documentsOfJSON reads a request, or a batch of them. Whatever the content type
// says: servers read JSON under many names. What is no JSON holds no document.
func documentsOfJSON(body []byte) (documents []document, why string) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return nil, ""
	}
	limits := jsontext.DefaultLimits()
	limits.UniqueNames = true
	if err := jsontext.Valid(body, limits); err != nil {
		return nil, "the body is no JSON that all servers read alike"
	}
	var batch []payload
	if body[0] == '{' {
		batch = make([]payload, 1)
		if json.Unmarshal(body, &batch[0]) != nil {
			return nil, "the body is no GraphQL request"
		}
	} else if json.Unmarshal(body, &batch) != nil {
		return nil, "the body is no batch of GraphQL requests"
	}
	if len(batch) > maxBatch {
		return nil, "a batch of " + count(len(batch)) + " requests exceeds the maximum of " + count(maxBatch)
	}
	for _, p := range batch {
		if p.Query != nil && *p.Query != "" {
			documents = append(documents, read(p))
		}
	}
	return documents, ""
}

// documentsOfMessage reads a message of graphql-transport-ws, or of the older
// subscriptions-transport-ws. Messages without a query, as ping, hold none.
func documentsOfMessage(data []byte) (documents []document, why string) {
	limits := jsontext.DefaultLimits()
	limits.UniqueNames = true
	if jsontext.Valid(data, limits) != nil {
		return nil, "the message is no JSON that all servers read alike"
	}
	var message struct {
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(data, &message) != nil {
		return nil, "the message is no JSON object"
	}
	var p payload
	if len(message.Payload) == 0 || json.Unmarshal(message.Payload, &p) != nil || p.Query == nil {
		return nil, ""
	}
	return []document{read(p)}, ""
}

func read(p payload) document {
	d := document{variables: p.Variables, operation: p.OperationName, text: *p.Query}
	query, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: d.text}, maxTokens)
	if err != nil {
		d.broken = "the document can't be parsed"
		if strings.Contains(err.Error(), "token limit") {
			d.broken = "the document has more than " + count(maxTokens) + " tokens"
		}
		return d
	}
	d.query = query
	return d
}
