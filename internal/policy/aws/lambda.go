package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

// The limits of Lambda itself are 6 MB for what goes in and what comes out;
// Base64 and wrapping add to what comes out.
const (
	maxPayload = 6 << 20
	maxResult  = 10 << 20
)

// LambdaSettings are what operators set. The service that the policy is bound
// to is never called: the function answers in its place.
type LambdaSettings struct {
	// ARN is the function's name, as arn:aws:lambda:eu-central-1:123456789012:function:orders, with or without version or alias.
	ARN string `json:"arn" required:"true" minLength:"1"`
	// PayloadPassthrough hands the content of the request to the function as it is, and the function's result to the client as it is. Otherwise the function gets JSON with rawPath (query included), method, headers, queryStringParameters, body and isBase64Encoded, and is to return JSON with statusCode, headers, cookies, body and isBase64Encoded.
	PayloadPassthrough bool `json:"payloadPassthrough" required:"true" default:"false"`
	// InvocationMode says whether the client waits for the function (sync) or reads 202 as soon as the call is queued (async).
	InvocationMode string `json:"invocationMode" default:"sync" enum:"sync|async"`
	// AuthenticationMode is where the credentials come from: default is the chain of AWS (environment, shared files, web identity, container, instance), profile is the section credentialProfile of the shared files, static is credentials.
	AuthenticationMode string `json:"authenticationMode" default:"default" enum:"default|profile|static"`
	// CredentialProfile is the section of the shared files, with profile.
	CredentialProfile string `json:"credentialProfile" default:"" host:"true"`
	// Credentials are the credentials, with static.
	Credentials *Static `json:"credentials"`
	// Endpoint is where the Lambda API is called, as https://vpce-1.lambda.eu-central-1.vpce.amazonaws.com; left out, it is the public one of the region. This setting is Farrier's own.
	Endpoint string `json:"endpoint" default:""`
	// TimeoutSeconds is how long the function may take. This setting is Farrier's own.
	TimeoutSeconds int `json:"timeoutSeconds" default:"60" min:"1" max:"900"`
}

// functionARN is a function, with or without version or alias.
var functionARN = regexp.MustCompile(`^arn:(aws[a-z-]*):lambda:([a-z0-9-]+):[0-9]{12}:function:[A-Za-z0-9_-]{1,140}(:(\$LATEST|[A-Za-z0-9_-]{1,129}))?$`)

// lambda are the settings, ready.
type lambda struct {
	LambdaSettings
	fixed  source
	region string
	url    *url.URL
}

func compileLambda(settings json.RawMessage) (policy.Compiled, error) {
	s := LambdaSettings{InvocationMode: "sync", AuthenticationMode: "default", TimeoutSeconds: 60}
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	parts := functionARN.FindStringSubmatch(s.ARN)
	if parts == nil {
		return nil, errors.New("arn: it is not the ARN of a function; write arn:aws:lambda:REGION:ACCOUNT:function:NAME")
	}
	l := &lambda{LambdaSettings: s, region: parts[2]}
	var err error
	switch s.AuthenticationMode {
	case "static":
		if l.fixed, err = s.Credentials.source("credentials"); err != nil {
			return nil, err
		}
	case "profile":
		if s.CredentialProfile == "" {
			return nil, errors.New("credentialProfile: required with authenticationMode profile, but missing")
		}
	}
	endpoint := s.Endpoint
	if endpoint == "" {
		endpoint = "https://lambda." + l.region + "." + domain(parts[1])
	}
	l.url, err = url.Parse(strings.TrimSuffix(endpoint, "/") + "/2015-03-31/functions/" + escape(s.ARN, false) + "/invocations")
	if err != nil || l.url.Host == "" || l.url.User != nil || l.url.RawQuery != "" || l.url.Fragment != "" || l.url.Scheme != "https" && l.url.Scheme != "http" {
		return nil, errors.New("endpoint: it is not the address of an API; write https://HOST")
	}
	return l, nil
}

// domain is where a partition of AWS has its services.
func domain(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func warnLambda(settings json.RawMessage) []string {
	var s LambdaSettings
	if policy.Decode(settings, &s) != nil {
		return nil
	}
	var warnings []string
	if strings.HasPrefix(s.Endpoint, "http://") {
		warnings = append(warnings, "endpoint: over http the content of requests and the session token travel unencrypted")
	}
	if s.Credentials != nil && s.AuthenticationMode != "static" {
		warnings = append(warnings, "credentials have no effect: authenticationMode is not static")
	}
	if s.CredentialProfile != "" && s.AuthenticationMode != "profile" {
		warnings = append(warnings, "credentialProfile has no effect: authenticationMode is not profile")
	}
	return warnings
}

// Bind implements policy.Compiled.
func (l *lambda) Bind(env policy.Env) (policy.Step, error) {
	b := &boundLambda{lambda: l, now: env.Now, source: l.fixed}
	var ok bool
	if b.source == nil {
		if b.source, ok = env.State("credentials", func() any { return newChain(l.CredentialProfile, env.Now) }).(source); !ok {
			return policy.Step{}, errors.New("the state under credentials is no source of them")
		}
	}
	if b.client, ok = env.State("client", func() any { return newClient(env.HTTP, l.timeout()) }).(*client); !ok {
		return policy.Step{}, errors.New("the state under client is no client")
	}
	return policy.Step{
		Request:     b.invoke,
		RequestBody: policy.Need{Mode: policy.Buffered, Limit: maxPayload},
	}, nil
}

func (l *lambda) timeout() time.Duration { return time.Duration(l.TimeoutSeconds) * time.Second }

// client calls Lambda with the timeouts of the binding instead of those of the
// gateway's own calls, which functions may well outlast.
type client struct {
	http http.Client
}

func newClient(given *http.Client, timeout time.Duration) *client {
	c := &client{http: *given}
	c.http.Timeout = timeout
	if t, ok := given.Transport.(*http.Transport); ok {
		t = t.Clone()
		t.ResponseHeaderTimeout = timeout
		c.http.Transport = t
	}
	return c
}

// Close ends the connections that rest.
func (c *client) Close() error {
	if _, ok := c.http.Transport.(*http.Transport); ok {
		c.http.CloseIdleConnections()
	}
	return nil
}

type boundLambda struct {
	*lambda
	source source
	client *client
	now    func() time.Time
}

func badGateway(reason string) policy.Verdict {
	return policy.Fail(http.StatusBadGateway, "Bad gateway.", reason)
}

func (b *boundLambda) invoke(ctx context.Context, x *traffic.Exchange) policy.Verdict {
	payload, err := b.payload(x)
	if err != nil {
		return badGateway("the request could not be put into a payload: " + err.Error())
	}
	req, err := b.request(ctx, payload)
	if err != nil {
		return badGateway("the function could not be called: " + err.Error())
	}
	x.Upstream.URI = b.url.String()
	began := b.now()
	resp, err := b.client.http.Do(req)
	if err != nil {
		x.Upstream.Failed = true
		return badGateway("the function could not be called: Lambda did not answer")
	}
	defer func() { _ = resp.Body.Close() }()
	result, err := io.ReadAll(io.LimitReader(resp.Body, maxResult+1))
	x.Upstream.Took = b.now().Sub(began)
	switch {
	case err != nil:
		x.Upstream.Failed = true
		return badGateway("the function's result broke off")
	case len(result) > maxResult:
		return badGateway(fmt.Sprintf("the function's result is longer than %d bytes", maxResult))
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return badGateway(fmt.Sprintf("Lambda answered with status %d", resp.StatusCode))
	case b.InvocationMode == "async":
		return policy.Reply(policy.Answer{Status: http.StatusAccepted}, "the call of the function is queued")
	case resp.Header.Get("X-Amz-Function-Error") != "":
		return badGateway("the function ended with an error")
	case b.PayloadPassthrough:
		return policy.Reply(policy.Answer{
			Status: http.StatusOK, Body: result, Header: []traffic.Field{{Name: "content-type", Value: "application/json"}},
		}, "the function answered")
	}
	answer, err := readResult(result)
	if err != nil {
		return badGateway("the function's result is no response: " + err.Error())
	}
	return policy.Reply(answer, "the function answered")
}

func (b *boundLambda) payload(x *traffic.Exchange) ([]byte, error) {
	if !b.PayloadPassthrough {
		return wrap(x)
	}
	reader, _ := x.Request.Body.Forward()
	if reader == nil {
		return nil, nil
	}
	return io.ReadAll(reader) //nolint:wrapcheck // told in one place by the caller
}

// request is the signed call.
func (b *boundLambda) request(ctx context.Context, payload []byte) (*http.Request, error) {
	c, err := b.source.get(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, errors.New("its address is not valid")
	}
	at := b.now().UTC()
	kind := "RequestResponse"
	if b.InvocationMode == "async" {
		kind = "Event"
	}
	m := &message{
		method: req.Method, host: b.url.Host, path: b.url.EscapedPath(), payload: hashHex(payload),
		header: []traffic.Field{
			{Name: "content-type", Value: "application/json"},
			{Name: "x-amz-content-sha256", Value: hashHex(payload)},
			{Name: "x-amz-date", Value: at.Format(dateFormat)},
			{Name: "x-amz-invocation-type", Value: kind},
		},
	}
	if c.token != "" {
		m.header = append(m.header, traffic.Field{Name: "x-amz-security-token", Value: c.token})
	}
	authorization, err := authorize4(m, c, scope{"lambda", b.region, at})
	if err != nil {
		return nil, err
	}
	for _, f := range m.header {
		req.Header.Set(f.Name, f.Value)
	}
	req.Header.Set("Authorization", authorization)
	return req, nil
}
