package importer

import (
	"fmt"
	"strconv"
	"strings"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/catalogue"
	"farrier.dev/farrier/internal/secret"
)

// settle leaves out resources with which no revision could be built, one round after
// the other, since what refers to them goes with them. Values of variables are not
// known yet, so settings that need them are not checked here.
func settle(f *findings, environment string, docs []manifest.Document, policies *policy.Catalogue) []manifest.Document {
	for range 10 {
		files := make([]manifest.File, 0, len(docs))
		for i := range docs {
			text, err := docs[i].YAML()
			if err != nil {
				text = nil
			}
			files = append(files, manifest.File{Name: strconv.Itoa(i), Text: text})
		}
		_, problems := manifest.Build(manifest.Read(files), catalogue.Manifests{Catalogue: policies}, manifest.Options{
			Elsewhere: true, Expand: unset,
		})
		wrong := map[int]manifest.Problem{}
		for _, p := range problems {
			i, err := strconv.Atoi(p.File)
			if _, there := wrong[i]; p.Severity == manifest.Error && err == nil && i < len(docs) && !there {
				wrong[i] = p
			} else if p.Severity == manifest.Error && err != nil {
				f.add(Finding{Level: Todo, Environment: environment, File: p.File, Path: "$", What: "the manifests", Why: p.Message, Do: "mend it before you apply them"})
				return docs
			}
		}
		if len(wrong) == 0 {
			return docs
		}
		var kept []manifest.Document
		for i := range docs {
			p, bad := wrong[i]
			if !bad {
				kept = append(kept, docs[i])
				continue
			}
			file, path, _ := strings.Cut(docs[i].Source.File, " ")
			f.add(Finding{Level: Lost, Environment: environment, File: file, Path: path, What: docs[i].ID(), Why: fmt.Sprintf("%s: %s", p.Field, p.Message), Do: "mend it where it came from, or write the manifest by hand"})
		}
		docs = kept
	}
	return docs
}

// unset expands as a process does in which no variable is set.
func unset(text string) (string, error) {
	return secret.Expander{Lookup: func(string) (string, bool) { return "", false }}.Expand(text)
}
