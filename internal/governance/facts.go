package governance

import (
	"strings"

	"farrier.dev/farrier/internal/spec"
)

// Labels are the labels of an API that filters ask for.
func Labels() []string {
	return []string{"layer", "exposure", "owner", "dataClass", "risk", "tags", "categories", "lifecycle"}
}

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
	labels := t.Labels
	if t.Instance != nil {
		labels = t.Instance.Labels
	}
	f.Layer, f.Exposure, f.Owner = labels["layer"], labels["exposure"], labels["owner"]
	f.DataClass, f.Risk = labels["dataClass"], labels["risk"]
	f.Tags = append(f.Tags, listed(labels["tags"])...)
	f.Categories = listed(labels["categories"])
	if status := labels["lifecycle"]; status != "" {
		f.Status = status
	}
	return f
}

// listed are the values of a label that holds several.
func listed(label string) []string {
	return strings.FieldsFunc(label, func(r rune) bool { return r == ',' || r == ' ' })
}
