package risk

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
)

// maxMasked is how many fields one proposal masks.
const maxMasked = 30

// masking proposes to mask what answers carry and few need in clear.
func (p *proposer) masking() {
	if p.facts.PoliciesUnknown || has(p.facts.Policies, masking) {
		return
	}
	var fields []object
	var classes []string
	for _, d := range p.op.Data() {
		path, ok := maskPath(d)
		if !ok || len(fields) == maxMasked || slices.ContainsFunc(fields, func(o object) bool { return o[0].value == path }) {
			continue
		}
		f := object{{"path", path}}
		switch d.Class {
		case "card", "iban", "bank-account", "phone":
			f = append(f, field{"mask", "partial"}, field{"keepLast", 4})
		default: // wholly masked
		}
		fields = append(fields, f)
		if !slices.Contains(classes, string(d.Class)) {
			classes = append(classes, string(d.Class))
		}
	}
	if len(fields) == 0 {
		return
	}
	slices.Sort(classes)
	p.add("data-masking", fmt.Sprintf("answers carry %s, and nothing masks it for those who need not read it", strings.Join(classes, ", ")), object{
		{"direction", "response"}, {"fields", fields}, {"clearFor", object{{"clients", []string{}}}},
	}, false, "config.clearFor.clients: the client applications that need it in clear")
}

// maskPath is the path of a field of an answer as data-masking writes it.
func maskPath(d discovery.Data) (string, bool) {
	if d.Direction != "response" {
		return "", false
	}
	switch d.Class {
	case "card", "card-code", "iban", "bank-account", "national-id", "tax-id", "passport", "driving-licence", "health", "health-id", "password", "private-key", "key", "birth-date", "phone":
	default:
		return "", false
	}
	at := strings.IndexByte(d.Place, '/')
	// The media type has a slash too: the path follows the second blank.
	if parts := strings.SplitN(d.Place, " ", 3); len(parts) == 3 {
		at = len(d.Place) - len(parts[2])
	}
	if at < 0 || !strings.HasPrefix(d.Place[at:], "/") || len(d.Place[at:]) < 2 {
		return "", false
	}
	return strings.ReplaceAll(d.Place[at:], "[]", "/*"), true
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// objects proposes to ask whether a caller may have the object that it chose.
func (p *proposer) objects() {
	ids := identifiers(p.op)
	if p.facts.PoliciesUnknown || len(ids) == 0 || has(p.facts.Policies, authorising) || !has(p.facts.Policies, authenticating) {
		return
	}
	path := below(p.op)
	operation := object{{"methods", []string{p.op.Method}}, {"path", segments(path)}}
	edit := []string{"config.operations[0].scopes: the scopes that your tokens really have"}
	owner := ""
	for _, id := range ids {
		name, ok := strings.CutPrefix(id, "path ")
		if ok && identifier.MatchString(name) && personID(name) {
			owner = name
		}
	}
	if owner != "" {
		operation = append(operation, field{"condition", "#[vars.claims.sub != null and vars.claims.sub == vars.path." + owner + "]"})
		edit = []string{"config.operations[0].condition: the claim that holds the caller's own " + owner}
	} else {
		verb := "read"
		if writes(p.op.Method) {
			verb = "write"
		}
		operation = append(operation, field{"scopes", []string{noun(path) + ":" + verb}})
	}
	p.add("authorization", fmt.Sprintf("clients choose %s, and no policy asks whether the object is theirs", strings.Join(ids[:min(3, len(ids))], ", ")), object{
		{"operations", []object{operation}},
	}, false, edit...)
}

// segments is a path whose templates are whole segments, as authorization wants them.
func segments(path string) string {
	all := strings.Split(path, "/")
	for i, s := range all {
		open, shut := strings.IndexByte(s, '{'), strings.IndexByte(s, '}')
		if open >= 0 && shut > open {
			all[i] = s[open : shut+1]
		}
	}
	return strings.Join(all, "/")
}

func personID(name string) bool {
	name = strings.ToLower(name)
	for _, word := range [...]string{"user", "customer", "member", "person", "employee", "patient", "account", "kunde", "client", "subscriber"} {
		if strings.HasPrefix(name, word) {
			return true
		}
	}
	return false
}

// noun is the last word of a path that is no template.
func noun(path string) string {
	found := "api"
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" && !strings.Contains(segment, "{") {
			found = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(segment), "-"), "-")
		}
	}
	if found == "" {
		return "api"
	}
	return found
}

// validation proposes to hold requests against the description.
func (p *proposer) validation() {
	if p.facts.PoliciesUnknown || has(p.facts.Policies, validating) || p.op.Protocol != discovery.REST && p.op.Protocol != "" {
		return
	}
	beyond := 0
	for _, d := range p.facts.Drift {
		if d.Kind == "parameter-undocumented" || d.Kind == "field-undocumented" || d.Kind == "type-differs" || d.Kind == "required-missing" {
			beyond++
		}
	}
	why := "no policy holds requests against the description"
	if beyond > 0 {
		why = fmt.Sprintf("calls differ from the description in %d places, and no policy holds them against it", beyond)
	}
	violations := object{{"unknownParameter", "monitor"}, {"unknownProperty", "monitor"}}
	if beyond > 0 {
		violations = object{{"unknownParameter", "monitor"}, {"unknownHeader", "monitor"}, {"unknownProperty", "monitor"}}
	}
	switch edit := "config.violations: block what is only watched, once the record shows that nobody needs it"; {
	case p.facts.SpecFile != "":
		p.add("schema-validation", why, object{{"specFile", p.facts.SpecFile}, {"violations", violations}}, true, edit)
	case p.facts.Spec != "":
		p.add("schema-validation", why, object{{"spec", p.facts.Spec}, {"violations", violations}}, true, edit)
	case writes(p.op.Method) && len(p.op.Bodies) > 0:
		var types []string
		for _, b := range p.op.Bodies {
			if b.Media != "" && b.Count > 0 {
				types = append(types, b.Media)
			}
		}
		if len(types) > 0 {
			slices.Sort(types)
			p.add("http-limits", "there is no description to hold requests against; their size and media types can be bounded", object{
				{"maxBodyLength", 1 << 20}, {"contentTypes", types},
			}, false, "config.maxBodyLength: above the longest body that clients need")
		}
	}
}

// detection proposes to look for attacks.
func (p *proposer) detection() {
	if p.facts.PoliciesUnknown || has(p.facts.Policies, detecting) || !p.public() && !writes(p.op.Method) {
		return
	}
	p.add("attack-protection", "no policy looks for attacks in its requests; watching changes nothing of what passes", object{{"mode", "watch"}, {"paranoiaLevel", 1}}, true,
		"config.mode: block, once the record shows no false alarms")
}

// ending proposes to end what is over.
func (p *proposer) ending() {
	if !p.facts.is(discovery.Zombie) || slices.Contains(p.facts.Policies, "deprecation") {
		return
	}
	if p.facts.Ended.IsZero() {
		p.add("deprecation", "it has ended and is called; callers are refused, which shows who they are", object{{"ended", true}}, false,
			"tell the callers first: from then on they are answered 410")
		return
	}
	p.add("deprecation", "it has ended and is called; header fields tell its callers first", object{
		{"sunset", p.facts.Ended.UTC().Format(time.RFC3339)}, {"enforce", false},
	}, false, "config.enforce: true, once nobody calls it any more")
}
