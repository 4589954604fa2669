package governance

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
)

// ReadProfile reads a profile from YAML or JSON. Errors are of type *tree.Error.
//
//	version: 1
//	name: public APIs
//	description: what holds for everything that strangers reach
//	status: active                    # or draft
//	filter:
//	  exposures: [public]
//	rulesets:
//	  - name: owasp-api-security-top-10
//	    levels: {numeric-ids: warning}
//	  - name: ours/naming.yaml
//	enforcement: refuse               # or report
//	schedule: 24h
//	waivers:
//	  - {rule: read-operations-authenticated, api: shop/catalog, reason: public by law, expires: 2027-01-31}
//	notify: {on: failure, webhooks: [https://hooks.example.com/governance]}
func ReadProfile(src *tree.Source) (*Profile, error) {
	root, err := tree.Read(src, tree.Options{MaxBytes: 1 << 20})
	if err != nil {
		return nil, err
	}
	r := &profileReader{p: &Profile{File: src.Name, Active: true}}
	r.document(root)
	if r.err != nil {
		return nil, r.err
	}
	return r.p, nil
}

// profileReader keeps the first mistake.
type profileReader struct {
	p   *Profile
	err error
}

func (r *profileReader) wrong(n *tree.Node, format string, args ...any) {
	if r.err == nil {
		r.err = tree.Wrong(n, format, args...)
	}
}

// fields refuses members that are not known.
func (r *profileReader) fields(n *tree.Node, known ...string) {
	if n != nil && !n.Is(tree.Object) {
		r.wrong(n, "must be an object with the fields %s", strings.Join(known, ", "))
	}
	for _, m := range n.Fields() {
		if !slices.Contains(known, m.Name) {
			r.wrong(m.Value, "unknown field %.40q; known are %s", m.Name, strings.Join(known, ", "))
		}
	}
}

func (r *profileReader) text(n *tree.Node, name string, required bool) string {
	v := n.Get(name)
	switch {
	case v == nil && required:
		r.wrong(n, "%s is missing", name)
	case v != nil && !v.Is(tree.String):
		r.wrong(v, "%s must be a text", name)
	}
	return v.Str()
}

func (r *profileReader) choice(n *tree.Node, name string, words ...string) string {
	text := r.text(n, name, false)
	if text == "" {
		return words[0]
	}
	if !slices.Contains(words, text) {
		r.wrong(n.Get(name), "%s must be %s", name, strings.Join(words, " or "))
	}
	return text
}

func (r *profileReader) texts(n *tree.Node, name string) []string {
	var out []string
	v := n.Get(name)
	if v != nil && !v.Is(tree.Array) {
		r.wrong(v, "%s must be a list of texts", name)
	}
	for _, item := range v.List() {
		if !item.Is(tree.String) {
			r.wrong(item, "%s must be a list of texts", name)
		}
		out = append(out, item.Str())
	}
	return out
}

func (r *profileReader) document(n *tree.Node) {
	r.fields(n, "version", "name", "description", "status", "filter", "rulesets", "enforcement", "schedule", "waivers", "notify")
	if v := n.Get("version"); v.Str() != "1" {
		r.wrong(n, "version must be 1")
	}
	r.p.Name, r.p.Description = r.text(n, "name", true), r.text(n, "description", false)
	r.p.Active = r.choice(n, "status", "active", "draft") == "active"
	r.p.Refuse = r.choice(n, "enforcement", "report", "refuse") == "refuse"
	if every := r.text(n, "schedule", false); every != "" {
		d, err := time.ParseDuration(every)
		if err != nil || d < time.Minute {
			r.wrong(n.Get("schedule"), "schedule must be a time of at least 1m, as 24h")
		}
		r.p.Every = d
	}
	r.filter(n.Get("filter"))
	if len(n.Get("rulesets").List()) == 0 {
		r.wrong(n, "rulesets must list at least one ruleset")
	}
	for _, item := range n.Get("rulesets").List() {
		r.ruleset(item)
	}
	for _, item := range n.Get("waivers").List() {
		r.waiver(item)
	}
	if notify := n.Get("notify"); notify != nil {
		r.fields(notify, "on", "webhooks")
		r.p.Notify = Notification{r.choice(notify, "on", "failure", "change"), r.texts(notify, "webhooks")}
		for _, hook := range r.p.Notify.Webhooks {
			if u, err := url.Parse(hook); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				r.wrong(notify.Get("webhooks"), "a webhook must be a URL with http or https and a host")
			}
		}
	}
}

func (r *profileReader) filter(n *tree.Node) {
	f := &r.p.Filter
	lists := map[string]*[]string{
		"kinds": &f.Kinds, "names": &f.Names, "tags": &f.Tags, "categories": &f.Categories, "environments": &f.Environments,
		"status": &f.Status, "layers": &f.Layers, "exposures": &f.Exposures, "dataClasses": &f.DataClasses, "risks": &f.Risks, "owners": &f.Owners,
	}
	names := make([]string, 0, len(lists))
	for name, list := range lists {
		names = append(names, name)
		*list = r.texts(n, name)
	}
	slices.Sort(names)
	r.fields(n, names...)
}

func (r *profileReader) ruleset(n *tree.Node) {
	if n.Is(tree.String) {
		r.p.Rulesets = append(r.p.Rulesets, ProfileRuleset{Name: n.Text})
		return
	}
	r.fields(n, "name", "levels")
	set := ProfileRuleset{Name: r.text(n, "name", true), Levels: map[string]Level{}}
	for _, m := range n.Get("levels").Fields() {
		level := Level(m.Value.Str())
		if m.Value.Is(tree.Bool) && m.Value.Text == "false" {
			level = LevelOff // YAML reads a bare "off" so
		}
		if err := level.check(); err != nil {
			r.wrong(m.Value, "level of %s: %v", m.Name, err)
		}
		set.Levels[m.Name] = level
	}
	r.p.Rulesets = append(r.p.Rulesets, set)
}

func (r *profileReader) waiver(n *tree.Node) {
	r.fields(n, "rule", "api", "place", "reason", "expires")
	w := Waiver{Rule: r.text(n, "rule", true), API: r.text(n, "api", false), Place: r.text(n, "place", false), Reason: r.text(n, "reason", true)}
	var err error
	if w.Expires, err = time.Parse(time.DateOnly, r.text(n, "expires", true)); err != nil {
		r.wrong(n, "expires must be a day, as 2027-01-31")
	}
	if strings.TrimSpace(w.Reason) == "" {
		r.wrong(n, "a waiver needs a reason")
	}
	r.p.Waivers = append(r.p.Waivers, w)
}
