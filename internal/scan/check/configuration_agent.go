package check

import (
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/mule"
)

// forAgents says whether an element is of the connectors that agents speak to.
func forAgents(e *document.Element) bool {
	return e != nil && (e.Name.Space == spaceMCP || e.Name.Space == spaceA2A)
}

func openAgentServer(c *Context) {
	s := surveyOf(c)
	names, open := s.discovered()
	if open || c.Project.Kind == mule.Domain {
		return
	}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !forAgents(e) || e.Name.Local != "server-config" {
			return
		}
		listener := s.listenerOf(e)
		if listener == nil || s.mutual(listener) || s.every(listener.Child(spaceHTTP, "listener-connection").Value("host"), isLoopback) {
			return
		}
		for _, flow := range c.Project.Flows {
			if forAgents(flow.Source) && flow.Source.Value("config-ref") == e.Value("name") && (names[flow.Name] || s.guarded(flow)) {
				return
			}
		}
		c.Report(Report{Place: c.Element(f, e), Message: "nothing was found that checks who calls " + titled(e)})
	})
}

// listenerOf is the HTTP listener that a configuration uses, nil for none.
func (s *survey) listenerOf(config *document.Element) *document.Element {
	var found *document.Element
	config.Walk(func(e *document.Element) bool {
		for i := range e.Attrs {
			if g := s.Project.Global(e.Attrs[i].Value.Text); g.Is(spaceHTTP, "listener-config") {
				found = g
			}
		}
		return found == nil
	})
	return found
}

// agentFlows visits the elements that each tool or task of an agent can reach,
// until visit says false.
func (s *survey) agentFlows(visit func(tool, at *mule.Flow, e *document.Element) bool) {
	for _, flow := range s.Project.Flows {
		if !forAgents(flow.Source) {
			continue
		}
		done := false
		s.reach(flow, func(at *mule.Flow, e *document.Element) bool {
			done = done || !visit(flow, at, e)
			return !done
		})
	}
}

// writes says whether an operation changes something.
func writes(e *document.Element) bool {
	local := e.Name.Local
	switch strings.TrimPrefix(e.Name.Space, "http://www.mulesoft.org/schema/mule/") {
	case "db":
		switch local {
		case "insert", "update", "delete", "bulk-insert", "bulk-update", "bulk-delete", "execute-script", "execute-ddl":
			return true
		}
	case "http":
		switch strings.ToUpper(e.Value("method")) {
		case "POST", "PUT", "PATCH", "DELETE":
			return local == "request"
		}
	case "salesforce", "mongo", "workday", "servicenow", "netsuite":
		return strings.HasPrefix(local, "create") || strings.HasPrefix(local, "update") || strings.HasPrefix(local, "upsert") ||
			strings.HasPrefix(local, "delete") || strings.HasPrefix(local, "insert") || strings.HasPrefix(local, "remove")
	case "file", "ftp", "sftp", "smb":
		return local == "write" || local == "move" || local == "rename"
	case "email":
		return local == "send"
	case "jms", "amqp", "kafka", "anypoint-mq", "vm":
		return strings.HasPrefix(local, "publish")
	}
	return false
}

// validates says whether an element decides about values.
func validates(e *document.Element) bool {
	return strings.HasSuffix(e.Name.Space, "/validation") || e.Is(spaceCore, "choice") || e.Is(spaceCore, "raise-error") ||
		e.Name.Local == "validate-schema" || guards(e)
}

func agentToolWrites(c *Context) {
	s := surveyOf(c)
	checked, told := map[*mule.Flow]bool{}, map[*document.Element]bool{}
	s.agentFlows(func(tool, at *mule.Flow, e *document.Element) bool {
		checked[tool] = checked[tool] || validates(e)
		if !writes(e) || checked[tool] || told[e] {
			return !checked[tool]
		}
		told[e] = true
		c.Report(Report{Place: c.Element(at.File, e), Message: titled(e) + " changes data for the agent tool " + tool.Name + " without a check of its arguments"})
		return false
	})
}

func agentToolRunsCode(c *Context) {
	s := surveyOf(c)
	told := map[*document.Element]bool{}
	s.agentFlows(func(tool, at *mule.Flow, e *document.Element) bool {
		what := ""
		switch {
		case strings.HasSuffix(e.Name.Space, "/scripting") && e.Name.Local == "execute":
			what = " runs a script"
		case e.Is(spaceEE, "dynamic-evaluate"):
			what = " evaluates an expression"
		case e.Name.Local == "delete" && e.Attr("path") != nil && strings.Contains(e.Value("path"), "#["):
			what = " deletes the file that is named"
		}
		if what == "" || told[e] {
			return true
		}
		told[e] = true
		c.Report(Report{Place: c.Element(at.File, e), Message: titled(e) + what + " for the agent tool " + tool.Name})
		return true
	})
}

var toldError = regexp.MustCompile(`\berror\.(description|detailedDescription|cause|errorMessage|childErrors|exception)`)

func agentToolErrorText(c *Context) {
	s := surveyOf(c)
	for _, flow := range c.Project.Flows {
		if !forAgents(flow.Source) || flow.ErrorHandler == nil {
			continue
		}
		s.reach(&mule.Flow{Name: flow.Name, File: flow.File, Element: flow.ErrorHandler}, func(at *mule.Flow, e *document.Element) bool {
			if e.Name.Local != "set-payload" {
				return true
			}
			text := e.Value("value")
			if t := e.Content(); t != nil {
				text += t.Value.Text
			}
			if toldError.MatchString(text) {
				c.Report(Report{Place: c.Element(at.File, e), Message: "the agent tool " + flow.Name + " hands out the text of the error"})
			}
			return true
		})
	}
}

func plainAgentConnection(c *Context) {
	s := surveyOf(c)
	s.each(func(f *mule.XMLFile, e *document.Element) {
		if !forAgents(e) {
			return
		}
		for i := range e.Attrs {
			a := &e.Attrs[i]
			plain := func(v string) bool { return strings.HasPrefix(strings.ToLower(v), "http://") && !isInside(hostOf(v)) }
			if a.Name.Space == "" && (s.where(a.Value.Text, plain) == deployed || plain(a.Value.Text) && strings.Contains(a.Value.Text, "${")) {
				c.Report(Report{Place: c.Attribute(f, e, a.Name.Local), Detail: "@" + a.Name.Local, Message: "the agent connection of " + ownerOf(e) + " goes without TLS"})
			}
		}
	})
}
