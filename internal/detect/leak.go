package detect

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// leak is something that no response should hold.
type leak struct {
	rule rule
	// word must stand in the body before the expression is tried.
	word string
	expr *regexp.Regexp
}

func newLeak(name, title, word, expr string, points int, severity finding.Severity, cwe int, fix string) leak {
	return leak{
		rule: rule{
			name: "farrier-" + name, title: title, severity: severity, points: points,
			attack: &attack{fix: fix, taxonomy: finding.Taxonomy{OWASP2019: "API3", OWASP2023: "API3", CWE: cwe}},
		},
		word: word, expr: regexp.MustCompile(expr),
	}
}

const (
	fixKey   = "Replace the key now, and never store keys where a service can answer with them."
	fixError = "Answer errors with a text of your own, and log the details."
)

// leaks are what the Core Rule Set does not look for.
var leakRules = [...]leak{
	newLeak("leak-private-key", "Private key in a response", "PRIVATE KEY", `-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY-----`, 5, finding.Critical, 200, fixKey),
	newLeak("leak-jwk", "Private JSON Web Key in a response", `"kty"`, `\{[^{}]*"kty"\s*:\s*"(?:RSA|EC|OKP)"[^{}]*"d"\s*:\s*"[A-Za-z0-9_-]{16,}"|\{[^{}]*"d"\s*:\s*"[A-Za-z0-9_-]{16,}"[^{}]*"kty"\s*:\s*"(?:RSA|EC|OKP)"`, 5, finding.Critical, 200, fixKey),
	newLeak("leak-cloud-key", "Cloud access key in a response", "AKIA", `\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`, 5, finding.Critical, 200, fixKey),
	newLeak("leak-service-account", "Service account key in a response", "service_account", `"type"\s*:\s*"service_account"`, 5, finding.Critical, 200, fixKey),
	newLeak("leak-password-file", "File of users in a response", "root:", `\broot:[^:\n]{0,100}:0:0:[^:\n]*:/`, 5, finding.Critical, 200, "Never build file names from input."),
	newLeak("leak-mule-error", "Error text of Mule in a response", "mule", `org\.mule\.(?:runtime|extension|module)\.[\w.]+(?:Exception|Error)|"errorType"\s*:\s*"[A-Z-]+:[A-Z_]+"|Error type\s*:\s*MULE:[A-Z_]+|Element\s*:\s*\S+ @ \S+\.xml`, 4, finding.Medium, 209, fixError),
	newLeak("leak-java-stack", "Stack trace of Java in a response", "at ", `(?:^|\n|\\n|<br>)\s*(?:\\t|\t| )*at [\w$.]+\.[\w$<>]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)`, 4, finding.Medium, 209, fixError),
	newLeak("leak-stack", "Stack trace in a response", "line ", `Traceback \(most recent call last\)|(?m)^\s+File "[^"\n]+", line \d+, in |(?m)^\s+at \S+ \(?[^()\n]+:\d+:\d+\)?$|goroutine \d+ \[running\]:`, 4, finding.Medium, 209, fixError),
}

// leaks looks for them, and for an error that hides behind status 200.
func leaks(r *traffic.Response) (matches []match) {
	body := responseText(r)
	if body == "" {
		return nil
	}
	for i := range leakRules {
		l := &leakRules[i]
		if !strings.Contains(body, l.word) {
			continue
		}
		if found := l.expr.FindStringIndex(body); found != nil {
			matches = append(matches, match{rule: &l.rule, points: l.rule.points, places: []string{"response body"}, leaf: single})
		}
	}
	if r.Status == 200 && errorBody.MatchString(body[:min(len(body), 2048)]) {
		matches = append(matches, match{rule: &ruleErrorBody, places: []string{"response body"}, leaf: single})
	}
	return matches
}

var errorBody = regexp.MustCompile(`^\s*\{\s*"(?:error|errors|exception|fault|errorCode|errorType)"\s*:\s*["{\[]|<(?:\w+:)?Fault\b`)

var ruleErrorBody = rule{
	name: "farrier-error-as-success", title: "Error body in a response of status 200", severity: finding.Info, attack: &attack{
		taxonomy: misconfiguration(393), fix: "Answer errors with their status code, so that clients and monitors see them.",
	},
}
