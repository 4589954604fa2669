package audit

// Action names what was done. Only the actions listed here can be recorded.
type Action string

// The actions.
const (
	SignIn            Action = "sign-in"
	SignInFailed      Action = "sign-in-failed"
	SignOut           Action = "sign-out"
	PasswordSet       Action = "password-set"
	LoginLinkIssued   Action = "login-link-issued"
	RevisionPublished Action = "revision-published"
	RevisionRefused   Action = "revision-refused"
	KillSwitch        Action = "kill-switch"
	ContentUpdated    Action = "content-updated"
	ContentRolledBack Action = "content-rolled-back"
	// ConformanceChanged says that an API stands differently to a profile.
	ConformanceChanged Action = "conformance-changed"
	// ProjectScanned says that a Mule project was scanned; PatchMade and PatchEnded
	// that a virtual patch closes a finding of it, and that it does so no more.
	ProjectScanned    Action = "project-scanned"
	ProjectRemoved    Action = "project-removed"
	PatchMade         Action = "patch-made"
	PatchEnded        Action = "patch-ended"
	SigningKeyMade    Action = "signing-key-made"
	SigningKeyRemoved Action = "signing-key-removed"
	// InventoryEdited says that an operator decided about a template or an operation of
	// the inventory, InventoryEditEnded that the decision was taken back.
	InventoryEdited    Action = "inventory-edited"
	InventoryEditEnded Action = "inventory-edit-ended"
	// InventoryMarked says that owner, tags or labels were set; InventoryViewChanged that
	// a saved view was.
	InventoryMarked      Action = "inventory-marked"
	InventoryViewChanged Action = "inventory-view-changed"
	// APIAdopted says that an instance was made of an API that only traffic knew,
	// PolicyApplied that a policy was bound to an API from the inventory, and
	// AdoptionRemoved that what was so made was removed.
	APIAdopted      Action = "api-adopted"
	PolicyApplied   Action = "policy-applied"
	AdoptionRemoved Action = "adoption-removed"
)

func (a Action) known() bool {
	switch a {
	case SignIn, SignInFailed, SignOut, PasswordSet, LoginLinkIssued, RevisionPublished, RevisionRefused, KillSwitch,
		ContentUpdated, ContentRolledBack, ConformanceChanged, SigningKeyMade, SigningKeyRemoved,
		ProjectScanned, ProjectRemoved, PatchMade, PatchEnded,
		InventoryEdited, InventoryEditEnded, InventoryMarked, InventoryViewChanged, APIAdopted, PolicyApplied, AdoptionRemoved:
		return true
	}
	return false
}
