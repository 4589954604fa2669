package rulefile

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// Class is a class of attacks: what auditors call it and what stops it.
type Class struct {
	// Name stands in rule files, as "nosql".
	Name string
	// Tag marks the class in SecLang; where the Core Rule Set has the class, it
	// is the tag of that set.
	Tag string
	// RunsCode says that success runs code or commands of the attacker's, or
	// reads any data.
	RunsCode bool
	Taxonomy finding.Taxonomy
}

// Injection is API8 of 2019. The edition of 2023 has no entry of its own for it
// and counts missing protection against it as API8, security misconfiguration;
// forged requests of servers are API7 there, mass assignment is API3.
func injection(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API8", OWASP2023: "API8", CWE: cwe}
}

func misconfiguration(cwe int) finding.Taxonomy {
	return finding.Taxonomy{OWASP2019: "API7", OWASP2023: "API8", CWE: cwe}
}

// classes lists the classes by name.
var classes = [...]Class{
	{"code", "attack-injection-generic", true, injection(94)},
	{"command", "attack-rce", true, injection(78)},
	{"crlf", "attack-crlf", false, injection(113)},
	{"dataweave", "attack-dataweave", true, injection(917)},
	{"deserialisation", "attack-deserialisation", true, injection(502)},
	{"expression", "attack-expression", true, injection(917)},
	{"graphql", "attack-graphql", false, misconfiguration(200)},
	{"ldap", "attack-ldap", false, injection(90)},
	{"log4shell", "attack-log4shell", true, injection(917)},
	{"mail", "attack-mail", false, injection(93)},
	{"mass-assignment", "attack-mass-assignment", false, finding.Taxonomy{OWASP2019: "API6", OWASP2023: "API3", CWE: 915}},
	{"nosql", "attack-nosql", true, injection(943)},
	{"php", "attack-injection-php", true, injection(94)},
	{"prototype", "attack-prototype", true, injection(1321)},
	{"protocol", "attack-protocol", false, misconfiguration(444)},
	{"scanner", "attack-reputation-scanner", false, misconfiguration(200)},
	{"sqli", "attack-sqli", true, injection(89)},
	{"ssi", "attack-ssi", true, injection(97)},
	{"ssrf", "attack-ssrf", false, finding.Taxonomy{OWASP2023: "API7", CWE: 918}},
	{"template", "attack-ssti", true, injection(1336)},
	{"traversal", "attack-lfi", false, injection(22)},
	{"upload", "attack-upload", true, misconfiguration(434)},
	{"xpath", "attack-xpath", false, injection(643)},
	{"xss", "attack-xss", false, injection(79)},
	{"xxe", "attack-xxe", true, injection(611)},
}

// Classes are the classes that rule files may name, by name.
func Classes() []Class { return slices.Clone(classes[:]) }

func classNames() string {
	names := make([]string, len(classes))
	for i := range classes {
		names[i] = classes[i].Name
	}
	return strings.Join(names, ", ")
}
