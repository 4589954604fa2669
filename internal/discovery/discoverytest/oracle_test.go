package discoverytest_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi/datamodel"

	. "farrier.dev/farrier/internal/discovery/discoverytest"
)

// TestOracle holds that an independent validator allows what was drawn, too: 99.9 %.
func TestOracle(t *testing.T) {
	played, refused, skipped := 0, 0, 0
	for _, d := range documents(t) {
		v := oracle(d.Text)
		if v == nil {
			t.Logf("%s can't be read by the validator", d.Name)
			continue
		}
		here, wrong := 0, 0
		for e := range d.Traffic.All() {
			if e.Mark.Class != Good || e.Index%4 != 0 {
				continue
			}
			if here++; here > 150 {
				break
			}
			request, err := http.NewRequestWithContext(t.Context(), e.Method, "http://example.com"+e.Target, bytes.NewReader(e.Body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header = e.Header
			response := &http.Response{StatusCode: e.Status, Header: e.AnswerHeader, Body: io.NopCloser(bytes.NewReader(e.AnswerBody)), Request: request}
			errs, judged := judge(v, request, response)
			if !judged {
				skipped++
				continue
			}
			played++
			if len(errs) > 0 {
				refused++
				if wrong++; wrong <= 2 {
					for _, one := range errs {
						t.Logf("%s %.200s: %d: %s: %.300s", e.Method, e.Target, e.Status, one.Message, one.Reason)
						for _, deep := range one.SchemaValidationErrors {
							t.Logf("    %s at %s", deep.Reason, deep.FieldPath)
						}
					}
				}
			}
		}
		t.Logf("%s: %d of %d refused", d.Name, wrong, here)
	}
	t.Logf("%d of %d good exchanges are refused, %d could not be judged", refused, played, skipped)
	if played < 500 || float64(refused) > 0.001*float64(played) {
		t.Error("there should be more exchanges, and fewer of them refused")
	}
}

// judge is what the validator complains of; false when it finds no path, as of
// segments with literal parts, or panics.
func judge(v validator.Validator, request *http.Request, response *http.Response) (errs []*validation.ValidationError, judged bool) {
	defer func() {
		if recover() != nil {
			judged = false
		}
	}()
	_, errs = v.ValidateHttpRequestSync(request)
	for _, one := range errs {
		if one.IsPathMissingError() || one.IsOperationMissingError() {
			return nil, false
		}
	}
	_, more := v.ValidateHttpResponse(request, response)
	return append(errs, more...), true
}

// oracle reads a description by libopenapi; nil where it can't.
func oracle(text []byte) (v validator.Validator) {
	defer func() {
		if recover() != nil {
			v = nil
		}
	}()
	c := datamodel.NewDocumentConfiguration()
	c.Logger = slog.New(slog.DiscardHandler)
	doc, err := libopenapi.NewDocumentWithConfiguration(text, c)
	if err != nil {
		return nil
	}
	made, errs := validator.NewValidator(doc, config.WithLogger(c.Logger))
	if len(errs) > 0 {
		return nil
	}
	return made
}
