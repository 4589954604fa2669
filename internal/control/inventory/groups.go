package inventory

import "farrier.dev/farrier/internal/classify/sensitive"

// Groups are the kinds of sensitive data, in the order in which pages show them.
func Groups() []string {
	return strs([]sensitive.Group{
		sensitive.GroupPayment, sensitive.GroupPersonal, sensitive.GroupHealth, sensitive.GroupCredential, sensitive.GroupLocation, sensitive.GroupTechnical, sensitive.GroupOwn,
	})
}

func groupOf(class string) string { return string(sensitive.Class(class).Group()) }
