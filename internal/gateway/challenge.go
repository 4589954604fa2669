package gateway

import (
	"net/http"
	"strings"

	"farrier.dev/farrier/internal/gateway/framing"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/router"
	"farrier.dev/farrier/internal/traffic"
)

// challengePath is where authorities look whether a name is ours (RFC 8555 §8.3).
const challengePath = "/.well-known/acme-challenge/"

// challenged answers an authority on ports without TLS, before any API. Only the tokens
// of the revision are answered: all else of the path is left to APIs.
func (p *passage) challenged(table *router.Table, info *framing.Info) bool {
	answers := table.Revision.Challenges
	if len(answers) == 0 || info.TLS != nil || p.x.Request.Method != http.MethodGet && p.x.Request.Method != http.MethodHead {
		return false
	}
	token, is := strings.CutPrefix(p.x.Request.Path, challengePath)
	if !is {
		return false
	}
	answer, known := answers[token]
	if !known {
		return false
	}
	p.challenge = true
	p.end.Outcome, p.end.Reason = traffic.AnsweredLocally, "an authority was answered that looks whether a name is ours"
	policy.Answer{
		Status: http.StatusOK, Body: []byte(answer),
		Header: []traffic.Field{{Name: "content-type", Value: "application/octet-stream"}, {Name: "x-content-type-options", Value: "nosniff"}},
	}.Write(p.x)
	return true
}
