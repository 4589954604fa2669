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
	// ResourceCreated, ResourceChanged and ResourceRemoved tell of the draft of an
	// environment; DraftDiscarded that it is again what serves.
	ResourceCreated Action = "resource-created"
	ResourceChanged Action = "resource-changed"
	ResourceRemoved Action = "resource-removed"
	DraftDiscarded  Action = "draft-discarded"
	// DraftPublished says that a draft, or an older revision, became the next revision of
	// an environment; ReviewAsked that somebody asked a second person to agree, ReviewSet
	// whether an environment needs that.
	DraftPublished Action = "draft-published"
	ReviewAsked    Action = "review-asked"
	ReviewSet      Action = "review-set"
	// SpecificationAttached and SpecificationRemoved tell of the description of an API.
	SpecificationAttached Action = "specification-attached"
	SpecificationRemoved  Action = "specification-removed"
	// ReviewRejected tells that a second person did not agree to a draft.
	ReviewRejected Action = "review-rejected"
	// ResourcesExported says that resources were exported with the secrets in them.
	ResourcesExported Action = "resources-exported"
	// LogPruned says that old entries of this log were removed behind a signed cut,
	// RetentionChanged that they are kept for another time, LogExported that somebody
	// took a copy of entries.
	LogPruned        Action = "audit-pruned"
	RetentionChanged Action = "audit-retention-changed"
	LogExported      Action = "audit-exported"
	// GatewayInvited says that a gateway was given a token to enrol with,
	// GatewayEnrolled and GatewayRenewed that it got a certificate, GatewayRemoved that
	// it is not known any more.
	GatewayInvited  Action = "gateway-invited"
	GatewayEnrolled Action = "gateway-enrolled"
	GatewayRenewed  Action = "gateway-renewed"
	GatewayRemoved  Action = "gateway-removed"
	// The actions of access: who may come in, and who may do what.
	Confirmed          Action = "identity-confirmed"
	FactorAdded        Action = "factor-added"
	FactorRemoved      Action = "factor-removed"
	SessionRevoked     Action = "session-revoked"
	AccountCreated     Action = "account-created"
	AccountChanged     Action = "account-changed"
	AccountDeleted     Action = "account-deleted"
	AccountInvited     Action = "account-invited"
	AccountReset       Action = "account-reset"
	IdentityLinked     Action = "identity-linked"
	IdentityUnlinked   Action = "identity-unlinked"
	TokenCreated       Action = "token-created"
	TokenRevoked       Action = "token-revoked"
	GrantAdded         Action = "grant-added"
	GrantRevoked       Action = "grant-revoked"
	TeamCreated        Action = "team-created"
	TeamChanged        Action = "team-changed"
	TeamDeleted        Action = "team-deleted"
	MemberAdded        Action = "team-member-added"
	MemberRemoved      Action = "team-member-removed"
	GroupMapped        Action = "group-mapped"
	GroupUnmapped      Action = "group-unmapped"
	GroupCreated       Action = "group-created"
	GroupChanged       Action = "group-changed"
	GroupDeleted       Action = "group-deleted"
	EnvironmentCreated Action = "environment-created"
	EnvironmentChanged Action = "environment-changed"
	EnvironmentDeleted Action = "environment-deleted"
	// SecretWritten says that a secret got a new version, SecretRotated that Farrier made
	// or fetched it, SecretRead that somebody saw its material.
	SecretWritten    Action = "secret-written"
	SecretRotated    Action = "secret-rotated"
	SecretRead       Action = "secret-read"
	SecretChanged    Action = "secret-changed"
	SecretRolledBack Action = "secret-rolled-back"
	SecretRemoved    Action = "secret-removed"
	// ACMESet says that a keystore is obtained from an authority, ACMETried that somebody
	// had it asked for at once, ACMEFailed that an attempt failed, ACMEEnded that it is
	// obtained no more.
	ACMESet    Action = "acme-set"
	ACMETried  Action = "acme-tried"
	ACMEFailed Action = "acme-failed"
	ACMEEnded  Action = "acme-ended"
	// SecretGroupMade and its like tell of groups; SecretGranted that an account may use
	// one, SecretGrantEnded that it may no more.
	SecretGroupMade    Action = "secret-group-made"
	SecretGroupChanged Action = "secret-group-changed"
	SecretGroupRemoved Action = "secret-group-removed"
	SecretGranted      Action = "secret-granted"
	SecretGrantEnded   Action = "secret-grant-ended"
	// PasskeyCloned says that a passkey counts less than it did: there may be a copy.
	PasskeyCloned Action = "passkey-cloned"
	// MasterKeyRotated says that another master key seals from now on.
	MasterKeyRotated Action = "master-key-rotated"
	// MasterKeyForgotten says that a retired master key opens nothing any more.
	MasterKeyForgotten Action = "master-key-forgotten"
	// ClientCreated, ClientChanged and ClientRemoved tell of client applications,
	// ClientSecretReset that one got a new secret, ClientsImported that many were taken
	// from elsewhere.
	ClientCreated     Action = "client-created"
	ClientChanged     Action = "client-changed"
	ClientRemoved     Action = "client-removed"
	ClientSecretReset Action = "client-secret-reset"
	ClientsImported   Action = "clients-imported"
	// TierCreated, TierChanged and TierRemoved tell of the SLA tiers of an API.
	TierCreated Action = "tier-created"
	TierChanged Action = "tier-changed"
	TierRemoved Action = "tier-removed"
	// FindingSuppressed says that findings need not be looked at, SuppressionEnded that
	// they do again.
	FindingSuppressed Action = "finding-suppressed"
	SuppressionEnded  Action = "finding-suppression-ended"
	// IncidentOpened says that findings were grouped, IncidentChanged that an operator
	// changed state, owner or notes, IncidentExported that somebody took the evidence.
	IncidentOpened   Action = "incident-opened"
	IncidentChanged  Action = "incident-changed"
	IncidentExported Action = "incident-exported"
	// ContainmentBegun says that somebody or something is blocked, ContainmentProposed that
	// a rule asks to, ContainmentEnded that it is over, by itself or by an operator.
	ContainmentBegun       Action = "containment-begun"
	ContainmentProposed    Action = "containment-proposed"
	ContainmentEnded       Action = "containment-ended"
	ContainmentRuleChanged Action = "containment-rule-changed"
	ContainmentRuleRemoved Action = "containment-rule-removed"
	// HealthCheckChanged and HealthCheckRemoved tell of checks of APIs.
	HealthCheckChanged Action = "health-check-changed"
	HealthCheckRemoved Action = "health-check-removed"
	// ContractRequested and those after it tell of contracts; ContractTierRequested
	// says that an approved one asks for another tier, ContractTierChanged that it got
	// it, ContractTierDeclined that it did not.
	ContractRequested     Action = "contract-requested"
	ContractApproved      Action = "contract-approved"
	ContractRejected      Action = "contract-rejected"
	ContractRevoked       Action = "contract-revoked"
	ContractRestored      Action = "contract-restored"
	ContractTierRequested Action = "contract-tier-requested"
	ContractTierChanged   Action = "contract-tier-changed"
	ContractTierDeclined  Action = "contract-tier-declined"
	ContractRemoved       Action = "contract-removed"
	// AlertRuleCreated and those after it tell of alert rules, of the channels by which
	// people are told, and of times of maintenance.
	AlertRuleCreated    Action = "alert-rule-created"
	AlertRuleChanged    Action = "alert-rule-changed"
	AlertRuleRemoved    Action = "alert-rule-removed"
	AlertChannelCreated Action = "alert-channel-created"
	AlertChannelChanged Action = "alert-channel-changed"
	AlertChannelRemoved Action = "alert-channel-removed"
	AlertChannelTested  Action = "alert-channel-tested"
	MaintenanceCreated  Action = "maintenance-created"
	MaintenanceRemoved  Action = "maintenance-removed"
)

func (a Action) known() bool {
	switch a {
	case SecretWritten, SecretRotated, SecretRead, SecretChanged, SecretRolledBack, SecretRemoved, ACMESet, ACMETried, ACMEFailed, ACMEEnded,
		SecretGroupMade, SecretGroupChanged, SecretGroupRemoved, SecretGranted, SecretGrantEnded, MasterKeyRotated, MasterKeyForgotten,
		GatewayInvited, GatewayEnrolled, GatewayRenewed, GatewayRemoved,
		SignIn, SignInFailed, SignOut, PasswordSet, LoginLinkIssued, RevisionPublished, RevisionRefused, KillSwitch,
		ContentUpdated, ContentRolledBack, ConformanceChanged, SigningKeyMade, SigningKeyRemoved,
		ProjectScanned, ProjectRemoved, PatchMade, PatchEnded,
		InventoryEdited, InventoryEditEnded, InventoryMarked, InventoryViewChanged, APIAdopted, PolicyApplied, AdoptionRemoved,
		ResourceCreated, ResourceChanged, ResourceRemoved, DraftDiscarded, DraftPublished, ReviewAsked, ReviewSet, ReviewRejected, SpecificationAttached, SpecificationRemoved, ResourcesExported,
		LogPruned, RetentionChanged, LogExported:
		return true
	case PasskeyCloned, Confirmed, FactorAdded, FactorRemoved, SessionRevoked, AccountCreated, AccountChanged,
		AccountDeleted, AccountInvited, AccountReset, IdentityLinked, IdentityUnlinked, TokenCreated,
		TokenRevoked, GrantAdded, GrantRevoked, TeamCreated, TeamChanged, TeamDeleted,
		MemberAdded, MemberRemoved, GroupMapped, GroupUnmapped, GroupCreated, GroupChanged,
		GroupDeleted, EnvironmentCreated, EnvironmentChanged, EnvironmentDeleted:
		return true
	case ClientCreated, ClientChanged, ClientRemoved, ClientSecretReset, ClientsImported, TierCreated, TierChanged, TierRemoved,
		ContractRequested, ContractApproved, ContractRejected, ContractRevoked, ContractRestored,
		ContractTierRequested, ContractTierChanged, ContractTierDeclined, ContractRemoved:
		return true
	case AlertRuleCreated, AlertRuleChanged, AlertRuleRemoved, AlertChannelCreated, AlertChannelChanged, AlertChannelRemoved,
		AlertChannelTested, MaintenanceCreated, MaintenanceRemoved:
		return true
	case FindingSuppressed, SuppressionEnded, IncidentOpened, IncidentChanged, IncidentExported, ContainmentBegun, ContainmentProposed, ContainmentEnded,
		ContainmentRuleChanged, ContainmentRuleRemoved, HealthCheckChanged, HealthCheckRemoved:
		return true
	}
	return false
}
