package extproc

import (
	"net/http"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

func statusText(code int) string { return strconv.Itoa(code) }

func (c *conversation) change(m *procv3.HeaderMutation, of side) error {
	if of == responseSide {
		return c.changeResponse(m)
	}
	return c.changeRequest(m)
}

// changeRequest makes the changes of a request. By Envoy's rules :path may
// change, and :method, :scheme, :authority and host may not.
func (c *conversation) changeRequest(m *procv3.HeaderMutation) error {
	edits, pseudo := c.edits(m, ":path")
	header := c.x.Request.Header.Clone()
	ignored, err := policy.EditFields(&header, edits)
	if err != nil {
		return failed("the processor made a malformed change: " + err.Error())
	}
	if pseudo != nil {
		if err := setTarget(c.x, *pseudo); err != nil {
			return err
		}
	}
	c.ignored += len(ignored)
	c.x.Request.Header = header
	return nil
}

// setTarget gives the request another path and query. The path keeps to the API.
func setTarget(x *traffic.Exchange, target string) error {
	path, query, _ := strings.Cut(target, "?")
	normal, err := traffic.NormalisePath(path)
	if err != nil {
		return failed("the processor set an ambiguous path")
	}
	rest, inside := strings.CutPrefix(normal, x.BasePath)
	if !inside || rest != "" && rest[0] != '/' {
		return failed("the processor set a path outside of the API")
	}
	if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == '#' || r >= 0x7f }) {
		return failed("the processor set a malformed query")
	}
	if rest == "" {
		rest = "/"
	}
	x.Request.Path, x.Request.RawQuery, x.SubPath = normal, query, rest
	return nil
}

// changeResponse makes the changes of a response; :status may change.
func (c *conversation) changeResponse(m *procv3.HeaderMutation) error {
	edits, pseudo := c.edits(m, ":status")
	code := c.x.Response.Status
	if pseudo != nil {
		wanted, err := strconv.Atoi(*pseudo)
		if err != nil || wanted < 200 || wanted > 599 {
			return failed("the processor set a status that is none")
		}
		if code >= 200 {
			code = wanted
		} else {
			c.ignored++ // a protocol has been switched, which nobody can take back
		}
	}
	header := c.x.Response.Header.Clone()
	ignored, err := policy.EditFields(&header, edits)
	if err != nil {
		return failed("the processor made a malformed change: " + err.Error())
	}
	c.ignored += len(ignored)
	c.x.Response.Header, c.x.Response.Status = header, code
	return nil
}

// edits are the changes as Envoy makes them: first what is removed, then what is
// set. append, when given, beats append_action; without either a field is
// overwritten. The value set for the one pseudo field that may change stands
// apart. Names of Envoy's own are left out.
func (c *conversation) edits(m *procv3.HeaderMutation, changeable string) (edits []policy.FieldEdit, pseudo *string) {
	for _, name := range m.GetRemoveHeaders() {
		edits = append(edits, policy.FieldEdit{Name: name, Action: policy.RemoveField})
	}
	for _, o := range m.GetSetHeaders() {
		e := edit(o)
		switch name := traffic.LowerName(e.Name); {
		case name == changeable:
			pseudo = &e.Value
			continue
		case strings.HasPrefix(name, "x-envoy-"):
			c.ignored++
			continue
		}
		edits = append(edits, e)
	}
	return edits, pseudo
}

func edit(o *corev3.HeaderValueOption) policy.FieldEdit {
	e := policy.FieldEdit{Name: o.GetHeader().GetKey(), Value: string(o.GetHeader().GetRawValue())}
	if e.Value == "" {
		e.Value = o.GetHeader().GetValue()
	}
	switch {
	case o.GetAppend() != nil: //nolint:staticcheck // processors of today still set it
		if o.GetAppend().GetValue() { //nolint:staticcheck // as above
			e.Action = policy.AppendField
		}
	case o.GetAppendAction() == corev3.HeaderValueOption_ADD_IF_ABSENT:
		e.Action = policy.AddFieldIfAbsent
	case o.GetAppendAction() == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS:
		e.Action = policy.OverwriteFieldIfPresent
	}
	return e
}

// immediate is the answer that the processor gives in place of the service.
func (c *conversation) immediate(im *procv3.ImmediateResponse) outcome {
	answer := policy.Answer{Status: http.StatusOK, Body: im.GetBody()}
	if code := im.GetStatus().GetCode(); code != 0 {
		answer.Status = int(code)
	}
	if answer.Status < 200 || answer.Status > 599 {
		return outcome{problem: failed("the processor answers with a status that is none")}
	}
	var header traffic.Header
	if len(answer.Body) > 0 {
		header.Set("content-type", "text/plain")
	}
	edits, _ := c.edits(im.GetHeaders(), "")
	if _, err := policy.EditFields(&header, edits); err != nil {
		return outcome{problem: failed("the processor made a malformed change: " + err.Error())}
	}
	for f := range header.All() {
		answer.Header = append(answer.Header, f)
	}
	return outcome{answer: &answer}
}
