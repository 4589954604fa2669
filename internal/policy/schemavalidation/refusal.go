package schemavalidation

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/traffic"
)

// statusOf is the answer to a kind of violation, and what the client reads.
func statusOf(k spec.Kind) (status int, public string) {
	switch k {
	case spec.UnknownPath:
		return http.StatusNotFound, "Not found."
	case spec.UnknownMethod:
		return http.StatusMethodNotAllowed, "Method not allowed."
	case spec.MissingCredential:
		return http.StatusUnauthorized, "Authentication is required."
	case spec.ContentType:
		return http.StatusUnsupportedMediaType, "Unsupported media type."
	case spec.UnknownStatus, spec.ResponseContentType, spec.ResponseHeader, spec.ResponseBody:
		return http.StatusBadGateway, "Bad gateway."
	default:
		return http.StatusBadRequest, "Request does not match the API description."
	}
}

// reason tells kinds, places and rules.
func reason(violations []spec.Violation) string {
	var b strings.Builder
	for i, v := range violations {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(v.Kind.String() + ": " + v.Place + " " + v.Rule)
	}
	return b.String()
}

// watched records what would have been refused.
func (b *bound) watched(x *traffic.Exchange, side string, violations []spec.Violation) {
	if len(violations) == 0 {
		return
	}
	why := reason(violations)
	status, _ := statusOf(violations[0].Kind)
	if b.log != nil {
		b.log.Warn(side+" violates the description", "exchange", x.ID, "violations", why)
	}
	x.Decisions = append(x.Decisions, traffic.Decision{
		Binding: b.binding, Policy: "schema-validation", Side: side,
		Action: traffic.Watched, Status: status, Reason: why,
	})
}

// refuse answers a request that violates the description; the first violation
// decides the status.
func (b *bound) refuse(x *traffic.Exchange, path string, res *spec.Result) policy.Verdict {
	status, public := statusOf(res.Violations[0].Kind)
	v := policy.Refuse(status, public, reason(res.Violations))
	switch status {
	case http.StatusMethodNotAllowed:
		v.Answer.Header = append(v.Answer.Header, traffic.Field{Name: "allow", Value: b.allowed(path)})
	case http.StatusUnauthorized:
		if challenge := b.challenge(res.Operation); challenge != "" {
			v.Answer.Header = append(v.Answer.Header, traffic.Field{Name: "www-authenticate", Value: challenge})
		}
	}
	if !b.places {
		return v
	}
	body, err := json.Marshal(struct {
		Error      string           `json:"error"`
		Violations []spec.Violation `json:"violations"`
		ID         string           `json:"correlationId"`
	}{public, res.Violations, x.ID})
	if err != nil {
		return policy.Fail(http.StatusInternalServerError, "Internal error.", "the violations could not be written")
	}
	v.Answer.Error, v.Answer.Body = "", body
	v.Answer.Header = append(v.Answer.Header, traffic.Field{Name: "content-type", Value: "application/json"})
	return v
}

// allowed are the methods of a path, for the header Allow (RFC 9110, section
// 10.2.1).
func (b *bound) allowed(path string) string {
	var all []string
	for _, method := range b.methods {
		if op, _, _ := b.matcher.Match(method, path, nil); op != nil {
			all = append(all, method)
		}
	}
	if slices.Contains(all, http.MethodGet) && !slices.Contains(all, http.MethodHead) {
		all = append(all, http.MethodHead)
	}
	return strings.Join(all, ", ")
}

// challenge is how an operation asks for credentials (RFC 9110, section 11.6.1).
func (b *bound) challenge(op *spec.Operation) string {
	for _, together := range op.Security {
		for _, r := range together {
			switch s := b.schemes[r.Scheme]; s.Type {
			case "oauth2", "openIdConnect":
				return "Bearer"
			case "http":
				if s.Scheme == "basic" {
					return `Basic realm="api"`
				}
				return token(s.Scheme)
			case "apiKey":
				return `ApiKey realm="` + token(s.Name) + `"`
			}
		}
	}
	return ""
}

// token leaves of a name what may stand in a header (RFC 9110, section 5.6.2).
func token(name string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' && r != '-' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a' && r != '_' {
			return -1
		}
		return r
	}, name)
}
