package acme

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/acme"
)

// problems begins the types of the problems of ACME (RFC 8555 §6.7).
const problems = "urn:ietf:params:acme:error:"

const maxText = 400

// ProblemError says for people why there is no certificate.
type ProblemError struct{ Text string }

// Error is the text.
func (p *ProblemError) Error() string { return p.Text }

// Explain puts an error of Obtain into words for people, in one line of bounded length.
// What a directory answers is repeated only where it is a problem of ACME: a page must
// not become a way to read what stands at any address. after is how long the authority
// wants to be left alone, 0 when it does not say. known is false for errors that are
// none of the authority's and of the network.
func Explain(err error) (text string, after time.Duration, known bool) {
	var ours *ProblemError
	if errors.As(err, &ours) {
		return clean(ours.Text), 0, true
	}
	var refused *acme.Error
	if errors.As(err, &refused) {
		after, _ = acme.RateLimit(refused)
		return clean(refusal(refused)), max(after, 0), true
	}
	var request *url.Error
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the authority took too long", 0, true
	case errors.As(err, &request):
		return clean("the directory can't be reached: " + innermost(request).Error()), 0, true
	case strings.HasPrefix(err.Error(), "acme: "), errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the directory answers with something that is not ACME", 0, true
	}
	return "", 0, false
}

func refusal(e *acme.Error) string {
	kind, is := strings.CutPrefix(e.ProblemType, problems)
	if !is {
		return "the directory answers HTTP " + strconv.Itoa(e.StatusCode) + " with something that is no problem of ACME"
	}
	text := "the authority refuses (" + kind + ")"
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	for i, sub := range e.Subproblems {
		if i == 3 || sub.Identifier == nil {
			break
		}
		text += "; " + sub.Identifier.Value + ": " + sub.Detail
	}
	return text
}

func refusedDomain(one *acme.Authorization) error {
	text := "the authority could not verify " + one.Identifier.Value
	for _, c := range one.Challenges {
		if c.Error != nil {
			return &ProblemError{Text: text + detail(c.Error)}
		}
	}
	return &ProblemError{Text: text + ": the authorisation is " + one.Status}
}

func refusedOrder(o *acme.Order) error {
	if o.Error == nil {
		return &ProblemError{Text: "the authority refuses the order"}
	}
	return &ProblemError{Text: "the authority refuses the order" + detail(o.Error)}
}

// detail is what an authority says of an error, with a colon in front.
func detail(err error) string {
	var e *acme.Error
	if !errors.As(err, &e) || e == nil || !strings.HasPrefix(e.ProblemType, problems) {
		return ""
	}
	return " (" + strings.TrimPrefix(e.ProblemType, problems) + "): " + e.Detail
}

func unknownAccount(err error) bool {
	var e *acme.Error
	return errors.As(err, &e) && e.ProblemType == problems+"accountDoesNotExist"
}

func innermost(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// clean is a text of others in one line, bounded.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
