package policy

import (
	"fmt"
	"slices"

	"farrier.dev/farrier/internal/classify"
)

// EntityNames are the kinds of personal data that settings name, in the order
// of classify.Personal.
func EntityNames() []string { return []string{"Email", "US SSN", "Credit Card", "Phone Number"} }

// Entities are the classes that a setting names. Errors begin with its name.
func Entities(setting string, names []string) ([]classify.Class, error) {
	known := EntityNames()
	classes := make([]classify.Class, 0, len(names))
	for i, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, fmt.Errorf("%s[%d]: unknown; write Email, US SSN, Credit Card or Phone Number", setting, i)
		}
		if class := classify.Personal()[at]; !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	return classes, nil
}
