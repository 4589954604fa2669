package check

import (
	"fmt"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
)

// shared are the checks that configurations of a domain must pass, and how bad it
// is when they don't.
func shared() []struct {
	run      Func
	severity finding.Severity
} {
	return []struct {
		run      Func
		severity finding.Severity
	}{
		{certificateChecksOff, finding.High},
		{listenerWithoutContext, finding.Medium},
		{oldProtocols, finding.High},
		{weakSuites, finding.High},
		{plainFTP, finding.High},
		{sftpHostKey, finding.Medium},
		{plainHTTPListener, finding.Medium},
		{plainRequest, finding.Medium},
		{plainMail, finding.Medium},
		{plainDatabase, finding.Medium},
		{plainBroker, finding.Medium},
	}
}

func domainWeakness(c *Context) {
	domain := c.Project.Shared
	if domain == nil || c.Project.Kind == mule.Domain {
		return
	}
	s := surveyOf(c)
	users := s.domainUsers(domain)
	if len(users) == 0 {
		return
	}
	for _, one := range shared() {
		one.run(New(c.Context, domain, nil, nil, func(r Report) {
			if r.Severity == 0 {
				r.Severity = one.severity
			}
			if r.Severity > finding.Low {
				s.domainReport(domain, users, r)
			}
		}))
	}
}

// user is an element of the application that uses a configuration.
type user struct {
	file    *mule.XMLFile
	element *document.Element
	name    string
}

// domainUsers are the first users of each configuration of a domain, by its name;
// one that another configuration there uses counts as used by whoever uses that.
func (s *survey) domainUsers(domain *mule.Project) map[string]user {
	there := map[string]*document.Element{}
	for _, g := range domain.Globals {
		if name := g.Value("name"); name != "" {
			there[name] = g
		}
	}
	users := map[string]user{}
	s.each(func(f *mule.XMLFile, e *document.Element) {
		for i := range e.Attrs {
			a := &e.Attrs[i]
			if there[a.Value.Text] == nil || a.Name.Space != "" || !isReference(a.Name.Local) || s.Project.Global(a.Value.Text) != there[a.Value.Text] {
				continue
			}
			if _, known := users[a.Value.Text]; !known {
				users[a.Value.Text] = user{f, e, a.Name.Local}
			}
		}
	})
	for _, name := range sortedKeys(users) {
		there[name].Walk(func(e *document.Element) bool {
			for i := range e.Attrs {
				inner := e.Attrs[i].Value.Text
				if _, known := users[inner]; !known && there[inner] != nil {
					users[inner] = users[name]
				}
			}
			return true
		})
	}
	return users
}

// domainReport tells of a weakness in the domain where the application uses it.
func (s *survey) domainReport(domain *mule.Project, users map[string]user, r Report) {
	e := r.Element
	for e != nil && e.Parent != nil && e.Parent.Parent != nil {
		e = e.Parent
	}
	if e == nil {
		return
	}
	used, ok := users[e.Value("name")]
	if !ok {
		return
	}
	line, _ := e.Document.Position(r.Span.Start)
	s.Report(Report{
		Place: s.Attribute(used.file, used.element, used.name), Detail: e.Value("name") + " " + r.Element.Name.Local + " " + r.Message,
		Message:  fmt.Sprintf("%s uses %s of the domain %s: %s (%s:%d)", titled(used.element), e.Value("name"), domain.Name, r.Message, r.File.Name, line),
		Severity: r.Severity, Confidence: r.Confidence,
	})
}
