package judge

import "farrier.dev/farrier/internal/finding"

// Rule is one rule by which findings are made.
type Rule struct {
	ID       string
	Title    string
	Severity finding.Severity
	// Raised is the severity where sensitive data is carried, or calls need no
	// credentials; 0 where that changes nothing.
	Raised      finding.Severity
	Taxonomy    finding.Taxonomy
	Description string
	Fix         string
}

// The rules besides those of drift.
const (
	RuleShadow       = "DS-SHADOW"
	RuleZombie       = "DS-ZOMBIE"
	RuleOrphan       = "DS-ORPHAN"
	RuleNoAuth       = "DS-NOAUTH"
	RulePartialAuth  = "DS-PARTIALAUTH"
	RuleSkipLayer    = "DS-SKIPLAYER"
	RuleSystemPublic = "DS-SYSTEMPUBLIC"
	RuleRegion       = "DS-REGION"
	RuleUnmanaged    = "DS-UNMANAGED"
	RuleNoSpec       = "DS-NOSPEC"
	RuleNoInstance   = "DS-NOINSTANCE"
	RuleFlow         = "DS-FLOW"
	RuleNoFlow       = "DS-NOFLOW"
)

// inventory, object, access and authentication are the entries of the lists that most
// rules belong to.
func inventory(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API9", OWASP2023: "API9", CWE: cwe, Controls: map[string][]string{
		"pci-dss-4.0": {"6.3.2"}, "nist-800-53-r5": {"CM-8"}, "soc-2": {"CC6.1"},
	}}
}

func property(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API3", OWASP2023: "API3", CWE: cwe, Controls: map[string][]string{"nist-800-53-r5": {"SI-10"}}}
}

func authentication(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API2", OWASP2023: "API2", CWE: cwe, Controls: map[string][]string{
		"pci-dss-4.0": {"8.3.1"}, "hipaa": {"164.312(d)"}, "nist-800-53-r5": {"IA-2", "IA-9"}, "soc-2": {"CC6.1"},
	}}
}

func configuration(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API7", OWASP2023: "API8", CWE: cwe, Controls: map[string][]string{"nist-800-53-r5": {"AC-4", "SC-7"}}}
}

// driftRule is the rule of a kind of drift.
func driftRule(kind string) string {
	switch kind {
	case ParameterUndocumented:
		return "DS-DRIFT-PARAMETER"
	case ParameterUnused:
		return "DS-DRIFT-PARAMETER-UNUSED"
	case FieldUndocumented:
		return "DS-DRIFT-FIELD"
	case FieldUnused:
		return "DS-DRIFT-FIELD-UNUSED"
	case TypeDiffers:
		return "DS-DRIFT-TYPE"
	case RequiredMissing:
		return "DS-DRIFT-REQUIRED"
	case EnumDiffers:
		return "DS-DRIFT-ENUM"
	case StatusUndocumented:
		return "DS-DRIFT-STATUS"
	case StatusUnused:
		return "DS-DRIFT-STATUS-UNUSED"
	case MediaUndocumented:
		return "DS-DRIFT-MEDIA"
	case AuthenticationDiffers:
		return "DS-DRIFT-AUTHENTICATION"
	}
	return "DS-DRIFT-VERSION"
}

// Rules are all rules, in the order in which they are documented.
func Rules() []Rule {
	const describe = "Describe it, or stop serving it."
	return append([]Rule{
		{RuleShadow, "Shadow operation", finding.Medium, finding.High, inventory(1059), "The operation is in traffic and in no specification: nobody reviewed it, tests it or knows that it is to be protected.", "Add it to the specification, or refuse what is not described by schema-validation in blocking mode."},
		{RuleZombie, "Zombie operation", finding.Medium, finding.High, inventory(477), "The operation is deprecated past its end, retired, or only in a superseded version, and still called.", "Tell its callers, then end it by the policy deprecation or take it away."},
		{RuleOrphan, "Orphan operation", finding.Info, 0, inventory(561), "The operation is described, and nobody calls it: it may be dead code that is still reachable.", "Take it out of the specification and the implementation, or say where it is called."},
		{RuleNoAuth, "Operation without authentication", finding.Medium, finding.High, authentication(306), "Calls carry no credentials and are answered well.", "Bind jwt-validation or client-id-enforcement to it; where it is meant to be open, say so in the specification (security: [])."},
		{RulePartialAuth, "Authentication is not consistent", finding.Medium, finding.High, authentication(306), "Some calls carry credentials, others do not and are answered well all the same.", "Bind jwt-validation or client-id-enforcement to it, so that every call must prove who makes it."},
		{RuleSkipLayer, "Call skips a layer", finding.Low, finding.Medium, configuration(653), "An experience API calls a system API past the process layer, whose rules then do not hold.", "Call it through the process API, or relabel the layer."},
		{RuleSystemPublic, "System API called from outside", finding.High, finding.High, configuration(668), "A system API, which stands before a system of record, answers calls from public addresses.", "Refuse them by ip-allowlist, or put a process and experience API before it."},
		{RuleRegion, "Personal data crosses regions", finding.Medium, finding.Medium, finding.Taxonomy{OWASP2023: "API3", OWASP2019: "API3", CWE: 359, Controls: map[string][]string{"gdpr": {"Art. 44"}, "nist-800-53-r5": {"PT-3"}}}, "Personal data passes between services of different regions.", "Mask or tokenize it before it leaves, or write down why it may (GDPR Art. 44 to 49)."},
		{RuleUnmanaged, "Service called past every gateway", finding.Medium, finding.High, inventory(923), "A service is called directly, where no policy holds.", "Put an API instance before it and call it by that."},
		{RuleNoSpec, "API instance without specification", finding.Low, 0, inventory(1059), "Nothing says what the API is meant to be.", "Adopt the specification that was learned, review it and publish it to Exchange."},
		{RuleNoInstance, "Specification without API instance", finding.Info, 0, inventory(1059), "The API that it describes is served under no policies that we know.", "Create an API instance for it, or retire the specification."},
		{RuleFlow, "Flow without described operation", finding.Low, 0, inventory(1059), "A flow implements what the specification does not describe; it can be called all the same.", describe},
		{RuleNoFlow, "Described operation without flow", finding.Info, 0, inventory(561), "The specification promises what no flow implements.", "Implement it, or take it out of the specification."},
	}, driftRules()...)
}

func driftRules() []Rule {
	return []Rule{
		{"DS-DRIFT-PARAMETER", "Undocumented parameter", finding.Low, finding.Medium, property(915), "Calls carry a parameter that the specification does not describe.", "Describe it with its type, or refuse it by schema-validation (unknownParameter, unknownHeader, unknownCookie)."},
		{"DS-DRIFT-FIELD", "Undocumented field", finding.Low, finding.High, property(213), "Bodies have a field that the specification does not describe: of requests it may be mass assignment, of answers it may be data that nobody meant to give.", "Describe it, refuse it by schema-validation (unknownProperty) or take it out of the answer."},
		{"DS-DRIFT-TYPE", "Type differs", finding.Low, 0, property(20), "Values have a type or format that the specification does not allow.", "Correct whichever is wrong, and have requests validated."},
		{"DS-DRIFT-REQUIRED", "Required, but missing", finding.Low, 0, property(20), "Calls without something that is required were answered well: it is not enforced.", "Enforce it by schema-validation, or describe it as optional."},
		{"DS-DRIFT-ENUM", "Values beyond the enumeration", finding.Info, 0, property(20), "There are values that the enumeration does not list.", "Add them, or have requests validated."},
		{"DS-DRIFT-STATUS", "Undocumented status", finding.Info, 0, inventory(1059), "The API answers with a status that the specification does not describe.", "Describe the answer."},
		{"DS-DRIFT-MEDIA", "Undocumented media type", finding.Low, 0, inventory(1059), "Contents have a media type that the specification does not describe.", "Describe it, or refuse it by http-limits (contentTypes)."},
		{"DS-DRIFT-AUTHENTICATION", "Authentication differs", finding.Medium, finding.High, authentication(306), "What callers prove is not what the specification demands.", "Have the gateway enforce what is described, or describe what is enforced."},
		{"DS-DRIFT-VERSION", "Undocumented version", finding.Low, 0, inventory(1059), "A header field chooses a version that the specification does not describe.", describeVersion},
		{"DS-DRIFT-PARAMETER-UNUSED", "Parameter never used", finding.Info, 0, inventory(561), "No sampled call has the parameter.", "Leave it, or take it out of the next version."},
		{"DS-DRIFT-FIELD-UNUSED", "Field never used", finding.Info, 0, inventory(561), "No sampled body has the field.", "Leave it, or take it out of the next version."},
		{"DS-DRIFT-STATUS-UNUSED", "Status never used", finding.Info, 0, inventory(561), "No call was answered with the status.", "Leave it, or take it out of the next version."},
	}
}

const describeVersion = "Describe the version, or answer it with 406."

// RuleNamed is the rule of an identifier; false tells that there is none.
func RuleNamed(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
