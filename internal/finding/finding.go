// Package finding is the one shape in which any part of Farrier complains: a
// rule, how bad it is, where it was seen, why it is believed and how to mend
// it. It names things; it stores, counts and shows nothing.
package finding

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Severity says how bad a finding is. The zero value is invalid, so that a
// forgotten severity can not pass for "info".
type Severity uint8

// The severities, from the mildest to the worst.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{Info: "info", Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// ParseSeverity reads one of info, low, medium, high, critical.
func ParseSeverity(name string) (Severity, error) {
	for s := Info; s <= Critical; s++ {
		if severityNames[s] == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("severity %q: must be one of critical, high, medium, low, info", name)
}

// String is the severity's name as it stands in JSON, settings and pages.
func (s Severity) String() string {
	if s < Info || s > Critical {
		return "invalid"
	}
	return severityNames[s]
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) {
	if s < Info || s > Critical {
		return nil, fmt.Errorf("severity %d is not one of the five", uint8(s))
	}
	return []byte(severityNames[s]), nil
}

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	parsed, err := ParseSeverity(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// Location says where a finding was seen: in a file, or in an operation of an
// API at a place of its requests. Unused fields are empty.
type Location struct {
	File string `json:"file,omitempty"`
	// Line and Column are counted from 1, Column in characters. EndLine and
	// EndColumn are those of the first character behind the place; 0 where only
	// its beginning is known.
	Line      int `json:"line,omitempty"`
	Column    int `json:"column,omitempty"`
	EndLine   int `json:"endLine,omitempty"`
	EndColumn int `json:"endColumn,omitempty"`

	// API is namespace/name of the API instance.
	API string `json:"api,omitempty"`
	// Operation is the method and the path template, as "GET /orders/{int}".
	Operation string `json:"operation,omitempty"`
	// Place is the part of the request, as "query id" or "body json /items/0/note",
	// or of a file what stays the same when lines move, as "flow orders > db:select".
	Place string `json:"place,omitempty"`
}

// Taxonomy places a finding in the lists that auditors ask for.
type Taxonomy struct {
	// OWASP2019 and OWASP2023 are entries of the OWASP API Security Top 10, as "API8".
	OWASP2019 string `json:"owaspApi2019,omitempty"`
	OWASP2023 string `json:"owaspApi2023,omitempty"`
	// CWE is the number of the Common Weakness Enumeration entry, 0 for none.
	CWE int `json:"cwe,omitempty"`
	// Controls are those of the standards that auditors work by, as
	// {"pci-dss-4.0": ["6.2.4"]}; Standards lists the names.
	Controls map[string][]string `json:"controls,omitempty"`
}

// Empty says that the finding is in none of the lists.
func (t *Taxonomy) Empty() bool {
	return t.OWASP2019 == "" && t.OWASP2023 == "" && t.CWE == 0 && len(t.Controls) == 0
}

// Standards are the names of Taxonomy.Controls, with what people call them: PCI DSS
// 4.0, the HIPAA Security Rule (45 CFR 164), the GDPR (Regulation (EU) 2016/679), the
// Trust Services Criteria of SOC 2 (2017) and NIST SP 800-53 Rev. 5.
func Standards() map[string]string {
	return map[string]string{
		"pci-dss-4.0":    "PCI DSS 4.0",
		"hipaa":          "HIPAA",
		"gdpr":           "GDPR",
		"soc-2":          "SOC 2",
		"nist-800-53-r5": "NIST 800-53",
	}
}

// Confidence says how sure a rule is that it does not mistake itself. Empty means
// that the rule says nothing of it.
type Confidence string

// The confidences: what was shown step by step is High, what was matched by its
// form is Medium, what a person should look at is Low.
const (
	HighConfidence   Confidence = "high"
	MediumConfidence Confidence = "medium"
	LowConfidence    Confidence = "low"
)

// Step is one stop on the way that data takes.
type Step struct {
	Location Location `json:"location"`
	// Message says what happens there, as "payload becomes part of the variable query".
	Message string `json:"message"`
	// Excerpt is the line of the source there, without secrets, at most 200 bytes.
	Excerpt string `json:"excerpt,omitempty"`
}

// Position is a place in a file: Offset in bytes from 0, Line and Column from 1,
// Column in characters.
type Position struct {
	Offset int `json:"offset"`
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Edit puts Text in the place of what stands between Start and End.
type Edit struct {
	File  string   `json:"file"`
	Start Position `json:"start"`
	End   Position `json:"end"`
	Text  string   `json:"text"`
}

// Repair is a way to mend a finding by edits that belong together.
type Repair struct {
	// Title says what the edits do, in one sentence.
	Title string `json:"title"`
	// Safe says that the edits change nothing but the weakness; others need
	// somebody to decide or to complete them.
	Safe  bool   `json:"safe"`
	Edits []Edit `json:"edits"`
}

// Finding is one complaint. It holds no secret and no more than a redacted
// excerpt of what it saw.
type Finding struct {
	// Rule is the stable identifier of the rule that complains, as "crs-942100".
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Title is the rule's name; Message is what this rule says of this place.
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Location Location `json:"location"`
	// Excerpt is the redacted text that matched: at most 64 bytes of a request, or
	// the line of a source file, at most 200 bytes.
	Excerpt string `json:"excerpt,omitempty"`
	// Decoders are the encodings that were opened to see it, outermost first.
	Decoders []string `json:"decoders,omitempty"`
	Taxonomy Taxonomy `json:"taxonomy,omitzero"`
	// Confidence is how sure the rule is.
	Confidence Confidence `json:"confidence,omitempty"`
	// Way is where the data comes from, where it goes through, and last where it
	// does harm; nil where no data was followed.
	Way []Step `json:"way,omitempty"`
	// Inlets are the places of requests that the data comes in by, as "GET /orders/{id}"
	// and "query name", when all of them are known; nil otherwise.
	Inlets []Location `json:"inlets,omitempty"`
	// Fix tells how to mend it; empty where the rule can't know.
	Fix string `json:"fix,omitempty"`
	// Repair is the fix as edits; nil where there is none.
	Repair *Repair `json:"repair,omitempty"`
	// Suppressed is the reason that stands in the source for not telling it; empty
	// where nobody gave one. A suppressed finding does not count.
	Suppressed string `json:"suppressed,omitempty"`
	// Fingerprint is the same for the same complaint seen again.
	Fingerprint string `json:"fingerprint"`
}

// Fingerprint identifies a complaint across sightings: it depends on the rule
// and the location, but not on line numbers, excerpts or messages, so that it
// survives an edit further up in the file. It is 32 hexadecimal characters.
func Fingerprint(rule string, at Location) string {
	h := sha256.New()
	for _, part := range []string{rule, at.File, at.API, at.Operation, at.Place} {
		// The length stands before each part, so that no two lists of parts
		// give the same text.
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = io.WriteString(h, part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Sink takes findings from the engines that make them. Implementations are
// safe for concurrent use.
type Sink interface {
	// Report keeps the findings, or says why it could not.
	Report(ctx context.Context, findings []Finding) error
}

// Summary counts findings by severity.
type Summary struct {
	Critical int `json:"critical"`
	High     int `json:"high"`
	Medium   int `json:"medium"`
	Low      int `json:"low"`
	Info     int `json:"info"`
}

// Summarise counts the findings by severity.
func Summarise(findings []Finding) Summary {
	var sum Summary
	for _, f := range findings {
		switch f.Severity {
		case Critical:
			sum.Critical++
		case High:
			sum.High++
		case Medium:
			sum.Medium++
		case Low:
			sum.Low++
		case Info:
			sum.Info++
		}
	}
	return sum
}

// Text writes a finding as people read it on a terminal.
func (f Finding) Text() string {
	var b strings.Builder
	if f.Location.File != "" {
		fmt.Fprintf(&b, "%s:%d: ", f.Location.File, f.Location.Line)
	}
	fmt.Fprintf(&b, "%s %s: %s", f.Severity, f.Rule, f.Message)
	if f.Fix != "" {
		fmt.Fprintf(&b, " (%s)", f.Fix)
	}
	return b.String()
}
