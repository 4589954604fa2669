package detect

import (
	"slices"

	"farrier.dev/farrier/internal/finding"
)

// attack is a class of attacks: where auditors look for it and what stops it.
type attack struct {
	// tag is the tag by which the Core Rule Set marks the class.
	tag string
	// runsCode says that success runs code or commands of the attacker's, or
	// reads any data.
	runsCode bool
	taxonomy finding.Taxonomy
	fix      string
}

// Injection is API8 of 2019. The edition of 2023 has no entry of its own for
// it and counts missing protection against it as API8, security
// misconfiguration; forged requests of servers are API7 there.
func injection(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: cwe}
}

func misconfiguration(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API7", OWASP2023: "API8", CWE: cwe}
}

// attacks lists the classes; the first whose tag a rule has is the rule's.
var attacks = [...]attack{
	{"attack-sqli", true, injection(89), "Pass values to the database as parameters of prepared statements, never as text of the statement."},
	{"attack-xss", false, injection(79), "Encode values for the place where a page shows them, and answer APIs with a JSON content type and nosniff."},
	{"attack-lfi", false, injection(22), "Never build file names from input; look names up in a list of permitted ones."},
	{"attack-rfi", false, injection(98), "Never load code or files from addresses that come from input."},
	{"attack-ssrf", false, finding.Taxonomy{OWASP2023: "API7", CWE: 918}, "Call only addresses of a fixed list, and keep the service from reaching internal networks."},
	{"attack-injection-php", true, injection(94), "Never evaluate input as code."},
	{"attack-injection-generic", true, injection(94), "Never evaluate input as code or as an expression."},
	{"attack-rce", true, injection(78), "Never hand input to a shell or an interpreter; call programs with a list of arguments."},
	{"attack-ssti", true, injection(1336), "Never build templates from input."},
	{"attack-fixation", false, finding.Taxonomy{OWASP2019: "API2", OWASP2023: "API2", CWE: 384}, "Give a new session identifier after sign-in and accept none from input."},
	{"attack-reputation-scanner", false, misconfiguration(200), "Deny scanners unless you sent them."},
	{"attack-multipart-header", false, misconfiguration(444), "Refuse multipart bodies that do not follow RFC 7578."},
	{"attack-deprecated-header", false, misconfiguration(444), "Refuse requests that servers read differently."},
	{"attack-protocol", false, misconfiguration(444), "Refuse requests that servers read differently."},
	{"attack-generic", false, misconfiguration(20), "Validate requests by the API's description."},
}

// These classes have no tag of their own.
var (
	ldap    = attack{"", false, injection(90), "Escape values in LDAP filters."}
	java    = attack{"", true, injection(502), "Never deserialise input into arbitrary classes; keep libraries up to date."}
	el      = attack{"", true, injection(917), "Update the logging or expression library, and never evaluate input as an expression."}
	crlf    = attack{"", false, injection(113), "Refuse line breaks in values that become headers."}
	other   = attack{"", false, misconfiguration(20), "Validate requests by the API's description."}
	parser  = attack{"", false, misconfiguration(436), "Send a body that is what its Content-Type says; readers disagree about anything else."}
	entity  = attack{"", true, finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: 611}, "Switch document types and external entities off in the XML reader."}
	unusual = attack{"", false, misconfiguration(20), "Describe the values in the API's description, so that others are refused."}
	schema  = attack{"attack-graphql", false, misconfiguration(200), "Switch introspection off in production, or permit it to signed-in developers."}
	patched = attack{"", false, misconfiguration(20), "Mend the service; a patch in front of it only buys time."}
	flood   = attack{"", false, finding.Taxonomy{OWASP2019: "API4", OWASP2023: "API4", CWE: 770}, "Limit the number of values in the API's description, and split large requests."}
)

// attackOf finds the class of a rule: by its number where the tags of the rule
// set are too wide, else by its tags.
func attackOf(id int, tags []string) *attack {
	switch {
	case id >= 944150 && id <= 944152:
		return &el
	case id >= 921120 && id <= 921190:
		return &crlf
	case id == 921200:
		return &ldap
	case id >= 944000 && id <= 944999:
		return &java
	}
	for i := range attacks {
		if slices.Contains(tags, attacks[i].tag) {
			return &attacks[i]
		}
	}
	return &other
}
