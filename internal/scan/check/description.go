package check

import (
	"net/http"
	"path"
	"regexp"
	"strings"

	"farrier.dev/farrier/internal/encoding/xmltext/document"
	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan/taint"
	"farrier.dev/farrier/internal/spec"
)

// descriptions lists the checks that hold flows against descriptions of APIs.
func descriptions() []entry[Func] {
	return []entry[Func]{
		{"operation-without-flow", operationWithoutFlow},
		{"flow-without-operation", flowWithoutOperation},
		{"security-not-enforced", securityNotEnforced},
		{"unconstrained-string", unconstrainedString},
		{"undescribed-route", undescribedRoute},
		{"media-type-differs", mediaTypeDiffers},
	}
}

// described is an API that routers serve by a description.
type described struct {
	*spec.Document
	api    *mule.API
	name   string
	config *document.Element
	// mains are the flows with its routers, flows those of its operations.
	mains, flows []*mule.Flow
	operations   map[string]*spec.Operation
}

// describedAPIs are the APIs of the project that a router serves and whose
// description can be read.
func (s *survey) describedAPIs() []*described {
	if !s.read {
		s.described, s.read = s.readAPIs(), true
	}
	return s.described
}

func (s *survey) readAPIs() []*described {
	var out []*described
	for _, api := range s.Project.APIs {
		if api.Config == nil || s.Err() != nil {
			continue
		}
		d := &described{api: api, config: api.Config, name: api.Config.Value("name"), operations: map[string]*spec.Operation{}}
		for _, flow := range s.Project.Flows {
			for _, r := range s.routers(flow) {
				if r.Value("config-ref") == d.name {
					d.mains = append(d.mains, flow)
				}
			}
			if o := flow.Operation; o != nil && (o.Config == d.name || o.Config == "" && len(s.Project.APIs) == 1) {
				d.flows = append(d.flows, flow)
			}
		}
		if len(d.mains) == 0 {
			continue
		}
		if d.Document = readDescription(s.Project, api.File); d.Document == nil || d.Description == nil {
			continue
		}
		for i := range d.Description.Operations {
			o := &d.Description.Operations[i]
			d.operations[operationKey(o.Method, o.Path)] = o
		}
		out = append(out, d)
	}
	return out
}

var templateName = regexp.MustCompile(`\{[^{}/]*\}`)

// operationKey is method and path, whatever the templates in it are called.
func operationKey(method, at string) string {
	return strings.ToUpper(method) + " " + strings.TrimSuffix(templateName.ReplaceAllString(at, "{}"), "/")
}

// of is the operation that a flow implements, nil for none.
func (d *described) of(flow *mule.Flow) *spec.Operation {
	if flow == nil || flow.Operation == nil {
		return nil
	}
	return d.operations[operationKey(flow.Operation.Method, flow.Operation.Path)]
}

func operationWithoutFlow(c *Context) {
	s := surveyOf(c)
	for _, d := range s.describedAPIs() {
		f := s.file(d.config)
		if f == nil || len(d.flows) == 0 {
			continue
		}
		served := map[string]bool{}
		for _, flow := range d.flows {
			served[operationKey(flow.Operation.Method, flow.Operation.Path)] = true
		}
		d.config.Walk(func(e *document.Element) bool {
			if e.Name.Local == "flow-mapping" {
				served[operationKey(e.Value("action"), e.Value("resource"))] = true
			}
			return true
		})
		for i := range d.Description.Operations {
			o := &d.Description.Operations[i]
			if served[operationKey(o.Method, o.Path)] || o.Method == http.MethodOptions || o.Method == http.MethodHead {
				continue
			}
			c.Report(Report{
				Place: c.Element(f, d.config), Detail: o.Method + " " + o.Path,
				Message: o.Method + " " + o.Path + " is described in " + path.Base(d.api.File) + ", and no flow implements it",
			})
		}
	}
}

func flowWithoutOperation(c *Context) {
	s := surveyOf(c)
	for _, d := range s.describedAPIs() {
		for _, flow := range d.flows {
			if flow.Operation.Config == "" || d.of(flow) != nil {
				continue
			}
			c.Report(Report{
				Place:   c.Attribute(flow.File, flow.Element, "name"),
				Message: flow.Operation.Method + " " + flow.Operation.Path + " is not described in " + path.Base(d.api.File),
			})
		}
	}
}

// secured says whether callers of an operation must prove who they are.
func secured(o *spec.Operation) bool {
	for _, alternative := range o.Security {
		if len(alternative) == 0 {
			return false
		}
	}
	return len(o.Security) > 0
}

func securityNotEnforced(c *Context) {
	s := surveyOf(c)
	names, open := s.discovered()
	if open {
		return
	}
	for _, d := range s.describedAPIs() {
		first := -1
		for i := range d.Description.Operations {
			if secured(&d.Description.Operations[i]) && first < 0 {
				first = i
			}
		}
		if first < 0 {
			continue
		}
		enforced := false
		for _, flow := range d.flows {
			enforced = enforced || s.guarded(flow)
		}
		for _, flow := range d.mains {
			if enforced || !s.listens(flow) || names[flow.Name] || s.guarded(flow) {
				continue
			}
			o := d.Description.Operations[first]
			at := c.Element(flow.File, flow.Source)
			if router := s.routers(flow)[0]; router.Document == flow.File.Document {
				at = c.Element(flow.File, router)
			}
			r := Report{
				Place: at, Also: []*document.Element{flow.Source, flow.Element},
				Message: path.Base(d.api.File) + " secures " + o.Method + " " + o.Path + " and others, and nothing in the application looks at credentials",
			}
			if s.unplaced() {
				r.Severity = finding.Medium
			}
			c.Report(r)
		}
	}
}

func undescribedRoute(c *Context) {
	s := surveyOf(c)
	all := s.describedAPIs()
	if len(all) == 0 {
		return
	}
	for _, flow := range c.Project.Flows {
		if !s.listens(flow) || len(s.routers(flow)) > 0 || healthPath.MatchString(s.listenerPath(flow)) || holdsElement(flow.Element, spaceAPIkit, "console") {
			continue
		}
		at := s.listenerPath(flow)
		known := false
		for _, d := range all {
			known = known || s.describes(d, at)
		}
		if !known {
			c.Report(Report{Place: c.Element(flow.File, flow.Source), Message: "the flow " + flow.Name + " serves " + at + ", which no description has"})
		}
	}
}

// describes says whether a description has an operation at a path of a listener.
func (s *survey) describes(d *described, at string) bool {
	for _, flow := range d.mains {
		if flow.Source == nil {
			continue
		}
		base := strings.TrimSuffix(strings.TrimSuffix(s.listenerPath(flow), "*"), "/")
		rest, inside := strings.CutPrefix(at, base)
		if !inside {
			continue
		}
		for i := range d.Description.Operations {
			if operationKey("", d.Description.Operations[i].Path) == operationKey("", rest) {
				return true
			}
		}
	}
	return false
}

// mediaTypeDiffers holds the last thing that a flow makes its answer of against
// what is described.
func mediaTypeDiffers(c *Context) {
	s := surveyOf(c)
	for _, d := range s.describedAPIs() {
		for _, flow := range d.flows {
			o := d.of(flow)
			if o == nil {
				continue
			}
			media, at := s.answerType(flow)
			if media == "" {
				continue
			}
			ranges, fits := successTypes(o, media)
			if ranges == "" || fits {
				continue
			}
			c.Report(Report{Place: at, Message: "the answer is " + media + ", " + path.Base(d.api.File) + " describes " + ranges})
		}
	}
}

// successTypes are the described media types of good answers, and whether one fits.
func successTypes(o *spec.Operation, media string) (ranges string, fits bool) {
	var all []string
	for i := range o.Responses {
		r := &o.Responses[i]
		if r.From != 0 && (r.To < 200 || r.From > 299) {
			continue
		}
		for j := range r.Content {
			all = append(all, r.Content[j].Range)
		}
		fits = fits || spec.MediaFor(r.Content, media) != nil
	}
	return strings.Join(all, ", "), fits
}

// answerType is the media type of the last payload that a flow makes, empty where
// that is not certain.
func (s *survey) answerType(flow *mule.Flow) (string, taint.Place) {
	for i := len(flow.Steps) - 1; i >= 0; i-- {
		e := flow.Steps[i]
		switch {
		case e.Is(spaceCore, "logger"), e.Is(spaceCore, "set-variable"), e.Is(spaceCore, "remove-variable"):
			if strings.Contains(strings.ToLower(e.Value("value")), "content-type") {
				return "", taint.Place{}
			}
			continue
		case e.Is(spaceCore, "set-payload"):
			media := strings.ToLower(e.Value("mimeType"))
			if media, _, _ = strings.Cut(media, ";"); strings.Contains(media, "${") || media == "application/java" {
				return "", taint.Place{}
			}
			return strings.TrimSpace(media), s.Element(flow.File, e)
		case e.Is(spaceEE, "transform"):
			payload := e.Child(spaceEE, "message").Child(spaceEE, "set-payload")
			if payload == nil {
				continue
			}
			return s.outputOf(flow, payload), s.Element(flow.File, payload)
		}
		return "", taint.Place{}
	}
	return "", taint.Place{}
}
