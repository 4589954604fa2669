package seclang

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang/syntax"
	"farrier.dev/farrier/internal/detect/seclang/transform"
)

// effect is what a link does for each value that it matched.
type effect struct {
	set *setvar
	ctl *control
}

// setvar changes a variable of TX.
type setvar struct {
	key    *macro
	value  *macro
	delete bool
}

func parseSetvar(text string) (*setvar, error) {
	s := &setvar{}
	text, s.delete = cutPrefix(text, "!")
	name, value, hasValue := strings.Cut(text, "=")
	collection, key, _ := strings.Cut(name, ".")
	if !strings.EqualFold(collection, "TX") || strings.TrimSpace(key) == "" {
		return nil, fmt.Errorf("setvar:%s: write setvar:tx.NAME=VALUE, for only variables of TX can be set", text)
	}
	var err error
	if s.key, err = compileMacro(key); err != nil {
		return nil, err
	}
	switch {
	case hasValue && value == "":
		return nil, fmt.Errorf("setvar:%s: the value is missing: write one behind the equals sign", text)
	case !hasValue && !s.delete:
		return nil, fmt.Errorf("setvar:%s: the value is missing: write setvar:tx.%s=1", text, key)
	}
	s.value, err = compileMacro(value)
	return s, err
}

func cutPrefix(text, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	return rest, ok
}

// control takes rules, or variables from rules, out of one run.
type control struct {
	from, to int    // ids
	tag, msg string // instead of ids
	target   *exclusion
	off      bool // ruleEngine=Off
	// rules are those of the set that it concerns.
	rules ruleSet
}

// exclusion takes values away from a variable.
type exclusion struct {
	variable string
	key      string // lower case; empty with no expr: all
	expr     *regexp.Regexp
}

// ignoredControls have a meaning for engines that read bodies or write logs.
var ignoredControls = map[string]string{
	"auditengine": reasonLog, "auditlogparts": reasonLog, "debugloglevel": reasonLog,
	"forcerequestbodyvariable": reasonBody, "requestbodyaccess": reasonBody, "requestbodylimit": reasonBody,
	"requestbodyprocessor": reasonBody, "forceresponsebodyvariable": reasonBody,
	"responsebodyaccess": reasonBody, "responsebodylimit": reasonBody, "responsebodyprocessor": reasonBody,
	"hashengine": "Coraza ignores it too", "hashenforcement": "Coraza ignores it too",
}

const (
	reasonLog     = "logs are kept as the product's own settings say"
	reasonBody    = "bodies are opened before the rules run, whatever they say"
	reasonDecide  = "rules detect; what is refused is decided from all findings"
	reasonStorage = "nothing is remembered between requests"
)

// parseControl reads the value of a ctl action. A nil control with a reason is
// one to ignore.
func parseControl(text string) (c *control, reason string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return nil, "", fmt.Errorf("ctl:%s: write ctl:NAME=VALUE", text)
	}
	name = strings.ToLower(strings.TrimSpace(name))
	if reason, ok := ignoredControls[name]; ok {
		return nil, reason, nil
	}
	if name == "ruleengine" {
		if strings.EqualFold(value, "off") {
			return &control{off: true}, "", nil
		}
		return nil, reasonDecide, nil
	}
	value, target, hasTarget := strings.Cut(value, ";")
	c = &control{}
	by, byRule := strings.CutPrefix(name, "ruleremoveby")
	byTarget, isTarget := strings.CutPrefix(name, "ruleremovetargetby")
	switch {
	case isTarget:
		by = byTarget
		if !hasTarget {
			return nil, "", fmt.Errorf("ctl:%s: the variable is missing: write it behind a semicolon, as ;ARGS:name", text)
		}
		if c.target, err = parseExclusion(target); err != nil {
			return nil, "", err
		}
	case !byRule:
		return nil, "", fmt.Errorf("ctl:%s is not known: check the spelling", name)
	}
	switch by {
	case "id":
		c.from, c.to, err = parseRange(value)
	case "tag":
		c.tag = value
	case "msg":
		c.msg = value
	default:
		return nil, "", fmt.Errorf("ctl:%s is not known: check the spelling", name)
	}
	return c, "", err
}

func parseExclusion(text string) (*exclusion, error) {
	name, key, _ := strings.Cut(strings.TrimSpace(text), ":")
	name, key = strings.ToUpper(strings.TrimSpace(name)), strings.TrimSpace(key)
	if _, ok := lookupVariable(name); !ok {
		return nil, fmt.Errorf("%s is no variable: check the spelling", name)
	}
	e := &exclusion{variable: name}
	if len(key) > 2 && key[0] == '/' && key[len(key)-1] == '/' && key[len(key)-2] != '\\' {
		expr, err := regexp.Compile(key[1 : len(key)-1])
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", name, err)
		}
		e.expr = expr
		return e, nil
	}
	e.key = strings.ToLower(key)
	return e, nil
}

// parseRange reads an id or two with a dash between.
func parseRange(text string) (from, to int, err error) {
	first, last, ranged := strings.Cut(strings.TrimSpace(text), "-")
	if from, err = strconv.Atoi(first); err != nil || from <= 0 {
		return 0, 0, fmt.Errorf("%q is no rule id or range: write 942100 or 942100-942199", text)
	}
	if !ranged {
		return from, from, nil
	}
	if to, err = strconv.Atoi(last); err != nil || to < from {
		return 0, 0, fmt.Errorf("%q is no range of rule ids: write the lower first, as 942100-942199", text)
	}
	return from, to, nil
}

// metadata of a rule, known before it is compiled: directives remove by them.
type metadata struct {
	id, phase int
	msg       string
	severity  string
	silent    bool // nolog
	tags      []string
	skipAfter string
	skip      int
}

var severities = [...]string{"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"}

func parseSeverity(text string) (string, error) {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(severities) {
		return severities[n], nil
	}
	for _, s := range severities {
		if strings.EqualFold(s, text) {
			return s, nil
		}
	}
	return "", fmt.Errorf("severity:%s is not known: use one of %s", text, strings.Join(severities[:], ", "))
}

func parsePhase(text string) (int, error) {
	switch text {
	case "request":
		return 2, nil
	case "response":
		return 4, nil
	case "logging":
		return 5, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 5 {
		return n, nil
	}
	return 0, fmt.Errorf("phase:%s is not known: use 1 to 5", text)
}

// read takes the metadata out of actions; other actions are left alone.
func (m *metadata) read(actions []syntax.Action) (err error) {
	for _, a := range actions {
		switch a.Name {
		case "id":
			if m.id, err = strconv.Atoi(a.Value); err != nil || m.id <= 0 {
				return fmt.Errorf("id:%s is no number above 0", a.Value)
			}
		case "phase":
			if m.phase, err = parsePhase(a.Value); err != nil {
				return err
			}
		case "msg":
			m.msg = a.Value
		case "nolog", "log":
			m.silent = a.Name == "nolog"
		case "severity":
			if m.severity, err = parseSeverity(a.Value); err != nil {
				return err
			}
		case "tag":
			m.tags = append(m.tags, a.Value)
		case "skipafter":
			m.skipAfter = unquote(a.Value)
		case "skip":
			if m.skip, err = strconv.Atoi(a.Value); err != nil || m.skip < 1 {
				return fmt.Errorf("skip:%s is no number above 0", a.Value)
			}
		}
	}
	return nil
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

var disruptive = map[string]bool{
	"allow": true, "block": true, "deny": true, "drop": true, "pass": true, "redirect": true,
}

// without effect here; metadata is read elsewhere.
var ignoredActions = map[string]string{
	"log": "", "nolog": "", "auditlog": "", "noauditlog": "", "logdata": "", "status": "", "chain": "",
	"id": "", "phase": "", "msg": "", "rev": "", "ver": "", "severity": "", "tag": "", "maturity": "",
	"accuracy": "", "skip": "", "skipafter": "", "pass": "",
	"allow": reasonDecide, "block": "", "deny": "", "drop": "", "redirect": "",
	"initcol": reasonStorage, "expirevar": reasonStorage,
}

// act applies one action to a link.
func (c *compiler) act(l *link, a syntax.Action, at string) error {
	if reason, ok := ignoredActions[a.Name]; ok {
		if reason != "" {
			c.ignore(at, a.Name, reason)
		}
		return nil
	}
	switch a.Name {
	case "capture":
		l.capture = true
	case "multimatch":
		l.multi = true
	case "t":
		if strings.EqualFold(a.Value, "none") {
			l.steps = nil
			return nil
		}
		f, ok := transform.Lookup(a.Value)
		if !ok {
			return fmt.Errorf("t:%s is not known: check the spelling of the transformation", a.Value)
		}
		l.steps = append(l.steps, f)
	case "setvar":
		s, err := parseSetvar(a.Value)
		if err != nil {
			return err
		}
		l.effects = append(l.effects, effect{set: s})
	case "ctl":
		ctl, reason, err := parseControl(a.Value)
		if err != nil {
			return err
		}
		if ctl == nil {
			c.ignore(at, "ctl:"+a.Value, reason)
			return nil
		}
		l.effects = append(l.effects, effect{ctl: ctl})
	case "exec", "setenv":
		return errors.New(a.Name + " is refused, for rules must not reach out of this program: remove it")
	default:
		return fmt.Errorf("the action %s is not known: check the spelling", a.Name)
	}
	return nil
}
