package governance

import (
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// FactsOf are the facts of a target in an environment.
func FactsOf(t *Target, environment string) Facts {
	f := Facts{Kind: "http-api", Names: t.names(), Environment: environment, Status: "active"}
	if d := t.Document; d != nil {
		switch d.Language {
		case spec.WSDL11:
			f.Kind = "soap-api"
		case spec.GraphQL:
			f.Kind = "graphql"
		case spec.AsyncAPI2:
			f.Kind = "async-api"
		default:
			f.Kind = "rest-api"
		}
		for _, tag := range d.Root.Get("tags").List() {
			f.Tags = append(f.Tags, tag.Get("name").Str())
		}
	}
	if i := t.Instance; i != nil {
		f.Layer, f.Exposure, f.Owner = i.Labels["layer"], i.Labels["exposure"], i.Labels["owner"]
		f.DataClass, f.Risk = i.Labels["dataClass"], i.Labels["risk"]
		f.Tags = append(f.Tags, listed(i.Labels["tags"])...)
		f.Categories = listed(i.Labels["categories"])
		if status := i.Labels["lifecycle"]; status != "" {
			f.Status = status
		}
	}
	return f
}

// listed are the values of a label that holds several.
func listed(label string) []string {
	return strings.FieldsFunc(label, func(r rune) bool { return r == ',' || r == ' ' })
}
