package governance

import (
	"farrier.dev/farrier/internal/discovery/known"
	rules "farrier.dev/farrier/internal/governance"
	"farrier.dev/farrier/internal/revision"
)

// target is an API of a revision with its description, if one is known: the file
// that its manifest names, or the text in the settings of a validating policy.
func target(rev *revision.Revision, api *revision.API) rules.Target {
	t := rules.Target{Document: known.Document(api)}
	t.Instance = rules.BuildInstance(api, rev.Services, t.Document)
	return t
}
