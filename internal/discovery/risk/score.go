package risk

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/finding"
)

// Facts are what is known of an operation besides what was learned of it.
type Facts struct {
	// States are those of the judgement; Drift is what differs from the description.
	States []discovery.State
	Drift  []discovery.Drift
	// Findings are the open ones of the operation.
	Findings finding.Summary
	// Policies are the names of those in force for it, as manifests write them.
	Policies []string
	// PoliciesUnknown says that nobody knows which are in force, as in offline use: none
	// counts as missing.
	PoliciesUnknown bool
	// Open says that a description says that anybody may call it.
	Open bool
	// Ended is when the operation ended, zero where that is not known.
	Ended time.Time
	// Spec is the description of its API in one document, SpecFile the name of its main
	// file beside the manifests; what proposals that need one refer to. Either may be empty.
	Spec, SpecFile string
}

func (f *Facts) is(s discovery.State) bool { return slices.Contains(f.States, s) }

// Item is one part of a score.
type Item struct {
	// Name is stable, as "exposure-public" or "data-response-payment".
	Name   string `json:"name"`
	Points int    `json:"points"`
	// Why is one sentence about this operation.
	Why string `json:"why"`
}

// Level is how a score is called.
type Level string

// The levels.
const (
	Low    Level = "low"
	Medium Level = "medium"
	High   Level = "high"
)

// Result is the risk of one operation.
type Result struct {
	// Total is the sum of the items, at most 100; Sum is it without the bound.
	Total int    `json:"total"`
	Sum   int    `json:"sum"`
	Level Level  `json:"level"`
	Items []Item `json:"items"`
}

// Score adds up the risk of an operation.
func Score(op *discovery.Operation, f Facts, w Weights) Result {
	s := &scorer{op: op, facts: &f, weights: &w}
	s.exposure()
	s.authentication()
	s.data()
	s.identifiers()
	s.findings()
	s.policies()
	s.states()
	s.contents()
	for _, i := range s.out.Items {
		s.out.Sum += i.Points
	}
	s.out.Total = min(s.out.Sum, 100)
	switch {
	case s.out.Total >= w.High:
		s.out.Level = High
	case s.out.Total >= w.Medium:
		s.out.Level = Medium
	default:
		s.out.Level = Low
	}
	return s.out
}

type scorer struct {
	op      *discovery.Operation
	facts   *Facts
	weights *Weights
	out     Result
}

func (s *scorer) add(name string, points int, why string, args ...any) {
	if points > 0 {
		s.out.Items = append(s.out.Items, Item{name, points, fmt.Sprintf(why, args...)})
	}
}

func (s *scorer) exposure() {
	switch public, partner := s.op.Exposure[discovery.Public], s.op.Exposure[discovery.Partner]; {
	case public > 0:
		s.add("exposure-public", s.weights.ExposurePublic, "%d good calls came from public addresses", public)
	case partner > 0:
		s.add("exposure-partner", s.weights.ExposurePartner, "%d good calls came from the networks of partners", partner)
	}
}

// unproven is missing or partial where good calls are known to carry no credentials,
// and nothing in force asks for any; empty otherwise.
func unproven(op *discovery.Operation, f *Facts) string {
	if op.Authentication[discovery.NoAuthentication] == 0 || has(f.Policies, authenticating) || op.Method == http.MethodOptions {
		return ""
	}
	for source := range op.Sources {
		if source == discovery.FromLog || source == discovery.FromAnalytics || source == discovery.FromTrace {
			return ""
		}
	}
	if status := op.AuthenticationStatus(); status != "consistent" {
		return status
	}
	return ""
}

func (s *scorer) authentication() {
	none := s.op.Authentication[discovery.NoAuthentication]
	switch unproven(s.op, s.facts) {
	case "missing":
		s.add("no-authentication", s.weights.NoAuthentication, "%d good calls carried no credentials, and none did", none)
	case "partial":
		s.add("partial-authentication", s.weights.PartialAuthentication, "%d good calls carried no credentials, others did", none)
	}
}

func (s *scorer) data() {
	type part struct {
		direction string
		group     sensitive.Group
	}
	classes := map[part][]string{}
	for _, d := range s.op.Data() {
		p := part{d.Direction, d.Class.Group()}
		if !slices.Contains(classes[p], string(d.Class)) {
			classes[p] = append(classes[p], string(d.Class))
		}
	}
	for _, direction := range []string{"response", "request"} {
		points, what := &s.weights.Received, "answers carry"
		if direction == "request" {
			points, what = &s.weights.Sent, "requests carry"
		}
		for _, group := range groups() {
			if found := classes[part{direction, group}]; found != nil {
				slices.Sort(found)
				s.add("data-"+direction+"-"+string(group), points.of(group), "%s %s", what, strings.Join(found[:min(len(found), 6)], ", "))
			}
		}
	}
}

func groups() []sensitive.Group {
	return []sensitive.Group{
		sensitive.GroupPayment, sensitive.GroupHealth, sensitive.GroupCredential, sensitive.GroupPersonal,
		sensitive.GroupOwn, sensitive.GroupLocation, sensitive.GroupTechnical,
	}
}

func (s *scorer) identifiers() {
	if ids := identifiers(s.op); len(ids) > 0 {
		s.add("path-id", s.weights.PathID, "clients choose %s: whether each may have its object must be checked for every call", strings.Join(ids[:min(len(ids), 4)], ", "))
	}
}

// identifiers are the parameters by which clients choose an object.
func identifiers(op *discovery.Operation) []string {
	var all []string
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			if p.Values.Format() == "date" {
				continue
			}
		case "query":
			if !namesID(p.Name) {
				continue
			}
		default:
			continue
		}
		all = append(all, p.In+" "+p.Name)
	}
	if len(all) == 0 && strings.Contains(op.Path, "{") && len(op.Parameters) == 0 {
		all = append(all, "path")
	}
	return all
}

func namesID(name string) bool {
	plain := strings.ToLower(name)
	return plain == "id" || plain == "uuid" || plain == "guid" || strings.HasSuffix(plain, "_id") || strings.HasSuffix(plain, "-id") || strings.HasSuffix(name, "Id") || strings.HasSuffix(name, "ID")
}

func (s *scorer) findings() {
	f, w := s.facts.Findings, s.weights
	points := f.Critical*w.FindingCritical + f.High*w.FindingHigh + f.Medium*w.FindingMedium + f.Low*w.FindingLow
	if points > 0 {
		s.add("findings", min(points, w.FindingsMost), "open findings: %d critical, %d high, %d medium, %d low", f.Critical, f.High, f.Medium, f.Low)
	}
}

func (s *scorer) policies() {
	if s.facts.PoliciesUnknown {
		return
	}
	if !has(s.facts.Policies, limiting) {
		s.add("no-rate-limit", s.weights.NoRateLimit, "no policy limits how often it is called")
	}
	if !has(s.facts.Policies, validating) {
		s.add("no-validation", s.weights.NoValidation, "no policy holds its requests against a description")
	}
	if !has(s.facts.Policies, detecting) {
		s.add("no-detection", s.weights.NoDetection, "no policy looks for attacks in its requests")
	}
}

func (s *scorer) states() {
	switch {
	case s.facts.is(discovery.Shadow):
		s.add("shadow", s.weights.Shadow, "no description has it")
	case s.facts.is(discovery.Zombie):
		s.add("zombie", s.weights.Zombie, "it has ended, and is called")
	case s.facts.is(discovery.Deprecated):
		s.add("deprecated", s.weights.Deprecated, "it is deprecated")
	}
}

func (s *scorer) contents() {
	fields := 0
	for _, p := range s.op.Parameters {
		if p.In == "query" {
			fields++
		}
	}
	uploads := false
	for _, b := range s.op.Bodies {
		uploads = uploads || isUpload(b.Media)
		if b.Schema != nil {
			fields += b.Schema.Nodes() - 1
		}
	}
	if uploads {
		s.add("file-upload", s.weights.Upload, "requests carry files")
	}
	if writes(s.op.Method) {
		s.add("writes", s.weights.Writes, "%s changes something", s.op.Method)
	}
	if fields >= s.weights.ManyParameters {
		s.add("many-parameters", s.weights.Parameters, "it takes %d parameters and fields", fields)
	}
}

func writes(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE"
}

func isUpload(media string) bool {
	for _, prefix := range [...]string{"multipart/form-data", "image/", "video/", "audio/", "application/pdf", "application/zip", "application/octet-stream", "application/vnd.ms-", "application/vnd.openxmlformats"} {
		if strings.HasPrefix(media, prefix) {
			return true
		}
	}
	return false
}

// kind is what policies are for.
type kind int

const (
	authenticating kind = iota
	limiting
	validating
	detecting
	masking
	authorising
)

// has says whether a policy of a kind is in force.
func has(policies []string, k kind) bool {
	return slices.ContainsFunc(policies, func(name string) bool {
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-flex"), "-mule")
		return slices.Contains(named(k), name)
	})
}

func named(k kind) []string {
	switch k {
	case authenticating:
		return []string{
			"api-key", "client-certificate", "client-id-enforcement", "external-oauth2-access-token-enforcement", "http-basic-authentication",
			"jwt-validation", "ldap-authentication", "message-signature", "native-ext-authz", "oauth2-token-introspection",
			"openam-access-token-enforcement", "openidconnect-access-token-enforcement", "pingfederate-access-token-enforcement",
		}
	case limiting:
		return []string{"rate-limiting", "rate-limiting-sla-based", "spike-control", "throttling", "throttling-sla-based", "dos-protection", "llm-token-rate-limit", "a2a-token-rate-limit"}
	case validating:
		return []string{"schema-validation", "spec-validation", "soap-validation", "graphql-schema-validation", "mcp-schema-validation", "a2a-schema-validation"}
	case detecting:
		return []string{"attack-protection", "injection-protection", "json-threat-protection", "xml-threat-protection"}
	case masking:
		return []string{"data-masking", "tokenization", "field-encryption", "response-filter"}
	case authorising:
		return []string{"authorization", "native-ext-authz", "mcp-access-control"}
	}
	return nil
}
