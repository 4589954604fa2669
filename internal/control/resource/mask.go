package resource

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/classify"
	"farrier.dev/farrier/internal/manifest"
)

// Mask stands in the place of a secret wherever a resource is shown. What is written
// with it keeps the secret that it had.
const Mask = "••••••••"

// reference is a whole text that says where a secret is, not what it is.
var reference = regexp.MustCompile(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[^{}]{1,300}\})$`)

// secrets are the paths of the secrets in a resource.
func (s *Service) secrets(d *manifest.Document) map[string]bool {
	fields, err := d.Fields()
	if err != nil {
		return nil
	}
	found, pairs := map[string]bool{}, map[string]bool{}
	policies := policyNames(fields)
	for _, f := range fields {
		if last := f.Steps[len(f.Steps)-1]; f.IsText && naming(last) && (classify.SecretName(f.Text) || sensitiveHeader(f.Text)) {
			pairs[strings.TrimSuffix(f.Path, "."+last)] = true
		}
	}
	for _, f := range fields {
		if !f.IsText || f.Text == "" || reference.MatchString(f.Text) {
			continue
		}
		last := f.Steps[len(f.Steps)-1]
		switch {
		case pairs[strings.TrimSuffix(f.Path, "."+last)] && !naming(last):
			found[f.Path] = true
		case s.secretBySchema(f, policies):
			found[f.Path] = true
		}
	}
	return found
}

// naming tells a field that holds the name of a name-value pair.
func naming(field string) bool { return field == "key" || field == "name" }

func sensitiveHeader(name string) bool {
	return slices.Contains([]string{"authorization", "proxy-authorization", "cookie", "set-cookie"}, strings.ToLower(name))
}

// policyNames are the policies of a resource, by the path of their binding: "" for
// that of a PolicyBinding, "policies.0" for one that an API holds.
func policyNames(fields []manifest.Field) map[string]string {
	names := map[string]string{}
	for _, f := range fields {
		n := len(f.Steps)
		if n >= 3 && f.Steps[n-1] == "name" && f.Steps[n-2] == "policyRef" && (n == 3 || n == 5 && f.Steps[1] == "policies") {
			names[strings.Join(f.Steps[1:n-2], ".")] = f.Text
		}
	}
	return names
}

// secretBySchema says whether the schema of its policy, or the name of the field where
// there is none, makes a field a secret.
func (s *Service) secretBySchema(f manifest.Field, policies map[string]string) bool {
	secret, known := s.bySchema(f, policies, func(schema map[string]any) bool { return schema["writeOnly"] == true })
	if secret || known {
		return secret
	}
	last := f.Steps[len(f.Steps)-1]
	return classify.SecretName(last) || last == "key" && strings.Contains(f.Text, "PRIVATE KEY")
}

// policyOf is the policy whose binding holds a field, empty for none, and the steps
// within the binding.
func policyOf(f manifest.Field, policies map[string]string) (name string, within []string) {
	binding, within := "", f.Steps[1:]
	if len(within) > 3 && within[0] == "policies" {
		binding, within = within[0]+"."+within[1], within[2:]
	}
	return policies[binding], within
}

// bySchema says whether what leads to a setting of a policy is so by its schema; known
// says that the policy has a schema, and a place for the field there.
func (s *Service) bySchema(f manifest.Field, policies map[string]string, so func(schema map[string]any) bool) (found, known bool) {
	name, rest := policyOf(f, policies)
	var schema map[string]any
	if name != "" && rest[0] == "config" {
		schema, rest = s.o.Schema(name), rest[1:]
	}
	for _, step := range rest {
		if schema == nil {
			break
		}
		if so(schema) {
			return true, true
		}
		properties, _ := schema["properties"].(map[string]any)
		next, known := properties[step].(map[string]any)
		if !known {
			next, known = schema["additionalProperties"].(map[string]any)
		}
		if !known {
			if _, err := strconv.Atoi(step); err == nil {
				next, _ = schema["items"].(map[string]any)
			}
		}
		schema = next
	}
	return schema != nil && so(schema), schema != nil
}

// masked is a resource as it may be shown.
func (s *Service) masked(d manifest.Document) (manifest.Document, error) {
	secrets := s.secrets(&d)
	if len(secrets) == 0 {
		return d, nil
	}
	return d.Rewrite(func(path, text string) string {
		if secrets[path] {
			return Mask
		}
		return text
	})
}

// unmasked gives a resource the secrets back that were only shown masked.
func unmasked(next manifest.Document, before *manifest.Document) (manifest.Document, error) {
	if !strings.Contains(string(next.Spec), Mask) {
		return next, nil
	}
	kept, err := textsOf(before)
	if err != nil {
		return next, err
	}
	fields, err := next.Fields()
	if err != nil {
		return next, err
	}
	policies, policy := policyNames(fields), map[string]string{}
	for _, f := range fields {
		policy[f.Path], _ = policyOf(f, policies)
	}
	var missing []string
	out, err := next.Rewrite(func(path, text string) string {
		if text != Mask {
			return text
		}
		old, ok := kept[spot{policy[path], path}]
		if !ok {
			missing = append(missing, path)
		}
		return old
	})
	if err == nil && len(missing) > 0 {
		return next, &InvalidError{[]Problem{{Resource: keyOf(&next), Severity: "error", Field: missing[0], Message: "the secret was left out where there was none before; write it, or a reference to it"}}}
	}
	return out, err
}
