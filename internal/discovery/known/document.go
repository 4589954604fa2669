package known

import (
	"encoding/json"
	"path/filepath"

	"farrier.dev/farrier/internal/encoding/tree"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/languages"
)

// Limits are those of descriptions; commas that other readers overlook are told as
// warnings.
func Limits() spec.ProjectLimits { return spec.ProjectLimits{Document: tree.Options{Lenient: true}} }

// Document is the description of an API instance: the file that its manifest names, or
// the text in the settings of a validating policy; nil when there is neither.
func Document(api *revision.API) *spec.Document {
	if s := api.Specification; s != nil {
		dir, main := filepath.Split(s.File)
		project, err := spec.OpenFolder(filepath.Clean(dir), Limits())
		if err != nil {
			return &spec.Document{File: s.File, Problems: []spec.Problem{{File: s.File, Rule: "unreadable", Message: err.Error()}}}
		}
		return languages.Read(project, main)
	}
	for i := range api.Policies {
		b := &api.Policies[i]
		var settings struct {
			Spec        string `json:"spec"`
			SpecArchive string `json:"specArchive"`
			SpecMain    string `json:"specMain"`
		}
		if b.Policy != "spec-validation-flex" && b.Policy != "schema-validation" || json.Unmarshal(b.Settings, &settings) != nil {
			continue
		}
		if doc := (languages.Source{Text: settings.Spec, Archive: settings.SpecArchive, Main: settings.SpecMain}).Document(b.Name.String()); doc != nil {
			return doc
		}
	}
	return nil
}
