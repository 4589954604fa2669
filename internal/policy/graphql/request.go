package graphql

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"farrier.dev/farrier/internal/encoding/jsontext"
	"farrier.dev/farrier/internal/traffic"
)

// payload is a request as GraphQL over HTTP has it.
type payload struct {
	query         *string
	operationName string
	variables     map[string]any
}

// UnmarshalJSON takes the members by their exact names: encoding/json would take
// QUERY for query, which no server does.
func (p *payload) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err //nolint:wrapcheck // encoding/json adds where it is
	}
	for name, to := range map[string]any{"query": &p.query, "operationName": &p.operationName, "variables": &p.variables} {
		if value, ok := members[name]; ok {
			if err := json.Unmarshal(value, to); err != nil {
				return err //nolint:wrapcheck // as above
			}
		}
	}
	return nil
}

// documentsOf are the documents of a request: none for what is no GraphQL or
// names a persisted query. why says what is wrong with the request itself.
func documentsOf(x *traffic.Exchange) (documents []document, why string) {
	query, err := url.ParseQuery(x.Request.RawQuery)
	if err != nil {
		return nil, "the query string can't be read"
	}
	documents, why = documentsOfForm(query)
	if why != "" || !x.Request.Body.Loaded() || len(x.Request.Body.Bytes()) == 0 {
		return documents, why
	}
	more, why := documentsOfBody(&x.Request)
	if why == "" && len(more) > 0 && (query.Has("query") || query.Has("operationName") || query.Has("variables")) {
		why = "the request stands in the query string and in the body"
	}
	return append(documents, more...), why
}

// documentsOfForm reads the parameters of a query string or of a form.
func documentsOfForm(form url.Values) (documents []document, why string) {
	for _, name := range [...]string{"query", "operationName", "variables"} {
		if len(form[name]) > 1 {
			return nil, "the " + name + " is given twice"
		}
	}
	if !form.Has("query") {
		return nil, ""
	}
	text := form.Get("query")
	p := payload{query: &text, operationName: form.Get("operationName")}
	if variables := form.Get("variables"); variables != "" {
		if valid([]byte(variables)) != nil || json.Unmarshal([]byte(variables), &p.variables) != nil {
			return nil, "the variables are no JSON object"
		}
	}
	return []document{read(p)}, ""
}

// documentsOfBody reads a body by its content type, and as JSON whatever that
// says when it looks like it: servers read JSON under many names.
func documentsOfBody(req *traffic.Request) (documents []document, why string) {
	body := bytes.TrimSpace(bytes.TrimPrefix(req.Body.Bytes(), []byte("\uFEFF")))
	contentType := req.Header.Get("content-type")
	if len(req.Header.Values("content-type")) > 1 {
		return nil, "the content type is given twice"
	}
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, "the content type can't be read"
	}
	switch charset := strings.ToLower(parameters["charset"]); charset {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		return nil, "the charset of the body is not UTF-8"
	}
	switch media {
	case "multipart/form-data":
		return documentsOfMultipart(body, parameters["boundary"])
	case "application/graphql":
		text := string(req.Body.Bytes())
		documents = append(documents, read(payload{query: &text}))
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(req.Body.Bytes()))
		if err != nil {
			return nil, "the form can't be read"
		}
		if documents, why = documentsOfForm(form); why != "" {
			return nil, why
		}
	}
	if len(documents) > 0 {
		return documents, ""
	}
	if media == "application/json" || strings.HasSuffix(media, "+json") {
		if len(body) > 0 && body[0] != '{' && body[0] != '[' {
			return nil, "the body is no GraphQL request"
		}
	}
	return documentsOfJSON(body)
}

// documentsOfMultipart reads a request with files: what is to be run stands in
// the part operations (GraphQL multipart request specification).
func documentsOfMultipart(body []byte, boundary string) (documents []document, why string) {
	if boundary == "" {
		return nil, "the boundary of the parts is missing"
	}
	form := url.Values{}
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "the parts can't be read"
		}
		if len(part.Header.Values("Content-Disposition")) != 1 {
			return nil, "a part is named twice or not at all"
		}
		name := part.FormName()
		switch name {
		case "operations", "query", "operationName", "variables":
		default:
			continue
		}
		if part.Header.Get("Content-Transfer-Encoding") != "" {
			return nil, "a part has an encoding of its own"
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, "the parts can't be read"
		}
		form.Add(name, string(text))
	}
	switch {
	case len(form["operations"]) > 1:
		return nil, "the operations are given twice"
	case form.Has("operations") && form.Has("query"):
		return nil, "the query is given twice"
	case form.Has("operations"):
		return documentsOfJSON([]byte(form.Get("operations")))
	}
	return documentsOfForm(form)
}

// valid says what keeps a text from being JSON that all servers read alike.
func valid(text []byte) error {
	limits := jsontext.DefaultLimits()
	limits.UniqueNames = true
	return jsontext.Valid(text, limits) //nolint:wrapcheck // nobody reads it
}

// documentsOfJSON reads a request, or a batch of them. What is no JSON holds no
// document.
func documentsOfJSON(body []byte) (documents []document, why string) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\uFEFF")))
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return nil, ""
	}
	if valid(body) != nil {
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
		if p.query != nil && *p.query != "" {
			documents = append(documents, read(p))
		}
	}
	return documents, ""
}

// documentsOfMessage reads a message of graphql-transport-ws, or of the older
// subscriptions-transport-ws. Messages without a query, as ping, hold none.
func documentsOfMessage(data []byte) (documents []document, why string) {
	if valid(data) != nil {
		return nil, "the message is no JSON that all servers read alike"
	}
	var message map[string]json.RawMessage
	if json.Unmarshal(data, &message) != nil {
		return nil, "the message is no JSON object"
	}
	var members map[string]json.RawMessage
	inner := message["payload"]
	if len(inner) == 0 || json.Unmarshal(inner, &members) != nil || len(members["query"]) == 0 {
		return nil, ""
	}
	var p payload
	if json.Unmarshal(inner, &p) != nil {
		return nil, "the payload of the message is no GraphQL request"
	}
	if p.query == nil || *p.query == "" {
		return nil, ""
	}
	return []document{read(p)}, ""
}

func read(p payload) document {
	d := document{variables: p.variables, operation: p.operationName, text: *p.query}
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
