package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control"
	"farrier.dev/farrier/internal/control/alert"
	rules "farrier.dev/farrier/internal/monitor/alert"
	"farrier.dev/farrier/internal/monitor/notify"
)

// alertsPath is where the pages of alerts lie.
const alertsPath = "/alerts"

// historyRows and deliveryRows are how many entries a page lists.
const (
	historyRows  = 50
	deliveryRows = 100
)

func (c *console) alertRoutes() []route {
	if c.Alerts == nil {
		return nil
	}
	return []route{
		{"GET /alerts", operators, c.alertOverview},
		{"GET /alerts/rules", operators, c.alertRules},
		{"POST /alerts/rules", operators, c.alertRuleKeep},
		{"GET /alerts/rules/new", operators, c.alertRuleNew},
		{"GET /alerts/rules/{id}", operators, c.alertRule},
		{"POST /alerts/rules/{id}", operators, c.alertRuleKeep},
		{"POST /alerts/rules/{id}/enable", operators, c.alertRuleEnable},
		{"POST /alerts/rules/{id}/remove", operators, c.alertRuleRemove},
		{"GET /alerts/channels", operators, c.alertChannels},
		{"POST /alerts/channels", operators, c.alertChannelKeep},
		{"GET /alerts/channels/new", operators, c.alertChannelNew},
		{"GET /alerts/channels/{id}", operators, c.alertChannel},
		{"POST /alerts/channels/{id}", operators, c.alertChannelKeep},
		{"POST /alerts/channels/{id}/test", operators, c.alertChannelTest},
		{"POST /alerts/channels/{id}/remove", operators, c.alertChannelRemove},
		{"GET /alerts/maintenance", operators, c.alertWindows},
		{"POST /alerts/maintenance", operators, c.alertWindowKeep},
		{"POST /alerts/maintenance/{id}/remove", operators, c.alertWindowRemove},
		{"GET /alerts/deliveries", operators, c.alertDeliveries},
	}
}

// alertForm reads a form, or says that it is malformed.
func alertForm(r *request) error {
	if err := r.ParseForm(); err != nil {
		return problem(http.StatusBadRequest, "The form is malformed", "Open the page again and repeat what you did.")
	}
	return nil
}

func formVersion(r *request) int64 {
	n, err := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return 0 // no version is 0, so that it is a conflict
	}
	return n
}

// told is what an error means to whoever filled in a form; "" when it is no such error.
func told(err error) string {
	switch {
	case errors.Is(err, control.ErrInvalid):
		text := strings.TrimPrefix(err.Error(), control.ErrInvalid.Error()+": ")
		for _, prefix := range []error{rules.ErrRule, notify.ErrSettings, notify.ErrPermanent} {
			text = strings.TrimPrefix(text, prefix.Error()+": ")
		}
		return text
	case errors.Is(err, control.ErrConflict):
		return err.Error() + "; open it again to see what it is now"
	}
	return ""
}

type alertOverviewData struct {
	Active   []alert.Kept
	Windows  []alert.Window
	History  []alert.Past
	Channels int
	Rules    int
	Older    string
}

func (c *console) alertOverview(w http.ResponseWriter, r *request) error {
	var (
		d   alertOverviewData
		err error
	)
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if d.Active, err = c.Alerts.Active(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	if d.Windows, err = c.Alerts.Windows(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	if d.History, err = c.Alerts.History(r.Context(), r.principal, c.Environment, before, historyRows); err != nil {
		return err
	}
	if len(d.History) == historyRows {
		d.Older = query(alertsPath, "before", strconv.FormatInt(d.History[historyRows-1].Number, 10))
	}
	channels, err := c.Alerts.Channels(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	all, err := c.Alerts.Rules(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	d.Channels, d.Rules = len(channels), len(all)
	return c.render(w, r, http.StatusOK, "alerts", "Alerts", &d)
}

func (c *console) alertRules(w http.ResponseWriter, r *request) error {
	all, err := c.Alerts.Rules(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	names, err := c.channelNames(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "alertrules", "Alert rules", struct {
		Rules    []alert.Kept
		Channels map[string]string
	}{all, names})
}

// channelNames are the names of channels by their ids.
func (c *console) channelNames(r *request) (map[string]string, error) {
	channels, err := c.Alerts.Channels(r.Context(), r.principal, c.Environment)
	names := map[string]string{}
	for _, one := range channels {
		names[one.ID] = one.Name
	}
	return names, err
}

func (c *console) alertRuleEnable(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	_, err := c.Alerts.EnableRule(r.Context(), r.principal, c.Environment, r.PathValue("id"), formVersion(r), r.PostForm.Get("enabled") == "yes")
	return leadTo(w, r, alertsPath+"/rules", err)
}

func (c *console) alertRuleRemove(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	return leadTo(w, r, alertsPath+"/rules", c.Alerts.RemoveRule(r.Context(), r.principal, c.Environment, r.PathValue("id"), formVersion(r)))
}

// leadTo shows another page after an act.
func leadTo(w http.ResponseWriter, r *request, to string, err error) error {
	if err != nil {
		return err
	}
	return see(w, r, to)
}

func (c *console) alertChannels(w http.ResponseWriter, r *request) error {
	channels, err := c.Alerts.Channels(r.Context(), r.principal, c.Environment)
	if err != nil {
		return err
	}
	titles := map[string]string{}
	for _, k := range alert.Kinds() {
		titles[k.Name] = k.Title
	}
	return c.render(w, r, http.StatusOK, "alertchannels", "Channels", struct {
		Channels []alert.Channel
		Kinds    []notify.Kind
		Titles   map[string]string
	}{channels, alert.Kinds(), titles})
}

// channelData is what the form of a channel shows.
type channelData struct {
	alert.Channel
	Of      notify.Kind
	Problem string
	// Done says what was just done.
	Done string
}

// Set reports whether a secret is set.
func (d *channelData) Set(name string) bool {
	for _, s := range d.Secrets {
		if s == name {
			return true
		}
	}
	return false
}

// Streams reports whether a stream is forwarded.
func (d *channelData) Streams(name string) bool {
	for _, s := range d.Forwards {
		if s == name {
			return true
		}
	}
	return false
}

func kindOf(name string) (notify.Kind, error) {
	for _, k := range alert.Kinds() {
		if k.Name == name {
			return k, nil
		}
	}
	return notify.Kind{}, control.ErrNotFound
}

func (c *console) alertChannelNew(w http.ResponseWriter, r *request) error {
	if _, err := c.Alerts.Channels(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	kind, err := kindOf(r.URL.Query().Get("kind"))
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "alertchannel", kind.Title, &channelData{Of: kind, Channel: alert.Channel{Kind: kind.Name, Name: kind.Title}})
}

func (c *console) alertChannel(w http.ResponseWriter, r *request) error {
	one, err := c.Alerts.Channel(r.Context(), r.principal, c.Environment, r.PathValue("id"))
	if err != nil {
		return err
	}
	kind, err := kindOf(one.Kind)
	if err != nil {
		return err
	}
	d := &channelData{Of: kind, Channel: one}
	if r.URL.Query().Get("tested") == "yes" {
		d.Done = "The test message was taken."
	}
	return c.render(w, r, http.StatusOK, "alertchannel", one.Name, d)
}

func (c *console) alertChannelKeep(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	kind, err := kindOf(r.PostForm.Get("kind"))
	if err != nil {
		return err
	}
	spec := alert.ChannelSpec{Name: r.PostForm.Get("name"), Kind: kind.Name, Settings: notify.Settings{}, Forwards: r.PostForm["forwards"]}
	for _, f := range kind.Field {
		if v := strings.TrimSpace(r.PostForm.Get("s-" + f.Name)); v != "" {
			spec.Settings[f.Name] = v
		}
	}
	var kept alert.Channel
	id := r.PathValue("id")
	if id == "" {
		kept, err = c.Alerts.CreateChannel(r.Context(), r.principal, c.Environment, spec)
	} else {
		kept, err = c.Alerts.ChangeChannel(r.Context(), r.principal, c.Environment, id, formVersion(r), spec)
	}
	if what := told(err); what != "" {
		return c.alertChannelAgain(w, r, id, kind, spec, what)
	}
	return leadTo(w, r, alertsPath+"/channels/"+kept.ID, err)
}

// alertChannelAgain shows the form as it was filled in, but for secrets.
func (c *console) alertChannelAgain(w http.ResponseWriter, r *request, id string, kind notify.Kind, spec alert.ChannelSpec, what string) error {
	d := &channelData{Of: kind, Problem: what, Channel: alert.Channel{ID: id, Kind: kind.Name, Version: formVersion(r)}}
	if id != "" {
		if kept, err := c.Alerts.Channel(r.Context(), r.principal, c.Environment, id); err == nil {
			d.Secrets = kept.Secrets
		}
	}
	d.Name, d.Settings, d.Forwards = spec.Name, spec.Settings, spec.Forwards
	for _, f := range kind.Field {
		if f.Kind == notify.Secret {
			delete(d.Settings, f.Name)
		}
	}
	return c.render(w, r, http.StatusUnprocessableEntity, "alertchannel", kind.Title, d)
}

func (c *console) alertChannelTest(w http.ResponseWriter, r *request) error {
	id := r.PathValue("id")
	err := c.Alerts.TestChannel(r.Context(), r.principal, c.Environment, id)
	if what := told(err); what != "" {
		one, err := c.Alerts.Channel(r.Context(), r.principal, c.Environment, id)
		if err != nil {
			return err
		}
		kind, err := kindOf(one.Kind)
		if err != nil {
			return err
		}
		return c.render(w, r, http.StatusUnprocessableEntity, "alertchannel", one.Name, &channelData{Of: kind, Channel: one, Problem: what})
	}
	return leadTo(w, r, alertsPath+"/channels/"+url.PathEscape(id)+"?tested=yes", err)
}

func (c *console) alertChannelRemove(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	return leadTo(w, r, alertsPath+"/channels", c.Alerts.RemoveChannel(r.Context(), r.principal, c.Environment, r.PathValue("id"), formVersion(r)))
}

type windowData struct {
	Windows     []alert.Window
	Problem     string
	Name, APIs  string
	From, Until string
}

// formTime is how forms write times of UTC.
const formTime = "2006-01-02T15:04"

func (c *console) alertWindows(w http.ResponseWriter, r *request) error {
	now := c.Now().UTC()
	return c.showWindows(w, r, http.StatusOK, windowData{From: now.Format(formTime), Until: now.Add(2 * time.Hour).Format(formTime)})
}

func (c *console) showWindows(w http.ResponseWriter, r *request, status int, d windowData) error {
	var err error
	if d.Windows, err = c.Alerts.Windows(r.Context(), r.principal, c.Environment); err != nil {
		return err
	}
	return c.render(w, r, status, "alertwindows", "Maintenance", &d)
}

func (c *console) alertWindowKeep(w http.ResponseWriter, r *request) error {
	if err := alertForm(r); err != nil {
		return err
	}
	d := windowData{Name: r.PostForm.Get("name"), APIs: r.PostForm.Get("apis"), From: r.PostForm.Get("from"), Until: r.PostForm.Get("until")}
	from, err := time.Parse(formTime, d.From)
	until, err2 := time.Parse(formTime, d.Until)
	if err != nil || err2 != nil {
		d.Problem = "from and until must be times as " + c.Now().UTC().Format(formTime)
		return c.showWindows(w, r, http.StatusUnprocessableEntity, d)
	}
	_, err = c.Alerts.CreateWindow(r.Context(), r.principal, c.Environment, alert.Window{Name: d.Name, From: from, Until: until, APIs: splitList(d.APIs)})
	if d.Problem = told(err); d.Problem != "" {
		return c.showWindows(w, r, http.StatusUnprocessableEntity, d)
	}
	return leadTo(w, r, alertsPath+"/maintenance", err)
}

func (c *console) alertWindowRemove(w http.ResponseWriter, r *request) error {
	return leadTo(w, r, alertsPath+"/maintenance", c.Alerts.RemoveWindow(r.Context(), r.principal, c.Environment, r.PathValue("id")))
}

func (c *console) alertDeliveries(w http.ResponseWriter, r *request) error {
	list, err := c.Alerts.Deliveries(r.Context(), r.principal, c.Environment, deliveryRows)
	if err != nil {
		return err
	}
	names, err := c.channelNames(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "alertdeliveries", "Deliveries", struct {
		Deliveries []alert.Delivery
		Channels   map[string]string
	}{list, names})
}
