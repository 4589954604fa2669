package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"farrier.dev/farrier/internal/control/incident"
	"farrier.dev/farrier/internal/finding"
)

// incidentsPath is where the pages of incidents lie.
const incidentsPath = "/incidents"

func (c *console) incidentRoutes() []route {
	if c.Incidents == nil {
		return nil
	}
	return []route{
		{"GET /incidents", operators, c.incidentList},
		{"GET /incidents/containments", operators, c.containments},
		{"POST /incidents/containments", operators, c.contain},
		{"POST /incidents/containments/{id}/end", operators, c.containEnd},
		{"POST /incidents/containments/{id}/approve", operators, c.containApprove},
		{"GET /incidents/rules", operators, c.containRules},
		{"POST /incidents/rules", operators, c.containRuleKeep},
		{"POST /incidents/rules/{id}/switch", operators, c.containRuleSwitch},
		{"POST /incidents/rules/{id}/remove", operators, c.containRuleRemove},
		{"GET /incidents/{id}", operators, c.incident},
		{"POST /incidents/{id}", operators, c.incidentChange},
		{"POST /incidents/{id}/evidence", operators, c.incidentEvidence},
	}
}

// actRow is an act of containment with how long it still holds, in words.
type actRow struct {
	incident.Containment
	Left string
}

// Open says that it can be ended.
func (a *actRow) Open() bool { return a.State != incident.Ended }

// Words says what it contains.
func (a *actRow) Words() string { return kindOfAct(a.Kind) }

func kindOfAct(kind incident.Kind) string {
	switch kind {
	case incident.Address:
		return "Address or network"
	case incident.Client:
		return "Client application"
	case incident.Subject:
		return "Subject of tokens"
	case incident.Session:
		return "Session or token"
	case incident.API:
		return "API, stopped"
	}
	return string(kind)
}

func (c *console) actRows(r *request, of string) (open, over []actRow, err error) {
	all, err := c.Incidents.Containments(r.Context(), r.principal, c.Environment, of)
	for _, one := range all {
		row := actRow{Containment: one}
		if one.State == incident.Active {
			row.Left = leftWords(one.Until.Sub(c.Now()))
		}
		if row.Open() {
			open = append(open, row)
		} else {
			over = append(over, row)
		}
	}
	return open, over, err
}

// leftWords says how long something still lasts.
func leftWords(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.Itoa(max(int(d/time.Second), 0)) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " days"
}

func (c *console) incidentList(w http.ResponseWriter, r *request) error {
	state := incident.Progress(r.URL.Query().Get("state"))
	all, err := c.Incidents.List(r.Context(), r.principal, c.Environment, state)
	if err != nil {
		return err
	}
	open, _, err := c.actRows(r, "")
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "incidents", "Incidents", struct {
		Incidents []incident.Incident
		State     incident.Progress
		States    []incident.Progress
		Acts      []actRow
	}{all, state, []incident.Progress{incident.Unhandled, incident.Acknowledged, incident.Resolved}, open})
}

// actForm is what the form of an act shows.
type actForm struct {
	Kind, Target, Reason, Length, Incident string
	Kinds                                  []actKind
	Lengths                                []actLength
}

type actKind struct{ Name, Words string }

type actLength struct{ Seconds, Words string }

func newActForm() actForm {
	f := actForm{Length: "3600", Lengths: []actLength{{"900", "15 minutes"}, {"3600", "1 hour"}, {"14400", "4 hours"}, {"86400", "1 day"}, {"604800", "7 days"}}}
	for _, kind := range []incident.Kind{incident.Address, incident.Client, incident.Subject, incident.Session, incident.API} {
		f.Kinds = append(f.Kinds, actKind{string(kind), kindOfAct(kind)})
	}
	return f
}

type incidentData struct {
	incident.Incident
	Events  []incident.Event
	Acts    []actRow
	Over    []actRow
	Form    actForm
	Problem string
	Note    string
	// NextOwner is what stands in the form.
	NextOwner string
}

func (c *console) incident(w http.ResponseWriter, r *request) error {
	return c.showIncident(w, r, http.StatusOK, r.PathValue("id"), incidentData{})
}

func (c *console) showIncident(w http.ResponseWriter, r *request, status int, id string, d incidentData) error {
	var err error
	if d.Incident, d.Events, err = c.Incidents.Get(r.Context(), r.principal, c.Environment, id); err != nil {
		return err
	}
	if d.Acts, d.Over, err = c.actRows(r, d.ID); err != nil {
		return err
	}
	if d.Problem == "" {
		d.NextOwner = d.Owner
	}
	if d.Form.Kinds == nil {
		d.Form = newActForm()
		d.Form.Kind, d.Form.Target = string(d.Kind), d.Actor
		d.Form.Reason = "incident " + d.ID
	}
	d.Form.Incident = d.ID
	return c.render(w, r, status, "incident", d.Title, &d)
}

func (c *console) incidentChange(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	owner, note := r.PostForm.Get("owner"), r.PostForm.Get("note")
	change := incident.Change{Owner: &owner, Note: note}
	switch r.PostForm.Get("act") {
	case "acknowledge":
		state := incident.Acknowledged
		if change.State = &state; owner == "" {
			owner = r.principal.Operator
		}
	case "resolve":
		state := incident.Resolved
		change.State = &state
	case "open":
		state := incident.Unhandled
		change.State = &state
	}
	_, err := c.Incidents.Change(r.Context(), r.principal, c.Environment, id, formVersion(r), change)
	if what := told(err); what != "" {
		return c.showIncident(w, r, http.StatusUnprocessableEntity, id, incidentData{Problem: what, Note: note, NextOwner: owner})
	}
	return leadTo(w, r, incidentsPath+"/"+url.PathEscape(id), err)
}

func (c *console) incidentEvidence(w http.ResponseWriter, r *request) error {
	evidence, err := c.Incidents.Export(r.Context(), r.principal, c.Environment, r.PathValue("id"))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(evidence, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="incident-`+evidence.Incident.ID+`.json"`)
	_, _ = w.Write(append(text, '\n')) // the client has gone away; there is nobody to tell
	return nil
}

type containmentsData struct {
	Acts, Over []actRow
	Form       actForm
	Problem    string
}

func (c *console) containments(w http.ResponseWriter, r *request) error {
	d := containmentsData{Form: newActForm()}
	d.Form.Kind, d.Form.Target = r.URL.Query().Get("kind"), r.URL.Query().Get("target")
	return c.showContainments(w, r, http.StatusOK, d)
}

func (c *console) showContainments(w http.ResponseWriter, r *request, status int, d containmentsData) error {
	var err error
	if d.Acts, d.Over, err = c.actRows(r, ""); err != nil {
		return err
	}
	return c.render(w, r, status, "containments", "Containment", &d)
}

func (c *console) contain(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	form := newActForm()
	form.Kind, form.Target, form.Reason = r.PostForm.Get("kind"), r.PostForm.Get("target"), r.PostForm.Get("reason")
	form.Length, form.Incident = r.PostForm.Get("seconds"), r.PostForm.Get("incident")
	seconds, err := strconv.ParseInt(form.Length, 10, 64)
	if err != nil {
		seconds = -1
	}
	_, err = c.Incidents.Contain(r.Context(), r.principal, c.Environment, incident.Act{
		Kind: incident.Kind(form.Kind), Target: form.Target, Reason: form.Reason, Seconds: seconds, Incident: form.Incident,
	})
	what, back := told(err), incidentsPath+"/containments"
	if form.Incident != "" {
		back = incidentsPath + "/" + url.PathEscape(form.Incident)
	}
	switch {
	case what == "":
		return leadTo(w, r, back, err)
	case form.Incident != "":
		return c.showIncident(w, r, http.StatusUnprocessableEntity, form.Incident, incidentData{Problem: what, Form: form})
	}
	return c.showContainments(w, r, http.StatusUnprocessableEntity, containmentsData{Form: form, Problem: what})
}

func (c *console) containEnd(w http.ResponseWriter, r *request) error {
	return leadTo(w, r, incidentsPath+"/containments", c.Incidents.End(r.Context(), r.principal, c.Environment, r.PathValue("id")))
}

func (c *console) containApprove(w http.ResponseWriter, r *request) error {
	_, err := c.Incidents.Approve(r.Context(), r.principal, c.Environment, r.PathValue("id"))
	return leadTo(w, r, incidentsPath+"/containments", err)
}

// ruleRow is a rule that acts, with how long what it does holds.
type ruleRow struct {
	incident.KeptRule
	Length string
}

type containRulesData struct {
	Rules   []ruleRow
	Rule    incident.Rule
	Form    actForm
	Minimum string
	Problem string
}

func (c *console) containRules(w http.ResponseWriter, r *request) error {
	d := containRulesData{Minimum: finding.High.String()}
	d.Rule.Do, d.Rule.Mode, d.Rule.Percent = incident.BlockActor, incident.Approval, 20
	return c.showContainRules(w, r, http.StatusOK, d)
}

func (c *console) showContainRules(w http.ResponseWriter, r *request, status int, d containRulesData) error {
	length := d.Form.Length
	if d.Form = newActForm(); length != "" {
		d.Form.Length = length
	}
	all, err := c.Incidents.Rules(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	for _, k := range all {
		d.Rules = append(d.Rules, ruleRow{k, leftWords(time.Duration(k.Rule.Seconds) * time.Second)})
	}
	return c.render(w, r, status, "containrules", "Rules that act", &d)
}

func (c *console) containRuleKeep(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	d := containRulesData{Minimum: r.PostForm.Get("severity"), Form: actForm{Length: r.PostForm.Get("seconds")}}
	d.Rule = incident.Rule{
		Name: r.PostForm.Get("name"), Finding: r.PostForm.Get("finding"), Do: r.PostForm.Get("do"),
		Mode: incident.Mode(r.PostForm.Get("mode")), Enabled: r.PostForm.Get("enabled") == "yes",
	}
	// What is no number is refused as one out of bounds.
	var err error
	if d.Rule.Seconds, err = strconv.ParseInt(d.Form.Length, 10, 64); err != nil {
		d.Rule.Seconds = -1
	}
	if d.Rule.Percent, err = strconv.Atoi(r.PostForm.Get("percent")); err != nil {
		d.Rule.Percent = -1
	}
	if d.Rule.Severity, err = finding.ParseSeverity(d.Minimum); err != nil {
		d.Rule.Severity = 0
	}
	_, err = c.Incidents.KeepRule(r.Context(), r.principal, c.Environment, "", 0, d.Rule)
	if d.Problem = told(err); d.Problem != "" {
		return c.showContainRules(w, r, http.StatusUnprocessableEntity, d)
	}
	return leadTo(w, r, incidentsPath+"/rules", err)
}

func (c *console) containRuleSwitch(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	all, err := c.Incidents.Rules(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	for _, k := range all {
		if k.ID == r.PathValue("id") {
			k.Rule.Enabled = r.PostForm.Get("enabled") == "yes"
			_, err := c.Incidents.KeepRule(r.Context(), r.principal, c.Environment, k.ID, formVersion(r), k.Rule)
			return leadTo(w, r, incidentsPath+"/rules", err)
		}
	}
	return c.notFound(w, r)
}

func (c *console) containRuleRemove(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	return leadTo(w, r, incidentsPath+"/rules", c.Incidents.RemoveRule(r.Context(), r.principal, c.Environment, r.PathValue("id"), formVersion(r)))
}
