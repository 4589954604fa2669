package inventory

import (
	"fmt"
	"io"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/discovery/export"
)

// ExportWith is Options.Export by the room discovery.
func ExportWith(w io.Writer, ops []*discovery.Operation, as Written) error {
	o := export.Options{Title: as.Title}
	if as.Base != "" {
		ops = rebased(ops, as.Base)
	}
	switch as.Format {
	case "openapi.yaml":
		o.Format = export.YAMLFormat
		return export.OpenAPI(w, ops, o)
	case "openapi.json":
		return export.OpenAPI(w, ops, o)
	case "json":
		return export.JSON(w, ops, o)
	case "html":
		return export.HTML(w, ops, o)
	}
	return fmt.Errorf("there is no format %q", as.Format)
}

// rebased are operations as if their API were served below a base path: a description
// then has it in its servers, and not in its paths.
func rebased(ops []*discovery.Operation, base string) []*discovery.Operation {
	out := make([]*discovery.Operation, len(ops))
	for i, op := range ops {
		one := *op
		one.BasePath = base
		if one.Path == base {
			one.Path += "/"
		}
		out[i] = &one
	}
	return out
}
