package authorization

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
	"farrier.dev/farrier/internal/traffic"
)

// description is what a description says of who may do what.
type description struct {
	matcher *spec.Matcher
	base    string
	needs   map[*spec.Operation]*need
}

// need is what an operation asks of its caller.
type need struct {
	// anyone says that nobody needs to be identified.
	anyone       bool
	alternatives []alternative
	// tokens says that one of the alternatives has a token.
	tokens bool
	roles  []string
}

// alternative is what a caller needs who comes in one way.
type alternative struct {
	token         bool
	scopes, roles []string
}

// describe reads the description of the settings, nil for none.
func describe(s *Settings) (*description, error) {
	if s.SpecFile != "" && s.SpecArchive == "" {
		return nil, errors.New("specFile: files are read for manifests on disk only; use spec or specArchive here")
	}
	source := languages.Source{Text: s.Spec, Archive: s.SpecArchive, Main: s.SpecMain}
	if !source.Given() {
		return nil, nil //nolint:nilnil // there need not be one
	}
	if err := policy.CheckDestination("apiBasePath", s.APIBasePath); err != nil {
		return nil, err
	}
	read, err := source.Description()
	if err != nil {
		return nil, err
	}
	d := &description{base: s.APIBasePath, needs: make(map[*spec.Operation]*need, len(read.Operations))}
	if d.matcher, err = spec.NewMatcher(read.Operations); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	for i := range read.Operations {
		op := &read.Operations[i]
		if d.needs[op], err = needOf(op, read.Schemes); err != nil {
			return nil, fmt.Errorf("spec: line %d: %w", op.Line, err)
		}
	}
	return d, nil
}

func needOf(op *spec.Operation, schemes map[string]spec.SecurityScheme) (*need, error) {
	n := &need{roles: op.Roles}
	for _, together := range op.Security {
		var one alternative
		for _, r := range together {
			scheme, known := schemes[r.Scheme]
			if !known {
				return nil, fmt.Errorf("the security scheme %.60q is not declared", r.Scheme)
			}
			switch scheme.Type {
			case "oauth2", "openIdConnect":
				one.token, one.scopes = true, append(one.scopes, r.Scopes...)
			default:
				one.token = one.token || scheme.Type == "http" && scheme.Scheme == "bearer"
				one.roles = append(one.roles, r.Scopes...)
			}
		}
		for _, scope := range one.scopes {
			if !isScope(scope) {
				return nil, fmt.Errorf("%.60q is no scope (RFC 6749, section 3.3)", scope)
			}
		}
		n.anyone = n.anyone || len(together) == 0
		n.tokens = n.tokens || one.token
		n.alternatives = append(n.alternatives, one)
	}
	if op.Security == nil {
		n.alternatives = []alternative{{}}
	}
	n.anyone = n.anyone && len(n.roles) == 0
	return n, nil
}

// isScope says whether a text is a scope-token.
func isScope(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}

// find is the operation of an exchange. It is looked for by the path as services
// understand it that leave out parameters of segments and a slash at the end, so
// that none of these leads to another operation.
func (d *description) find(x *traffic.Exchange) *spec.Operation {
	path, ok := spec.Below(d.base, x.SubPath, x.Request.Path)
	if !ok {
		return nil
	}
	segments, ok := segmentsOf(path)
	if !ok || slices.ContainsFunc(segments, func(s string) bool { return strings.Contains(s, "/") }) {
		return nil
	}
	plain := "/" + strings.Join(segments, "/")
	tries := [...]string{plain, plain + "/"}
	if strings.HasSuffix(path, "/") {
		slices.Reverse(tries[:])
	}
	for _, one := range tries {
		if op, _, _ := d.matcher.Match(x.Request.Method, one, nil); op != nil {
			return op
		}
	}
	return nil
}

// judgeDescribed says whether the caller may, by the description.
func (a *authorizer) judgeDescribed(x *traffic.Exchange) policy.Verdict {
	op := a.description.find(x)
	if op == nil {
		return policy.Refuse(http.StatusForbidden, "Access denied.", "no operation of the settings or of the description has this method and path")
	}
	n := a.description.needs[op]
	switch {
	case n.anyone:
		return policy.Go()
	case stranger(x):
		return challenge(http.StatusUnauthorized, "Authentication is required.", "nobody is identified", "Bearer")
	}
	claims := policy.ClaimsOf(x)
	has := policy.ClaimWords(policy.ClaimAt(claims, a.roles))
	if len(n.roles) > 0 && !overlap(n.roles, has) {
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the caller has none of the roles "+strings.Join(n.roles, ", "))
	}
	return a.alternatives(n, claims, has)
}

// alternatives says whether the caller meets one of the alternatives.
func (a *authorizer) alternatives(n *need, claims dataweave.Value, roles []string) policy.Verdict {
	scopes := policy.ScopesOf(claims, a.scopes)
	token := !claims.IsNull()
	var nearest *alternative
	for i := range n.alternatives {
		one := &n.alternatives[i]
		if n.tokens && one.token != token {
			continue
		}
		if covers(scopes, one.scopes) && covers(roles, one.roles) {
			return policy.Go()
		}
		if nearest == nil {
			nearest = one
		}
	}
	switch {
	case nearest == nil:
		return policy.Refuse(http.StatusForbidden, "Access denied.", "the description has no way in for a caller who is identified like this one")
	case !covers(scopes, nearest.scopes):
		missing := slices.DeleteFunc(slices.Clone(nearest.scopes), func(s string) bool { return slices.Contains(scopes, s) })
		return challenge(http.StatusForbidden, "Insufficient scope.", "the token lacks the scope "+strings.Join(missing, ", "),
			`Bearer error="insufficient_scope", scope="`+strings.Join(nearest.scopes, " ")+`"`)
	}
	return policy.Refuse(http.StatusForbidden, "Access denied.", "the caller lacks one of the roles "+strings.Join(nearest.roles, ", "))
}
