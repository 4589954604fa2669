package test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi/datamodel"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/discoverytest"
	"farrier.dev/farrier/internal/discovery/export"
	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

// validated is how much of the good calls that were held back the written
// descriptions allow.
type validated struct {
	// all are those of every operation; often those of operations that were called at
	// least three times while others learned, by their group; listed those of operations
	// that the description has.
	all, listed discoverytest.Ratio
	often       map[discoverytest.Group]discoverytest.Ratio
	// independent is what another validator says of a part of listed; unjudged are those
	// at which it fails itself.
	independent discoverytest.Ratio
	unjudged    int
	learner     *discovery.Learner
	failures    []string
}

// why a call has no operation.
func (v *validated) why(method, host, path string) []string {
	x := v.learner.Explain(method, strings.ToLower(host), path)
	return append(x.Reasons, x.Missing...)
}

func addTo(r *discoverytest.Ratio, hit bool) {
	if r.Of++; hit {
		r.Hits++
	}
}

// sampledCalls is every how manieth call the other validator judges: it takes
// milliseconds for each.
const sampledCalls = 7

// hold the calls of one API that were held back against its description.
func (v *validated) play(r *replay, i int, inventory *discovery.Inventory, truth *discoverytest.Truth) {
	d := &r.docs[i]
	var written bytes.Buffer
	if err := export.OpenAPI(&written, inventory.Operations, export.Options{Host: truth.Host}); err != nil {
		r.t.Errorf("%s: writing the description: %v", d.Name, err)
		return
	}
	other, err := independent(written.Bytes())
	if err != nil {
		r.t.Errorf("%s: the written description is not valid: %v", d.Name, err)
	}
	// Hundreds of operations with all that was seen of them are longer than what is
	// read unasked.
	limits := spec.ProjectLimits{Document: tree.Options{MaxBytes: 64 << 20, MaxNodes: 20_000_000}, Bytes: 64 << 20}
	doc := openapi.Read(spec.OneFile("written.json", written.Bytes(), limits), "written.json")
	if !doc.Valid() || doc.Description == nil {
		r.t.Errorf("%s: the written description of %d bytes: %v", d.Name, written.Len(), doc.Problems)
		return
	}
	described := doc.Description
	kinds := spec.DefaultKinds() | spec.KindsOf(spec.MissingCredential, spec.UnknownStatus, spec.ResponseContentType, spec.ResponseBody)
	checker, err := spec.NewChecker(described, spec.Options{Block: kinds, Most: 2})
	if err != nil {
		r.t.Errorf("%s: the written description: %v", d.Name, err)
		return
	}
	base := ""
	if len(described.BasePaths) > 0 {
		base = described.BasePaths[0]
	}
	for e := range d.Traffic.Held() {
		if e.Mark.Class == discoverytest.Good {
			v.one(d.Name, base, &e, checker, other, truth)
		}
	}
}

func (v *validated) one(name, base string, e *discoverytest.Exchange, checker *spec.Checker, other validator.Validator, truth *discoverytest.Truth) {
	path, query, _ := strings.Cut(e.Target, "?")
	path = strings.TrimPrefix(path, base)
	header := func(h http.Header) func(string) string {
		return func(name string) string { return strings.Join(h.Values(name), ", ") }
	}
	result := checker.Check(&spec.Request{Method: e.Method, Path: path, Query: query, Header: header(e.Header), Names: maps.Keys(e.Header), Body: e.Body})
	violations := result.Violations
	if len(violations) == 0 {
		violations = checker.CheckAnswer(result.Operation, &spec.Answer{Status: e.Status, Header: header(e.AnswerHeader), Body: e.AnswerBody, Bodiless: e.Method == http.MethodHead}).Violations
	}
	ok := len(violations) == 0
	addTo(&v.all, ok)
	called := truth.Operations[discoverytest.Key(e.Mark.Method, e.Mark.Template)]
	if called.Good >= discoverytest.Least {
		ratio := v.often[called.Group]
		addTo(&ratio, ok)
		v.often[called.Group] = ratio
	}
	if result.Operation == nil {
		v.failures = append(v.failures, fmt.Sprintf("%s: held back: %s: not described: %s %s (%s, %d good calls): %v", name, called.Group, e.Method, path, called.Template, called.Good,
			v.why(e.Method, truth.Host, base+path)))
		return
	}
	if addTo(&v.listed, ok); !ok {
		v.failures = append(v.failures, fmt.Sprintf("%s: held back: %s: %s %s answered %d: %v", name, called.Group, e.Method, called.Template, e.Status, violations))
	}
	if e.Index%sampledCalls == 0 && other != nil {
		allowed, judged := judgedBy(other, e)
		if !judged {
			v.unjudged++
			return
		}
		if addTo(&v.independent, allowed == ""); allowed != "" {
			v.failures = append(v.failures, fmt.Sprintf("%s: held back, by the other validator: %s %s answered %d: %s", name, e.Method, called.Template, e.Status, allowed))
		}
	}
}

// independent reads a description by libopenapi.
func independent(text []byte) (made validator.Validator, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the validator panics: %v", value)
		}
	}()
	c := datamodel.NewDocumentConfiguration()
	c.Logger = slog.New(slog.DiscardHandler)
	doc, err := libopenapi.NewDocumentWithConfiguration(text, c)
	if err != nil {
		return nil, err
	}
	made, errs := validator.NewValidator(doc, config.WithLogger(c.Logger))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	if ok, problems := made.ValidateDocument(); !ok {
		return made, fmt.Errorf("%s: %s", problems[0].Message, problems[0].Reason)
	}
	return made, nil
}

// judgedBy is what the validator has against an exchange, empty for nothing; false
// when it finds no path, as of segments with literal parts, or panics.
func judgedBy(v validator.Validator, e *discoverytest.Exchange) (complaint string, judged bool) {
	defer func() {
		if recover() != nil {
			judged = false
		}
	}()
	request, err := http.NewRequest(e.Method, "http://"+e.Host+e.Target, bytes.NewReader(e.Body))
	if err != nil {
		return "", false
	}
	request.Header = e.Header
	_, errs := v.ValidateHttpRequestSync(request)
	for _, one := range errs {
		if one.IsPathMissingError() || one.IsOperationMissingError() {
			return "", false
		}
	}
	response := &http.Response{StatusCode: e.Status, Header: e.AnswerHeader, Body: io.NopCloser(bytes.NewReader(e.AnswerBody)), Request: request}
	_, more := v.ValidateHttpResponse(request, response)
	if all := append(errs, more...); len(all) > 0 {
		one := all[0]
		text := one.Message + ": " + one.Reason
		for _, deep := range one.SchemaValidationErrors {
			text += "; " + deep.Reason + " at " + deep.FieldPath
		}
		return text, true
	}
	return "", true
}
