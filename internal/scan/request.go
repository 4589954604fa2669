package scan

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/scan/selector"
	"farrier.dev/farrier/internal/scan/taint"
)

// maxInlets bounds the places that data of one finding comes in by.
const maxInlets = 20

// inlets are the places of requests that data comes in by, in the words of
// detection, so that a gateway can look at them. There are none where one is not
// known: to close the others would not close the hole.
func inlets(hits []*taint.Hit) []finding.Location {
	var out []finding.Location
	for _, h := range hits {
		if h.Source == nil || h.Source.Label&taint.Client == 0 || len(out) >= maxInlets {
			return nil
		}
		at := finding.Location{Operation: operation(h), Place: requestPlace(h.Source.What)}
		if at.Place == "" {
			return nil
		}
		if !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}

// requestPlace is where in a request a part of an event stands, empty where a
// gateway can't tell.
func requestPlace(what string) string {
	parts := strings.Split(strings.NewReplacer("'", "", `"`, "").Replace(what), ".")
	if len(parts) == 0 {
		return ""
	}
	name := strings.Join(parts[min(2, len(parts)):], ".")
	switch strings.Join(parts[:min(2, len(parts))], ".") {
	case "attributes.queryParams":
		return strings.TrimSpace("query " + name)
	case "attributes.queryString":
		return "query"
	case "attributes.headers":
		if name == "" {
			return "" // all headers: what is harmful in one is usual in another
		}
		return "header " + strings.ToLower(name)
	case "attributes.uriParams", "attributes.requestPath", "attributes.rawRequestPath", "attributes.requestUri", "attributes.relativePath", "attributes.maskedRequestPath":
		return "path"
	}
	if parts[0] != "payload" {
		return ""
	}
	if len(parts) == 1 {
		return "body"
	}
	return "body json /" + strings.Join(parts[1:], "/")
}

// operation is the operation that lets data in: that of a flow of APIkit on its
// way, or the listener's path with any method.
func operation(hit *taint.Hit) string {
	for _, step := range hit.Way {
		if step.At.Flow != nil && step.At.Flow.Operation != nil {
			o := step.At.Flow.Operation
			return strings.ToUpper(o.Method) + " " + o.Path
		}
	}
	if hit.Entry == nil || hit.Entry.Source == nil || !hit.Entry.Source.Is(selector.Prefixes()["http"], "listener") {
		return ""
	}
	path := hit.Entry.Source.Value("path")
	if path == "" || strings.ContainsAny(path, "#$") {
		return ""
	}
	methods := strings.Split(hit.Entry.Source.Value("allowedMethods"), ",")
	if len(methods) == 1 && methods[0] != "" && !strings.ContainsAny(methods[0], "#$") {
		return strings.ToUpper(strings.TrimSpace(methods[0])) + " /" + strings.TrimPrefix(path, "/")
	}
	return "* /" + strings.TrimPrefix(path, "/")
}
