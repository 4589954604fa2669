package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/dataweave/syntax"
	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
)

// errorChecks lists the checks of what happens when something fails.
func errorChecks() []entry[Func] {
	return []entry[Func]{
		{"error-text", leakedText},
		{"error-object", leakedError},
		{"security-failure-continues", securityFailureContinues},
		{"no-error-handler", noErrorHandler},
	}
}

// wholeError says whether a hit is about the error as such, its exception or a stack
// trace, not about texts in it. In Mule 3 these can't be told apart, except where
// something prints the stack.
func (c *Context) wholeError(h taint.Hit) bool {
	what := h.Source.What
	if c.Project.Major == 3 {
		return c.printsStack(h)
	}
	return what == "error" || what == "error.exception" && !c.messageOnly(h) || strings.Contains(strings.ToLower(what), "stacktrace")
}

// stackPrinted are the calls that print a stack.
var stackPrinted = regexp.MustCompile(`\b(?:get(?:Full|RootCause)?StackTrace|printStackTrace)\b`)

// printsStack says whether the stack of an exception is printed on the way of a hit.
func (c *Context) printsStack(h taint.Hit) bool {
	printed := func(e *document.Element) bool {
		for _, target := range errorTargets(e) {
			for i := range target.Attrs {
				if stackPrinted.MatchString(target.Attrs[i].Value.Text) {
					return true
				}
			}
			if t := target.Content(); t != nil && stackPrinted.MatchString(t.Value.Text) {
				return true
			}
		}
		return false
	}
	for _, step := range h.Way {
		if step.At.Element != nil && printed(step.At.Element) {
			return true
		}
	}
	return h.At.Element != nil && printed(h.At.Element)
}

// messageOnly says whether nothing but the message of an exception is taken on the
// way of a hit.
func (c *Context) messageOnly(h taint.Hit) bool {
	messages, others := 0, 0
	elements := []*document.Element{h.At.Element}
	for _, step := range h.Way {
		elements = append(elements, step.At.Element)
	}
	for _, e := range elements {
		if e == nil {
			continue
		}
		f := surveyOf(c).file(e)
		for _, target := range errorTargets(e) {
			if f == nil {
				break
			}
			eachCodeOf(c, f, target, func(s snippet) {
				shows(s.Tree.Body, func(_ syntax.Node, path string) {
					switch {
					case path == "error.exception.message" || path == "error.exception.localizedMessage" || path == "error.exception.info.message":
						messages++
					case strings.HasPrefix(path, "error.exception"):
						others++
					}
				})
			})
		}
	}
	return messages > 0 && others == 0
}

func leakedText(c *Context) {
	whole := map[*document.Element]bool{}
	for _, h := range c.hitsOf("MS-ERR-02") {
		whole[h.At.Element] = whole[h.At.Element] || c.wholeError(h)
	}
	told := map[*document.Element]bool{}
	for _, h := range c.hitsOf("MS-ERR-01") {
		if c.wholeError(h) || whole[h.At.Element] || told[h.At.Element] {
			continue
		}
		told[h.At.Element] = true
		what := h.Source.What
		if !strings.Contains(what, ".") {
			what = "the text of an error"
		}
		c.Report(hitReport(h, what+" reaches the client"))
	}
}

func leakedError(c *Context) {
	told := map[*document.Element]bool{}
	for _, h := range c.hitsOf("MS-ERR-02") {
		if !c.wholeError(h) || told[h.At.Element] {
			continue
		}
		told[h.At.Element] = true
		message := "the whole error reaches the client"
		if h.Source.What != "error" {
			message = "the exception of an error reaches the client"
		}
		c.Report(hitReport(h, message))
	}
}

// checksCaller are names of flows, paths and elements that check credentials.
var checksCaller = regexp.MustCompile(`(?i)authenticat|authoriz|authoris|auth[-_ ]?check|check[-_ ]?auth|(validate|verify|check)[-_ ]?(access[-_ ]?)?(token|jwt|signature|credential|client|api[-_ ]?key)|introspect|jwt[-_ ]?validat|userinfo|security[-_ ]?filter`)

// refusal are the types of errors that say that a caller is refused.
var refusal = regexp.MustCompile(`(?i)UNAUTHORIZED|FORBIDDEN|SECURITY|VALIDATION:|AUTH|JWT|TOKEN|^\s*(MULE:)?ANY\s*$|^\s*$`)

func securityFailureContinues(c *Context) {
	for _, flow := range c.Project.Flows {
		flow.Element.Walk(func(e *document.Element) bool {
			if !e.Is(spaceCore, "try") || !followed(e) {
				return true
			}
			check := callerCheck(e)
			if check == nil {
				return true
			}
			handler := e.Child(spaceCore, "error-handler")
			for _, h := range handler.Elements() {
				if h.Is(spaceCore, "on-error-continue") && h.Value("when") == "" && refusesIn(h.Value("type")) && onlyTells(h) {
					c.Report(Report{Place: c.Element(flow.File, h), Message: "when " + titled(check) + " refuses the caller, the flow goes on"})
				}
			}
			return true
		})
	}
}

func refusesIn(types string) bool {
	for _, t := range strings.Split(types, ",") {
		if refusal.MatchString(t) {
			return true
		}
	}
	return false
}

// followed says whether something that is no log line stands behind an element.
func followed(e *document.Element) bool {
	behind := false
	for _, sibling := range e.Parent.Elements() {
		if sibling == e {
			behind = true
		} else if behind && !sibling.Is(spaceCore, "logger") && !sibling.Is(spaceCore, "error-handler") {
			return true
		}
	}
	return false
}

// callerCheck is the step of a try that checks who calls, nil for none.
func callerCheck(try *document.Element) *document.Element {
	for _, e := range try.Elements() {
		switch {
		case e.Is(spaceCore, "error-handler"):
		case e.Is(spaceCore, "flow-ref") && checksCaller.MatchString(e.Value("name")),
			e.Is(spaceHTTP, "request") && checksCaller.MatchString(e.Value("path")+" "+e.Value("url")),
			!isCoreSpace(e.Name.Space) && checksCaller.MatchString(e.Name.Local):
			return e
		}
	}
	return nil
}

// onlyTells says whether a handler does no more than to log, so that nothing behind
// it can know that something failed.
func onlyTells(handler *document.Element) bool {
	for _, e := range handler.Elements() {
		if !e.Is(spaceCore, "logger") && !strings.HasSuffix(e.Name.Space, "/json-logger") {
			return false
		}
	}
	return true
}

func noErrorHandler(c *Context) {
	for _, g := range c.Project.Globals {
		if g.Is(spaceCore, "configuration") && (g.Attr("defaultErrorHandler-ref") != nil || g.Attr("defaultExceptionStrategy-ref") != nil) {
			return
		}
	}
	for _, f := range c.Project.Flows {
		if !f.Source.Is(spaceHTTP, "listener") || f.ErrorHandler != nil || !mayFail(c.Project, f) || wrapped(f) {
			continue
		}
		c.Report(Report{Place: c.Element(f.File, f.Source), Message: "the flow " + f.Name + " answers failures as the listener does by default"})
	}
}

// wrapped says whether all of a flow stands in one try.
func wrapped(f *mule.Flow) bool {
	for _, step := range f.Steps {
		if !step.Is(spaceCore, "try") && !step.Is(spaceCore, "logger") {
			return false
		}
	}
	return len(f.Steps) > 0
}

// mayFail says whether a flow does more than to answer a constant.
func mayFail(p *mule.Project, f *mule.Flow) bool {
	found := false
	for _, step := range f.Steps {
		step.Walk(func(e *document.Element) bool {
			switch {
			case e.Is(spaceAPIkit, "console"):
				return false
			case !isCoreSpace(e.Name.Space), e.Is(spaceEE, "transform"), e.Is(spaceCore, "flow-ref"):
				found = true
			}
			return !found
		})
	}
	return found && p.Kind != mule.Library
}
