package rulefile

import (
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/finding"
)

// SecLang writes the rule in the language of ModSecurity, in phase 2, one
// directive for each alternative with numbers from id on. It only reports. What
// a rule demands of one value or forbids is a chain over MATCHED_VARS.
//
// A chain of three links (two patterns and an exception) may be filled by two
// values of one request, for the third link sees all that matched the first;
// Matches tells of each value whether it is so.
func (r *Rule) SecLang(id int) string {
	var b strings.Builder
	for i, a := range r.alternatives {
		links := len(a)
		if r.unless != nil {
			links++
		}
		fmt.Fprintf(&b, "SecRule %s \"@rx %s\" \"id:%d,phase:2,pass,t:none", r.variables(), a[0].expr, id+i)
		for _, t := range r.Decode {
			b.WriteString(",t:" + t)
		}
		fmt.Fprintf(&b, ",log,noauditlog,msg:'%s',tag:'%s',tag:'%s',severity:'%s'", r.Title, r.Class.Tag, r.Name, severityName(r.Severity))
		chain := func() {
			if links--; links > 0 {
				b.WriteString(",chain")
			}
			b.WriteString("\"\n")
		}
		chain()
		for _, t := range a[1:] {
			fmt.Fprintf(&b, "  SecRule MATCHED_VARS \"@rx %s\" \"t:none", t.expr)
			chain()
		}
		if r.unless != nil {
			fmt.Fprintf(&b, "  SecRule MATCHED_VARS \"!@rx %s\" \"t:none", r.unless.expr)
			chain()
		}
	}
	return b.String()
}

// severityName is the severity for which SecLang counts the same points.
func severityName(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "CRITICAL"
	case finding.High:
		return "ERROR"
	case finding.Medium:
		return "WARNING"
	case finding.Low:
		return "NOTICE"
	case finding.Info:
	}
	return "INFO"
}
