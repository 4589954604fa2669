package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	rules "farrier.dev/farrier/internal/monitor/alert"
)

// anypointAlert is the body of an API alert of Anypoint.
type anypointAlert struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Enabled   *bool  `json:"enabled"`
	Severity  string `json:"severity"`
	Condition struct {
		ResourceType string          `json:"resourceType"`
		Aggregate    string          `json:"aggregate"`
		Operator     string          `json:"operator"`
		Value        float64         `json:"value"`
		Filter       json.RawMessage `json:"filter"`
	} `json:"condition"`
	Period struct {
		Duration struct {
			Count  int    `json:"count"`
			Weight string `json:"weight"`
		} `json:"duration"`
		Repeat int `json:"repeat"`
	} `json:"period"`
	PolicyID   any `json:"policyId"`
	Recipients []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"recipients"`
}

// maxAnypoint bounds the body of an alert, in bytes.
const maxAnypoint = 256 << 10

// FromAnypoint makes a rule on an API of the body of an alert as API Manager's REST
// interface gives it. notes names what could not be carried over, as recipients: those
// are channels here.
func FromAnypoint(api string, body []byte) (rule rules.Rule, notes []string, err error) {
	var a anypointAlert
	if len(body) > maxAnypoint {
		return rule, nil, invalid(errors.New("the alert is too long"))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&a); err != nil {
		return rule, nil, invalid(fmt.Errorf("the alert is no JSON of an alert: %w", err))
	}
	rule = rules.Rule{
		Name: strings.TrimSpace(a.Name), Enabled: a.Enabled == nil || *a.Enabled, APIs: []string{api},
		Condition:   rules.Condition{Operator: rules.Operator(strings.ToUpper(a.Condition.Operator)), Value: a.Condition.Value},
		Period:      rules.Period{Count: max(a.Period.Duration.Count, 1), Unit: rules.Unit(strings.TrimSuffix(strings.ToLower(a.Period.Duration.Weight), "s") + "s")},
		Consecutive: max(a.Period.Repeat, 1),
	}
	switch strings.ToLower(a.Severity) {
	case "critical":
		rule.Severity = rules.Critical
	case "warning":
		rule.Severity = rules.Warning
	default:
		rule.Severity = rules.Info
	}
	if err := a.kind(&rule, &notes); err != nil {
		return rule, nil, err
	}
	for _, r := range a.Recipients {
		notes = append(notes, fmt.Sprintf("recipient %.100q: make an e-mail channel for it", r.Value))
	}
	if err := rule.Check(); err != nil {
		return rule, notes, invalid(err)
	}
	return rule, notes, nil
}

func (a *anypointAlert) kind(rule *rules.Rule, notes *[]string) error {
	switch a.Type {
	case "api-request-count":
		rule.Kind = rules.RequestCount
	case "api-response-code":
		rule.Kind = rules.ResponseCode
		if rule.Codes = codesOf(a.Condition.Filter); len(rule.Codes) == 0 {
			return invalid(errors.New("condition.filter: it names no response codes"))
		}
	case "api-response-time":
		rule.Kind, rule.Percentile = rules.ResponseTime, 50
		*notes = append(*notes, "response time: Anypoint counts slow requests or takes their mean; here it is the median, which you may change")
	case "api-policy-violation":
		rule.Kind = rules.PolicyViolation
		if a.PolicyID != nil {
			*notes = append(*notes, fmt.Sprintf("policy %.40v: its number is not known here; the rule counts refusals of all policies", a.PolicyID))
		}
	case "api-contract", "api-contract-event":
		rule.Kind = rules.ContractEvent
		rule.APIs = nil
	default:
		return invalid(fmt.Errorf("type: alerts of type %.60q are not about APIs", a.Type))
	}
	return nil
}

// codesOf finds response codes in a filter, whatever its shape is.
func codesOf(filter json.RawMessage) []string {
	var found any
	if len(filter) == 0 || json.Unmarshal(filter, &found) != nil {
		return nil
	}
	var out []string
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		if depth > 8 || len(out) >= 50 {
			return
		}
		switch v := v.(type) {
		case float64:
			out = append(out, fmt.Sprint(int(v)))
		case string:
			if len(v) == 3 && v[0] >= '1' && v[0] <= '5' {
				out = append(out, v)
			}
		case []any:
			for _, one := range v {
				walk(one, depth+1)
			}
		case map[string]any:
			for _, one := range v {
				walk(one, depth+1)
			}
		}
	}
	walk(found, 0)
	return out
}
