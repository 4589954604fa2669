package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sentence says in words when a rule fires.
func (r *Rule) Sentence() string {
	value := strconv.FormatFloat(r.Condition.Value, 'f', -1, 64)
	of := r.about()
	when := " in " + r.Period.String()
	var text string
	switch r.Kind {
	case RequestCount:
		text = "requests" + of + " " + r.Condition.Operator.Words() + " " + value + when
	case ResponseCode:
		text = "answers " + strings.Join(r.Codes, ", ") + of + " " + r.Condition.Operator.Words() + " " + value + when
	case ResponseTime:
		text = "p" + strconv.FormatFloat(r.Percentile, 'f', -1, 64) + " response time" + of + " " + r.Condition.Operator.Words() + " " + value + " ms over " + r.Period.String()
	case PolicyViolation:
		text = "refusals" + of + " " + r.Condition.Operator.Words() + " " + value + when
	case AttackBurst:
		text = "attacks" + of + " " + r.Condition.Operator.Words() + " " + value + when
	case Anomaly:
		text = "traffic" + of + " is " + value + " usual deviations away from that hour of the week"
	case Expiry:
		text = "days left to a certificate or secret " + r.Condition.Operator.Words() + " " + value
	case GatewaySilent:
		text = "minutes without a sign of a gateway " + r.Condition.Operator.Words() + " " + value
	case ContractEvent, ShadowAPI, FailedSignIns, RevisionRefused, Finding, OperatorEvent:
		text = r.eventWords() + " " + r.Condition.Operator.Words() + " " + value + when
	}
	if r.Consecutive > 1 {
		text += fmt.Sprintf(", %d periods in a row", r.Consecutive)
	}
	return text
}

func (r *Rule) about() string {
	var parts []string
	switch {
	case r.Operation != "":
		parts = append(parts, r.Operation+" of "+strings.Join(r.APIs, ", "))
	case len(r.APIs) > 0:
		parts = append(parts, strings.Join(r.APIs, ", "))
	case r.Each:
		parts = append(parts, "any API")
	}
	if r.Client != "" {
		parts = append(parts, "client "+r.Client)
	}
	if r.Policy != "" {
		parts = append(parts, "policy "+r.Policy)
	}
	if len(parts) == 0 {
		return ""
	}
	return " of " + strings.Join(parts, ", ")
}

func (r *Rule) eventWords() string {
	var what string
	switch r.Kind {
	case ContractEvent:
		what = "contract events"
	case ShadowAPI:
		what = "new operations that nobody described"
	case FailedSignIns:
		what = "failed sign-ins"
	case RevisionRefused:
		what = "changes that were not put into service"
	case Finding:
		what = "findings"
	case OperatorEvent:
		what = "acts of operators"
	case RequestCount, ResponseCode, ResponseTime, PolicyViolation, Expiry, AttackBurst, GatewaySilent, Anomaly:
	}
	if len(r.Events) > 0 {
		what += " (" + strings.Join(r.Events, ", ") + ")"
	}
	return what
}

// Title is the one line that a message begins with.
func (n *Notice) Title(r *Rule) string {
	var state string
	switch n.Change {
	case Fired, Widened:
		state = "Alerting"
	case Lasting:
		state = "Still alerting"
	case Resolved:
		state = "Resolved"
		if n.Paused {
			state = "Paused"
		}
	case Happened:
		state = "Noticed"
	}
	title := state + ": " + r.Name
	switch named := named(n.Targets); {
	case len(named) == 1:
		title += " (" + named[0] + ")"
	case len(named) > 1:
		title += fmt.Sprintf(" (%d APIs)", len(named))
	}
	return title
}

func named(targets []Told) []string {
	var out []string
	for _, t := range targets {
		if t.Name != "" {
			out = append(out, t.Name)
		}
	}
	return out
}

// mostLines bounds the targets that a text lists.
const mostLines = 20

// Text says what happened, a line for each target.
func (n *Notice) Text(r *Rule) string {
	var b strings.Builder
	b.WriteString("Rule: " + r.Sentence() + ".\n")
	for i, t := range n.Targets {
		if i == mostLines {
			fmt.Fprintf(&b, "and %d more\n", len(n.Targets)-mostLines)
			break
		}
		if t.Name != "" {
			b.WriteString(t.Name + ": ")
		}
		switch {
		case t.Text != "":
			b.WriteString(t.Text)
		default:
			b.WriteString(strconv.FormatFloat(t.Value, 'f', -1, 64))
		}
		b.WriteByte('\n')
	}
	if n.Change == Resolved {
		fmt.Fprintf(&b, "It lasted %s.\n", n.At.Sub(n.Opened).Round(time.Minute))
	} else if r.Help != "" {
		b.WriteString(r.Help + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
