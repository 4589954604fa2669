package policy

import (
	"errors"
	"fmt"
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// Structure is what structural policies compile to: they shape the revision and
// have no step.
type Structure struct{}

// Bind implements Compiled and always refuses.
func (Structure) Bind(Env) (Step, error) {
	return Step{}, errors.New("this policy shapes the revision and has no step")
}

// CheckDestination says what is wrong with the path that a route puts in front
// of what the service sees. Setting is the name that the error begins with.
func CheckDestination(setting, path string) error {
	switch {
	case path == "":
		return nil
	case path[0] != '/':
		return fmt.Errorf("%s: must begin with a slash, or be empty", setting)
	case strings.ContainsAny(path, "?#"):
		return fmt.Errorf("%s: must have no query and no fragment", setting)
	}
	if _, err := traffic.NormalisePath(path); err != nil {
		return fmt.Errorf("%s: not a path: %w", setting, err)
	}
	return nil
}
