package seclang

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang/syntax"
)

func (c *compiler) directive(d *syntax.Directive, dir string) error {
	switch d.Name {
	case "secrule", "secaction":
		return c.add(d.Rule, dir)
	case "secdefaultaction":
		return c.setDefaults(d.Rule.Actions)
	case "secmarker":
		if len(d.Arguments) != 1 {
			return errors.New("SecMarker takes one name")
		}
		c.entries = append(c.entries, &entry{marker: d.Arguments[0]})
		return nil
	case "include":
		for _, a := range d.Arguments {
			if err := c.include(a, dir); err != nil {
				return err
			}
		}
		return nil
	case "secruleremovebyid", "secruleremovebytag", "secruleremovebymsg":
		return c.remove(d)
	case "secruleupdatetargetbyid", "secruleupdatetargetbytag", "secruleupdatetargetbymsg":
		return c.updateTargets(d)
	case "secruleupdateactionbyid":
		return c.updateActions(d)
	}
	if _, ok := engineDirectives[d.Name]; ok {
		return nil
	}
	return fmt.Errorf("the directive %s is not known: check the spelling, or remove it", d.Name)
}

// engineDirectives configure a web server's engine. Bodies, limits and logs are
// set in this product's own settings.
var engineDirectives = setOf(
	"secruleengine", "secrequestbodyaccess", "secresponsebodyaccess", "secrequestbodylimit",
	"secrequestbodynofileslimit", "secrequestbodyinmemorylimit", "secrequestbodylimitaction",
	"secrequestbodyjsondepthlimit", "secresponsebodyjsondepthlimit", "secresponsebodylimit",
	"secresponsebodylimitaction", "secresponsebodymimetype", "secresponsebodymimetypesclear",
	"secauditengine", "secauditlog", "secauditlog2", "secauditlogtype", "secauditlogformat",
	"secauditlogstoragedir", "secauditlogdirmode", "secauditlogfilemode", "secauditlogparts",
	"secauditlogrelevantstatus", "secdebuglog", "secdebugloglevel", "secdatadir", "sectmpdir",
	"secuploaddir", "secuploadkeepfiles", "secuploadfilemode", "secuploadfilelimit",
	"secargumentslimit", "secargumentseparator", "seccookieformat", "secunicodemapfile",
	"secpcrematchlimit", "secpcrematchlimitrecursion", "seccollectiontimeout", "seccomponentsignature",
	"secserversignature", "secwebappid", "secsensorid", "secstatusengine", "secrxprefilter",
	"secinterceptonerror", "secconnengine", "secconnreadstatelimit", "secconnwritestatelimit",
	"sechashengine", "sechashkey", "sechashparam", "sechashmethodrx", "sechashmethodpm",
	"secgsblookupdb", "sechttpblkey", "secremoterulesfailaction",
)

func setOf(names ...string) map[string]struct{} {
	set := make(map[string]struct{}, len(names))
	for _, n := range names {
		set[n] = struct{}{}
	}
	return set
}

func (c *compiler) setDefaults(actions []syntax.Action) error {
	phase, decides := 0, false
	var kept []syntax.Action
	for _, a := range actions {
		switch {
		case a.Name == "phase":
			var err error
			if phase, err = parsePhase(a.Value); err != nil {
				return err
			}
		case disruptive[a.Name]:
			decides = true
		case a.Name == "t" || a.Name == "id" || a.Name == "msg" || a.Name == "tag" || a.Name == "severity":
			return fmt.Errorf("SecDefaultAction must not have the action %s: move it to the rules", a.Name)
		default:
			kept = append(kept, a)
		}
	}
	switch {
	case phase == 0:
		return errors.New("SecDefaultAction has no phase: add phase:1 or another")
	case !decides:
		return errors.New("SecDefaultAction has no action that decides: add pass")
	}
	if _, ok := c.defaults[phase]; ok {
		return fmt.Errorf("another SecDefaultAction is there for phase %d: remove one", phase)
	}
	c.defaults[phase] = kept
	return nil
}

func (c *compiler) remove(d *syntax.Directive) error {
	if len(d.Arguments) == 0 {
		return fmt.Errorf("%s says no rule to remove: name one", d.Name)
	}
	for _, a := range d.Arguments {
		match, err := selector(d.Name, a)
		if err != nil {
			return err
		}
		c.entries = slices.DeleteFunc(c.entries, func(e *entry) bool {
			if e.rule == nil || !match(&e.meta) {
				return false
			}
			delete(c.byID, e.meta.id)
			return true
		})
	}
	return nil
}

// selector is the test that a directive ...ById, ...ByTag or ...ByMsg makes.
func selector(directive, text string) (func(*metadata) bool, error) {
	switch {
	case strings.HasSuffix(directive, "bytag"):
		return func(m *metadata) bool { return slices.Contains(m.tags, text) }, nil
	case strings.HasSuffix(directive, "bymsg"):
		return func(m *metadata) bool { return m.msg == text }, nil
	}
	from, to, err := parseRange(text)
	return func(m *metadata) bool { return m.id >= from && m.id <= to }, err
}

func (c *compiler) updateTargets(d *syntax.Directive) error {
	if len(d.Arguments) < 2 {
		return fmt.Errorf("%s: write the rules, then the variables in quotes", d.Name)
	}
	last := len(d.Arguments) - 1
	variables, err := syntax.ParseVariables(d.Arguments[last])
	if err != nil {
		return err
	}
	if _, err := compileTargets(variables); err != nil {
		return err
	}
	for _, a := range d.Arguments[:last] {
		match, err := selector(d.Name, a)
		if err != nil {
			return err
		}
		found := false
		for _, e := range c.entries {
			if e.rule != nil && match(&e.meta) {
				e.rule.Variables = slices.Concat(e.rule.Variables, variables)
				found = true
			}
		}
		if id, err := strconv.Atoi(a); err == nil && !found {
			c.ignore(d.Pos.String(), d.Name, fmt.Sprintf("no rule above it has the id %d", id))
		}
	}
	return nil
}

func (c *compiler) updateActions(d *syntax.Directive) error {
	if len(d.Arguments) < 2 {
		return errors.New("SecRuleUpdateActionById: write the ids, then the actions in quotes")
	}
	last := len(d.Arguments) - 1
	actions, err := syntax.ParseActions(d.Arguments[last])
	if err != nil {
		return err
	}
	for _, a := range d.Arguments[:last] {
		match, err := selector(d.Name, a)
		if err != nil {
			return err
		}
		for _, e := range c.entries {
			if e.rule == nil || !match(&e.meta) {
				continue
			}
			id := e.meta.id
			if err := e.meta.read(actions); err != nil {
				return err
			}
			if e.meta.id != id {
				return fmt.Errorf("the id of rule %d cannot be changed: remove id from the actions", id)
			}
			e.rule.Actions = slices.Concat(e.rule.Actions, actions)
		}
	}
	return nil
}
