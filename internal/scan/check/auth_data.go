package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/spec"
)

var (
	// oneKey is SQL whose only condition is one key.
	oneKey = regexp.MustCompile(`(?is)\bwhere\s+[("\x60\[]*(?:\w+\.)?["\x60\[]?(\w*?(?:id|_id|number|uuid|no|key|code))["\x60\]]?\s*=\s*:(\w+)[)\s;]*$`)
	// identity are expressions that look at who calls.
	identity = regexp.MustCompile(`(?i)authentication\s*\.|principal|claims|\bsub\b|x-user|user[-_]?id|customer[-_]?id|tenant|owner`)
)

func objectWithoutOwner(c *Context) {
	s := surveyOf(c)
	fromRequest := s.requestVariables()
	for _, flow := range c.Project.Flows {
		if c.Taint == nil || !c.Taint.Reached[flow] {
			continue
		}
		knows := false
		var suspects []Report
		flow.Element.Walk(func(e *document.Element) bool {
			eachCodeOf(c, flow.File, e, func(code snippet) { knows = knows || identity.MatchString(code.Text) })
			if key := s.onlyKey(flow.File, e, fromRequest); key != "" {
				suspects = append(suspects, Report{
					Place:   c.Element(flow.File, e),
					Message: titled(e) + " takes the " + key + " of the request as its only condition, so callers may reach what belongs to others",
				})
			}
			return true
		})
		if knows {
			continue
		}
		for _, r := range suspects {
			c.Report(r)
		}
	}
}

// requestVariables are the variables that are set to a parameter of the request.
func (s *survey) requestVariables() map[string]bool {
	out := map[string]bool{}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if e.Name.Local != "set-variable" {
			return
		}
		eachCodeOf(s.Context, f, e, func(code snippet) {
			if isParameter(pathOf(code.Tree.Body)) {
				out["vars."+e.Value("variableName")] = true
			}
		})
	})
	return out
}

func isParameter(path string) bool {
	return strings.HasPrefix(path, "attributes.uriParams.") || strings.HasPrefix(path, "attributes.queryParams.")
}

// onlyKey is the column that a statement's only condition compares with a parameter
// of the request, empty where there is more to it.
func (s *survey) onlyKey(f *mule.XMLFile, e *document.Element, fromRequest map[string]bool) string {
	if e.Name.Space != spaceDB || e.Name.Local != "select" && e.Name.Local != "update" && e.Name.Local != "delete" {
		return ""
	}
	sql := e.Child(spaceDB, "sql").Content()
	if sql == nil {
		return ""
	}
	m := oneKey.FindStringSubmatch(sql.Value.Text)
	parameters := e.Child(spaceDB, "input-parameters")
	if m == nil || parameters == nil {
		return ""
	}
	code := s.Project.Script(f, parameters)
	if code == nil || code.Tree == nil {
		return ""
	}
	o, ok := bare(code.Tree.Body).(*syntax.Object)
	if !ok {
		return ""
	}
	for _, field := range o.Fields {
		if fieldName(field) != m[2] {
			continue
		}
		if path := pathOf(field.Value); isParameter(path) || fromRequest[path] {
			return m[1]
		}
	}
	return ""
}

// everyColumn is SQL that asks for all columns of a table.
var everyColumn = regexp.MustCompile(`(?is)^\s*(?:#\[\s*["'])?\s*select\s+(distinct\s+)?(\w+\.)?\*\s+from\b`)

func wholeAnswers(c *Context) {
	for _, flow := range c.Project.Flows {
		if !flow.Source.Is(spaceHTTP, "listener") && flow.Operation == nil {
			continue
		}
		var last *document.Element
		for _, step := range flow.Steps {
			switch {
			case step.Is(spaceDB, "select") && step.Attr("target") == nil:
				last = step
			case last != nil && !passesOn(c, flow.File, step):
				last = nil
			}
		}
		if last == nil {
			continue
		}
		if sql := last.Child(spaceDB, "sql").Content(); sql != nil && everyColumn.MatchString(sql.Value.Text) {
			c.Report(Report{Place: c.Element(flow.File, last), Message: "all columns that " + titled(last) + " reads are answered to the client"})
		}
	}
}

// passesOn says whether a step leaves the payload what it is, but for its format.
func passesOn(c *Context, f *mule.XMLFile, e *document.Element) bool {
	switch {
	case e.Is(spaceCore, "logger"), e.Is(spaceCore, "set-variable"), e.Is(spaceCore, "remove-variable"), strings.HasSuffix(e.Name.Space, "/json-logger"):
		return true
	case e.Is(spaceCore, "set-payload"):
		a := e.Attr("value")
		if a == nil {
			return false
		}
		code := c.Project.Expression(f, e, &a.Value)
		return code != nil && pathOf(code.Tree.Body) == "payload"
	case e.Is(spaceEE, "transform"):
		set := e.Child(spaceEE, "message").Child(spaceEE, "set-payload")
		if set == nil {
			return true
		}
		code := c.Project.Script(f, set)
		return code != nil && code.Tree != nil && pathOf(code.Tree.Body) == "payload"
	}
	return false
}

// adminPath are paths of operations that are for few.
var adminPath = regexp.MustCompile(`(?i)(^|/)(admin|administrator|internal|management|superuser|backoffice)(/|$)`)

func adminOperations(c *Context) {
	s := surveyOf(c)
	for _, d := range s.describedAPIs() {
		f := s.file(d.config)
		if f == nil {
			continue
		}
		others := map[string]bool{}
		for i := range d.Description.Operations {
			if o := &d.Description.Operations[i]; !adminPath.MatchString(o.Path) {
				others[securityKey(o.Security)] = true
			}
		}
		for i := range d.Description.Operations {
			o := &d.Description.Operations[i]
			if adminPath.MatchString(o.Path) && others[securityKey(o.Security)] {
				c.Report(Report{
					Place: c.Element(f, d.config), Detail: o.Method + " " + o.Path,
					Message: o.Method + " " + o.Path + " asks no more of callers than operations for everybody",
				})
				break
			}
		}
	}
}

// securityKey is what an operation asks of callers, as a text to compare.
func securityKey(alternatives [][]spec.Requirement) string {
	all := make([]string, 0, len(alternatives))
	for _, together := range alternatives {
		one := make([]string, 0, len(together))
		for _, r := range together {
			one = append(one, fmt.Sprintf("%v", r))
		}
		slices.Sort(one)
		all = append(all, strings.Join(one, "&"))
	}
	slices.Sort(all)
	return strings.Join(all, "|")
}
