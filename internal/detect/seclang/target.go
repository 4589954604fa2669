package seclang

import (
	"fmt"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/detect/seclang/syntax"
)

// target is one variable that a link looks at.
type target struct {
	variable *variable
	// key selects one key, lower case; expr selects by an expression over the
	// lower-case key; with neither, all are meant.
	key      string
	expr     *regexp.Regexp
	count    bool
	excepted []exclusion
}

// compileTargets joins a list of variables. An exclusion takes away from the
// variables of its name that stand before it.
func compileTargets(variables []syntax.Variable) ([]target, error) {
	var targets []target
	for _, v := range variables {
		known, ok := lookupVariable(v.Name)
		if !ok {
			return nil, fmt.Errorf("the variable %s is not known: check the spelling", v.Name)
		}
		if v.Key != "" && !known.selectable() {
			return nil, fmt.Errorf("%s holds one value only: remove the key %s", v.Name, v.Key)
		}
		if known.name == "XML" {
			known.name = "REQUEST_XML" // as it is reported
		}
		key := v.Key
		if !known.keepCase {
			key = strings.ToLower(key)
		}
		var expr *regexp.Regexp
		if v.Regex {
			var err error
			if expr, err = regexp.Compile(key); err != nil {
				return nil, fmt.Errorf("the key of %s: %w", v.Name, err)
			}
			key = ""
		}
		if !v.Exclude {
			// The collections of arguments fold the case of a key, their names do not.
			if known.keepCase && !known.names {
				key = strings.ToLower(key)
			}
			targets = append(targets, target{variable: known, key: key, expr: expr, count: v.Count})
			continue
		}
		for i := range targets {
			if targets[i].variable.name == known.name {
				targets[i].excepted = append(targets[i].excepted,
					exclusion{variable: known.name, key: strings.ToLower(key), expr: expr})
			}
		}
	}
	if len(targets) == 0 && len(variables) > 0 && !allExclude(variables) {
		return nil, fmt.Errorf("the list of variables takes away from nothing: name a variable first")
	}
	return targets, nil
}

func allExclude(variables []syntax.Variable) bool {
	for _, v := range variables {
		if !v.Exclude {
			return false
		}
	}
	return true
}

// selects says whether the target wants a key, given in lower case too.
func (t *target) selects(lower string) bool {
	switch {
	case t.expr != nil:
		return t.expr.MatchString(lower)
	case t.key != "":
		return t.key == lower
	}
	return true
}

func (e *exclusion) covers(lower string) bool {
	if e.expr != nil {
		return e.expr.MatchString(lower)
	}
	return e.key == "" || e.key == lower
}

func covered(list []exclusion, lower string) bool {
	for i := range list {
		if list[i].covers(lower) {
			return true
		}
	}
	return false
}
