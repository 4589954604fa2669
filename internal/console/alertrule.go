package console

import (
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	rules "farrier.dev/farrier/internal/monitor/alert"
)

// alertFunctions are what the templates of alerts need.
func alertFunctions() template.FuncMap {
	return template.FuncMap{
		"alertTone": func(s rules.Severity) string {
			switch s {
			case rules.Critical:
				return "stop"
			case rules.Warning:
				return "warn"
			case rules.Info:
			}
			return "calm"
		},
		"statusTone": func(s rules.Status) string {
			switch s {
			case rules.Alerting:
				return "stop"
			case rules.OK:
				return "good"
			case rules.Pending, rules.Paused:
			}
			return "calm"
		},
		"alertKinds": rules.Kinds,
		"kindWords":  kindWords,
		"has":        func(list []string, one string) bool { return slices.Contains(list, one) },
	}
}

// kindWords says in words what a kind of rule watches.
func kindWords(k rules.Kind) string {
	return map[rules.Kind]string{
		rules.RequestCount: "Number of requests", rules.ResponseCode: "Response codes", rules.ResponseTime: "Response time",
		rules.PolicyViolation: "Policy violations", rules.AttackBurst: "Attacks", rules.Anomaly: "Unusual traffic",
		rules.ContractEvent: "Contract events", rules.Expiry: "Certificates and secrets that end", rules.ShadowAPI: "New shadow APIs",
		rules.Finding: "Findings", rules.FailedSignIns: "Failed sign-ins", rules.OperatorEvent: "Acts of operators",
		rules.RevisionRefused: "Changes not put into service", rules.GatewaySilent: "Silent gateways",
	}[k]
}

// alertRuleData is what the form of a rule shows.
type alertRuleData struct {
	ID      string
	Version int64
	Rule    rules.Rule
	State   rules.State
	// The texts are as they were typed.
	APIs, Codes, Events, Quiet, Value, Percentile string
	Channels                                      []alert.Channel
	Operators                                     []rules.Operator
	Problem                                       string
	Preview                                       *alert.Preview
}

func newAlertRuleData(rule *rules.Rule) *alertRuleData {
	d := &alertRuleData{
		Rule: *rule, APIs: strings.Join(rule.APIs, "\n"), Codes: strings.Join(rule.Codes, ", "), Events: strings.Join(rule.Events, ", "),
		Value: rules.Number(rule.Condition.Value), Operators: rules.Operators(),
	}
	if rule.Percentile > 0 {
		d.Percentile = rules.Number(rule.Percentile)
	}
	lines := make([]string, len(rule.Quiet))
	for i := range rule.Quiet {
		lines[i] = rule.Quiet[i].String()
	}
	d.Quiet = strings.Join(lines, "\n")
	return d
}

func (c *console) showRule(w http.ResponseWriter, r *request, status int, title string, d *alertRuleData) error {
	var err error
	if d.Channels, err = c.Alerts.Channels(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	return c.render(w, r, status, "alertrule", title, d)
}

func (c *console) alertRuleNew(w http.ResponseWriter, r *request) error {
	kind := rules.Kind(r.URL.Query().Get("kind"))
	for _, rule := range alert.Defaults() { // a sensible beginning
		if rule.Kind == kind {
			rule.Name, rule.Enabled = "", true
			return c.showRule(w, r, http.StatusOK, "New rule", newAlertRuleData(&rule))
		}
	}
	if kind == "" {
		kind = rules.RequestCount
	}
	if !slices.Contains(rules.Kinds(), kind) {
		return control.ErrNotFound
	}
	rule := rules.Rule{
		Kind: kind, Enabled: true, Severity: rules.Warning, Consecutive: 1, Condition: rules.Condition{Operator: rules.Above},
		Period: rules.Period{Count: 10, Unit: rules.Minutes},
	}
	return c.showRule(w, r, http.StatusOK, "New rule", newAlertRuleData(&rule))
}

func (c *console) alertRule(w http.ResponseWriter, r *request) error {
	k, err := c.Alerts.Rule(r.Context(), r.principal, c.Environment, r.PathValue("id"))
	if err != nil {
		return err
	}
	d := newAlertRuleData(&k.Rule)
	d.ID, d.Version, d.State = k.ID, k.Version, k.State
	return c.showRule(w, r, http.StatusOK, k.Rule.Name, d)
}

// splitList reads a list of lines or commas.
func splitList(text string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// readRule reads the form of a rule, and says what is wrong with it.
func readRule(r *request) (d *alertRuleData, wrong string) {
	f := r.PostForm
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(f.Get(name)))
		if err != nil && f.Get(name) != "" {
			wrong = name + ": it must be a whole number"
		}
		return n
	}
	rule := rules.Rule{
		Name: strings.TrimSpace(f.Get("name")), Kind: rules.Kind(f.Get("kind")), Severity: rules.Severity(f.Get("severity")), Enabled: f.Get("enabled") == "yes",
		APIs: splitList(f.Get("apis")), Each: f.Get("each") == "yes", Grouped: f.Get("grouped") == "yes",
		Operation: strings.TrimSpace(f.Get("operation")), Client: strings.TrimSpace(f.Get("client")), Policy: strings.TrimSpace(f.Get("policy")),
		Codes: splitList(f.Get("codes")), Events: splitList(f.Get("events")),
		Period:      rules.Period{Count: number("count"), Unit: rules.Unit(f.Get("unit"))},
		Consecutive: number("consecutive"), RepeatMinutes: number("repeat"), Channels: f["channels"], Help: strings.TrimSpace(f.Get("help")),
	}
	rule.Condition.Operator = rules.Operator(f.Get("operator"))
	var err error
	if rule.Condition.Value, err = strconv.ParseFloat(strings.TrimSpace(f.Get("value")), 64); err != nil {
		wrong = "value: it must be a number"
	}
	if text := strings.TrimSpace(f.Get("percentile")); text != "" {
		if rule.Percentile, err = strconv.ParseFloat(text, 64); err != nil {
			wrong = "percentile: it must be a number"
		}
	}
	for line := range strings.Lines(f.Get("quiet")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		q, err := rules.ParseQuiet(line)
		if err != nil {
			wrong = strings.TrimPrefix(err.Error(), rules.ErrRule.Error()+": ")
		}
		rule.Quiet = append(rule.Quiet, q)
	}
	d = newAlertRuleData(&rule)
	d.Value, d.Percentile, d.Quiet = f.Get("value"), f.Get("percentile"), f.Get("quiet")
	return d, wrong
}

// alertRuleKeep keeps a rule, or shows how often it would have fired.
func (c *console) alertRuleKeep(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	d, wrong := readRule(r)
	d.ID, d.Version = r.PathValue("id"), formVersion(r)
	if d.Problem = wrong; wrong != "" {
		return c.showRule(w, r, http.StatusUnprocessableEntity, "Rule", d)
	}
	var err error
	switch {
	case r.PostForm.Get("act") == "preview":
		var p alert.Preview
		if p, err = c.Alerts.Preview(r.Context(), r.principal, c.Environment, d.Rule); err == nil {
			d.Preview = &p
			return c.showRule(w, r, http.StatusOK, "Rule", d)
		}
	case d.ID == "":
		_, err = c.Alerts.CreateRule(r.Context(), r.principal, c.Environment, d.Rule)
	default:
		_, err = c.Alerts.ChangeRule(r.Context(), r.principal, c.Environment, d.ID, d.Version, d.Rule)
	}
	if d.Problem = told(err); d.Problem != "" {
		return c.showRule(w, r, http.StatusUnprocessableEntity, "Rule", d)
	}
	return leadTo(w, r, alertsPath+"/rules", err)
}
