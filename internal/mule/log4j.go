package mule

import (
	"path"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
)

// Logging is one configuration of log4j 2.
type Logging struct {
	File      *XMLFile
	Appenders []*Appender
	Loggers   []*Logger
}

// Appender is where messages are written to.
type Appender struct {
	// Name is what loggers call it; Kind its element or type, as "RollingFile".
	Name, Kind string
	Element    *document.Element
	// Layouts are its layouts; several where it has one for each pattern.
	Layouts []*Layout
}

// Layout is how an appender writes a message.
type Layout struct {
	// Kind is its element or type, as "PatternLayout".
	Kind    string
	Element *document.Element
	// Pattern is that of a PatternLayout, Value where it stands; nil for none.
	Pattern string
	Value   *document.Value
}

// Structured says that a layout writes each message as one JSON, XML or GELF value,
// or escapes line ends, so that a message can't pretend to be two.
func (l *Layout) Structured() bool {
	switch strings.ToLower(l.Kind) {
	case "jsonlayout", "jsontemplatelayout", "xmllayout", "gelflayout", "yamllayout", "rfc5424layout", "ecslayout", "logstashlayout":
		return true
	}
	return strings.Contains(l.Pattern, "%enc{") || strings.Contains(l.Pattern, "%encode{")
}

// Logger is a logger and its level.
type Logger struct {
	// Name is that of the package or class; empty for the root.
	Name  string
	Root  bool
	Async bool
	// Level is in capitals, empty where it is inherited.
	Level   string
	Element *document.Element
	// Appenders are the names of those that it refers to.
	Appenders []string
}

// readLogging finds the configurations of log4j 2 among the documents.
func readLogging(p *Project) {
	for _, f := range p.Documents {
		name := strings.ToLower(path.Base(f.Name))
		if !strings.HasPrefix(name, "log4j") || f.Document == nil || !plainly(f.Document.Root, "configuration") {
			continue
		}
		l := &Logging{File: f}
		for _, e := range f.Document.Root.Elements() {
			switch {
			case plainly(e, "appenders"):
				l.appenders(e)
			case plainly(e, "loggers"):
				l.loggers(e)
			}
		}
		p.Logging = append(p.Logging, l)
	}
}

// plainly compares the name of an element as log4j does, without regard to case.
func plainly(e *document.Element, name string) bool {
	return e != nil && strings.EqualFold(e.Name.Local, name)
}

// plugin is what an element of log4j configures: its name, or its type in the
// strict form.
func plugin(e *document.Element) string {
	if t := attribute(e, "type"); t != nil && (plainly(e, "appender") || plainly(e, "layout")) {
		return t.Value.Text
	}
	return e.Name.Local
}

// attribute is one of log4j, whose names have no case.
func attribute(e *document.Element, name string) *document.Attr {
	for i := range e.Attrs {
		if strings.EqualFold(e.Attrs[i].Name.Local, name) {
			return &e.Attrs[i]
		}
	}
	return nil
}

func attributeText(e *document.Element, name string) string {
	if a := attribute(e, name); a != nil {
		return a.Value.Text
	}
	return ""
}

func (l *Logging) appenders(all *document.Element) {
	for _, e := range all.Elements() {
		a := &Appender{Name: attributeText(e, "name"), Kind: plugin(e), Element: e}
		e.Walk(func(inner *document.Element) bool {
			if kind := plugin(inner); strings.HasSuffix(strings.ToLower(kind), "layout") {
				a.Layouts = append(a.Layouts, layout(inner, kind))
			}
			return true
		})
		l.Appenders = append(l.Appenders, a)
	}
}

func layout(e *document.Element, kind string) *Layout {
	out := &Layout{Kind: kind, Element: e}
	if a := attribute(e, "pattern"); a != nil {
		out.Value = &a.Value
	}
	for _, child := range e.Elements() {
		if c := child.Content(); c != nil && plainly(child, "pattern") {
			out.Value = &c.Value
		}
	}
	if out.Value != nil {
		out.Pattern = out.Value.Text
	}
	return out
}

func (l *Logging) loggers(all *document.Element) {
	for _, e := range all.Elements() {
		name := strings.ToLower(e.Name.Local)
		if name != "logger" && name != "root" && name != "asynclogger" && name != "asyncroot" {
			continue
		}
		g := &Logger{
			Name: attributeText(e, "name"), Root: strings.HasSuffix(name, "root"), Async: strings.HasPrefix(name, "async"),
			Level: strings.ToUpper(attributeText(e, "level")), Element: e,
		}
		for _, ref := range e.Elements() {
			if plainly(ref, "appenderref") || plainly(ref, "appender-ref") {
				g.Appenders = append(g.Appenders, attributeText(ref, "ref"))
			}
		}
		l.Loggers = append(l.Loggers, g)
	}
}
