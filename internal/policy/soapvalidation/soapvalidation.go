// Package soapvalidation is the policy soap-validation: it lets a request pass
// only when it is a SOAP message that one port of a service takes, as its WSDL and
// the schemas in it say. Who violates that reads a SOAP fault. Responses are not
// looked at.
package soapvalidation

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec/wsdl"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen .

//go:embed schema.json
var schema []byte

// Policy is the entry of the catalogue.
func Policy() policy.Policy {
	return policy.Policy{
		Name: "soap-validation", Title: "SOAP Schema Validation", Category: "Security",
		Aliases: []string{"soap-schema-validation"},
		Phase:   policy.Inspect, Schema: schema, Compile: compile,
	}
}

// Settings are what operators set. One of wsdlUrl and wsdl is needed.
type Settings struct {
	// WsdlURL is where the WSDL 1.1 description is, over http or https, with what
	// it imports. It is fetched with the first request; until that succeeds, which
	// is tried again every 10 seconds, requests are refused with 500.
	WsdlURL string `json:"wsdlUrl" default:""`
	// Wsdl is the text of the description itself, without imports of other
	// documents; mistakes in it are then found when the manifest is checked. It is
	// Farrier's own.
	Wsdl string `json:"wsdl" default:""`
	// Encoding is the character encoding of requests; no other than UTF-8 is
	// accepted.
	Encoding string `json:"encoding" default:"UTF-8" enum:"UTF-8"`
	// ServiceName is the name of the service in the description.
	ServiceName string `json:"serviceName" required:"true" minLength:"1"`
	// ServicePort is the name of the port in the service.
	ServicePort string `json:"servicePort" required:"true" minLength:"1"`
}

const (
	// bodyLimit is the length in bytes beyond which a message is refused.
	bodyLimit = 1 << 20
	// documentLimit is that of one fetched document.
	documentLimit = 4 << 20
	fetchTimeout  = 10 * time.Second
	retryPause    = 10 * time.Second
)

// settings are a compiled policy: the description, or where it is.
type settings struct {
	known *wsdl.Binding
	url   string
	name  string
	port  string
}

func compile(raw json.RawMessage) (policy.Compiled, error) {
	s := Settings{Encoding: "UTF-8"}
	if err := policy.Decode(raw, &s); err != nil {
		return nil, err
	}
	c := &settings{url: s.WsdlURL, name: s.ServiceName, port: s.ServicePort}
	switch {
	case (s.WsdlURL == "") == (s.Wsdl == ""):
		return nil, errors.New("wsdlUrl and wsdl: give one of them")
	case s.Wsdl != "":
		var err error
		if c.known, err = wsdl.Read([]byte(s.Wsdl), "", s.ServiceName, s.ServicePort, nil); err != nil {
			return nil, fmt.Errorf("wsdl: %w", err)
		}
		return c, nil
	}
	u, err := url.Parse(s.WsdlURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("wsdlUrl: it is not http://host/… or https://host/… without a user name")
	}
	return c, nil
}

// Bind implements policy.Compiled.
func (c *settings) Bind(env policy.Env) (policy.Step, error) {
	d := &description{known: c.known}
	if c.known == nil {
		d, _ = env.State("wsdl", func() any { return &description{} }).(*description)
		if d == nil {
			return policy.Step{}, errors.New("the state of the description is another's")
		}
	}
	s := &step{settings: c, env: env, description: d}
	return policy.Step{
		Request:     s.check,
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: bodyLimit},
	}, nil
}

// description is a WSDL that may not be there yet.
type description struct {
	mu    sync.Mutex
	known *wsdl.Binding
	retry time.Time
	err   error
}

type step struct {
	*settings
	env         policy.Env
	description *description
}

// binding is the port, fetched when it is first needed.
func (s *step) binding(ctx context.Context) (*wsdl.Binding, error) {
	d := s.description
	d.mu.Lock()
	defer d.mu.Unlock()
	now := s.env.Now()
	if d.known != nil || now.Before(d.retry) {
		return d.known, d.err
	}
	// Others wait for this fetch too: it must survive the request that began it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	d.known, d.err = s.fetch(ctx)
	d.retry = s.env.Now().Add(retryPause)
	if d.err != nil {
		s.env.Log.Warn("the WSDL could not be read", "error", d.err)
	}
	return d.known, d.err
}

func (s *step) fetch(ctx context.Context) (*wsdl.Binding, error) {
	get := func(location string) ([]byte, error) { return s.get(ctx, location) }
	text, err := get(s.url)
	if err != nil {
		return nil, err
	}
	return wsdl.Read(text, s.url, s.name, s.port, get)
}

func (s *step) get(ctx context.Context, location string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return nil, errors.New("the address is not http or https")
	}
	req.Header.Set("Accept", "text/xml, application/wsdl+xml, application/xml")
	resp, err := s.env.HTTP.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, whose query may hold a secret
		}
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, documentLimit+1))
	_ = resp.Body.Close() // all that is wanted has been read
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the document: %w", err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the status is %d, not 200", resp.StatusCode)
	case len(text) > documentLimit:
		return nil, errors.New("the document is longer than 4 MiB")
	}
	return text, nil
}

func (s *step) check(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	content, err := readContentType(&x.Request.Header)
	b, unknown := s.binding(ctx)
	version := content.version
	switch {
	case unknown != nil:
		return fault(x, version, http.StatusInternalServerError, "The message could not be validated.", "the WSDL is not known: "+unknown.Error())
	case version == 0:
		version = b.Version
	}
	if err == nil && content.version != b.Version {
		err = errors.New("the content type is that of another version of SOAP")
	}
	if err != nil {
		return fault(x, version, http.StatusBadRequest, "The request is not a SOAP message that this service takes.", err.Error())
	}
	if len(x.Request.Body.Bytes()) == 0 {
		return fault(x, version, http.StatusBadRequest, "The request is not a SOAP message that this service takes.", "there is no body")
	}
	operation, err := b.Check(x.Request.Body.Bytes(), content.action, content.hasAction)
	if err != nil {
		reason := err.Error()
		if operation != "" {
			reason = "operation " + operation + ": " + reason
		}
		return fault(x, version, http.StatusBadRequest, "The message is not valid by the description of the service.", reason)
	}
	return policy.GoBecause("operation " + operation)
}

// contentType is what the headers say of the message.
type contentType struct {
	version   int // 11 or 12, 0 when it is no SOAP
	action    string
	hasAction bool
}

func readContentType(header *traffic.Header) (c contentType, err error) {
	values := header.Values("content-type")
	if len(values) != 1 {
		return c, errors.New("there is not one Content-Type")
	}
	media, parameters, err := mime.ParseMediaType(values[0].Value)
	if err != nil {
		return c, errors.New("the Content-Type is malformed")
	}
	switch media {
	case "text/xml":
		c.version = 11
		actions := header.Values("soapaction")
		if len(actions) > 1 {
			return c, errors.New("there is more than one SOAPAction")
		}
		if len(actions) == 1 {
			c.hasAction = true
			c.action = actions[0].Value
			if n := len(c.action); n >= 2 && c.action[0] == '"' && c.action[n-1] == '"' {
				c.action = c.action[1 : n-1]
			}
		}
	case "application/soap+xml":
		c.version = 12
		c.action, c.hasAction = parameters["action"]
		if header.Has("soapaction") {
			return c, errors.New("a message of SOAP 1.2 has no SOAPAction")
		}
	default:
		return c, errors.New("the Content-Type is neither text/xml nor application/soap+xml; attachments are not supported")
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return c, errors.New("the encoding is not UTF-8")
	}
	return c, nil
}

// fault answers with a SOAP fault: of the sender's making below 500, of ours above.
func fault(x *traffic.Exchange, version, status int, public, reason string) policy.Verdict {
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(public+" (correlationId "+x.ID+")")) // a buffer takes everything
	action := traffic.Refused
	code11, code12 := "Client", "Sender"
	if status >= http.StatusInternalServerError {
		action, code11, code12 = traffic.Failed, "Server", "Receiver"
	}
	answer := policy.Answer{Status: status}
	if version == 12 {
		answer.Header = []traffic.Field{{Name: "content-type", Value: "application/soap+xml; charset=utf-8"}}
		answer.Body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="%s"><soap:Body><soap:Fault><soap:Code><soap:Value>soap:%s</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">%s</soap:Text></soap:Reason></soap:Fault></soap:Body></soap:Envelope>`, wsdl.Envelope12, code12, text.Bytes())
	} else {
		answer.Header = []traffic.Field{{Name: "content-type", Value: "text/xml; charset=utf-8"}}
		answer.Body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="%s"><soap:Body><soap:Fault><faultcode>soap:%s</faultcode><faultstring>%s</faultstring></soap:Fault></soap:Body></soap:Envelope>`, wsdl.Envelope11, code11, text.Bytes())
	}
	return policy.Verdict{Action: action, Answer: answer, Reason: reason}
}
