package manifest

import (
	"errors"

	"farrier.dev/farrier/internal/secret"
)

// onlyElsewhere reports whether settings can only be resolved where they will be
// served, since a variable is not set here.
func (b *builder) onlyElsewhere(a *applied) bool {
	if !b.options.Elsewhere {
		return false
	}
	missing := false
	a.config.texts(nil, func(_ []string, _ *node, text string) {
		_, err := b.options.Expand(text)
		missing = missing || isMissing(err)
	})
	return missing
}

// Missing reports whether err says that a reference can only be resolved where it will
// be served.
func (o *Options) Missing(err error) bool { return o.Elsewhere && isMissing(err) }

func isMissing(err error) bool {
	var missing *secret.MissingError
	return errors.As(err, &missing)
}
