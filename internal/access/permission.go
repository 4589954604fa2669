package access

import (
	"slices"
	"strings"
)

// Permission is one thing that may be done in a scope. Where Anypoint Access
// Management has a permission of that meaning, its name stands beside it.
type Permission string

// The permissions. What ends in ":view" changes nothing and shows no secret.
const (
	// ViewAccess shows accounts, teams, groups and environments; ManageAccess
	// changes them and the identity providers (Organization Administrator).
	ViewAccess   Permission = "access:view"
	ManageAccess Permission = "access:manage"
	// ViewAudit reads and exports the audit log (Audit Log Viewer).
	ViewAudit Permission = "audit:view"

	// ViewAPIs and ManageAPIs are "View" and "Manage APIs Configuration".
	ViewAPIs   Permission = "apis:view"
	ManageAPIs Permission = "apis:manage"
	// ViewPolicies and ManagePolicies are "View" and "Manage Policies".
	ViewPolicies   Permission = "policies:view"
	ManagePolicies Permission = "policies:manage"
	// Publish puts a draft into service, or an older revision (Deploy API Proxies).
	Publish Permission = "revisions:publish"
	// ViewContracts and ManageContracts are "View" and "Manage Contracts".
	ViewContracts   Permission = "contracts:view"
	ManageContracts Permission = "contracts:manage"
	// ViewClients and ManageClients are "View" and "Manage Client Applications".
	ViewClients   Permission = "clients:view"
	ManageClients Permission = "clients:manage"
	// UsePortal finds APIs, owns client applications and asks for access (Exchange
	// Viewer, Portals Viewer).
	UsePortal Permission = "portal:use"

	// ViewTraffic shows figures, refusals and records.
	ViewTraffic Permission = "traffic:view"
	// ViewAlerts and ManageAlerts are "View" and "Manage API Alerts"; they hold for
	// channels, health checks and the status page too.
	ViewAlerts   Permission = "alerts:view"
	ManageAlerts Permission = "alerts:manage"
	// ViewFindings and ManageFindings hold for findings and incidents; Contain blocks
	// an address, a client, a session or an API for a time.
	ViewFindings   Permission = "findings:view"
	ManageFindings Permission = "findings:manage"
	Contain        Permission = "incidents:contain"
	// ViewInventory and ManageInventory hold for what discovery learned.
	ViewInventory   Permission = "inventory:view"
	ManageInventory Permission = "inventory:manage"
	// ViewGovernance and ManageGovernance are Governance Viewer and Administrator.
	ViewGovernance   Permission = "governance:view"
	ManageGovernance Permission = "governance:manage"
	// ViewProjects and ManageProjects hold for Mule projects and their scans.
	ViewProjects   Permission = "projects:view"
	ManageProjects Permission = "projects:manage"

	// ViewSecrets is "Read secrets metadata", WriteSecrets "Write secrets",
	// ManageSecrets "Manage secret groups", GrantSecrets "Grant access to secrets".
	ViewSecrets   Permission = "secrets:view"
	WriteSecrets  Permission = "secrets:write"
	ManageSecrets Permission = "secrets:manage"
	GrantSecrets  Permission = "secrets:grant"
	// ViewGateways shows gateways; ManageGateways enrols and removes them.
	ViewGateways   Permission = "gateways:view"
	ManageGateways Permission = "gateways:manage"
)

// Permissions lists every permission.
func Permissions() []Permission {
	return []Permission{
		ViewAccess, ManageAccess, ViewAudit,
		ViewAPIs, ManageAPIs, ViewPolicies, ManagePolicies, Publish,
		ViewContracts, ManageContracts, ViewClients, ManageClients, UsePortal,
		ViewTraffic, ViewAlerts, ManageAlerts, ViewFindings, ManageFindings, Contain,
		ViewInventory, ManageInventory, ViewGovernance, ManageGovernance, ViewProjects, ManageProjects,
		ViewSecrets, WriteSecrets, ManageSecrets, GrantSecrets, ViewGateways, ManageGateways,
	}
}

// Role is a named set of permissions.
type Role string

// The roles, each with Anypoint's name for it where there is one.
const (
	// RoleAdmin may do everything (Organization Administrator).
	RoleAdmin Role = "admin"
	// RoleEnvironmentAdmin may do everything in its environments, but not change
	// who may do what.
	RoleEnvironmentAdmin Role = "environment-admin"
	// RoleAPICreator makes and changes APIs and policies, and publishes (API Creators).
	RoleAPICreator Role = "api-creator"
	// RoleAPIOwner decides about contracts and clients of APIs (API Versions Owner).
	RoleAPIOwner Role = "api-owner"
	// RoleSecurity handles findings, incidents, alerts and the inventory.
	RoleSecurity Role = "security"
	// RoleSecretsAdmin manages secret groups and their secrets.
	RoleSecretsAdmin Role = "secrets-admin"
	// RoleGovernanceAdmin manages profiles and rulesets (Governance Administrator).
	RoleGovernanceAdmin Role = "governance-admin"
	// RoleGovernanceViewer sees conformance (Governance Viewer).
	RoleGovernanceViewer Role = "governance-viewer"
	// RoleDeveloper uses the portal (Exchange Viewer).
	RoleDeveloper Role = "developer"
	// RoleAuditViewer reads the audit log (Audit Log Viewer).
	RoleAuditViewer Role = "audit-viewer"
	// RoleAuditor sees everything that changes nothing, the audit log too.
	RoleAuditor Role = "auditor"
)

// Roles lists every role.
func Roles() []Role {
	return []Role{
		RoleAdmin, RoleEnvironmentAdmin, RoleAPICreator, RoleAPIOwner, RoleSecurity, RoleSecretsAdmin,
		RoleGovernanceAdmin, RoleGovernanceViewer, RoleDeveloper, RoleAuditViewer, RoleAuditor,
	}
}

// Allows reports whether a role holds a permission.
func (r Role) Allows(p Permission) bool {
	switch r {
	case RoleAdmin:
		return true
	case RoleEnvironmentAdmin:
		return p != ViewAccess && p != ManageAccess && p != ViewAudit
	case RoleAPICreator:
		return slices.Contains([]Permission{
			ViewAPIs, ManageAPIs, ViewPolicies, ManagePolicies, Publish, ViewContracts, ViewClients, UsePortal,
			ViewTraffic, ViewFindings, ViewInventory, ViewGovernance, ViewProjects, ManageProjects, ViewAlerts, ViewGateways,
		}, p)
	case RoleAPIOwner:
		return slices.Contains([]Permission{
			ViewAPIs, ViewPolicies, ViewContracts, ManageContracts, ViewClients, ManageClients, UsePortal, ViewTraffic, ViewAlerts, ManageAlerts,
		}, p)
	case RoleSecurity:
		return p.reads() && p != ViewAccess && p != ViewSecrets && p != ViewAudit ||
			slices.Contains([]Permission{ManageFindings, Contain, ManageAlerts, ManageInventory}, p)
	case RoleSecretsAdmin:
		return slices.Contains([]Permission{ViewSecrets, WriteSecrets, ManageSecrets, GrantSecrets}, p)
	case RoleGovernanceAdmin:
		return p == ViewGovernance || p == ManageGovernance || p == ViewAPIs
	case RoleGovernanceViewer:
		return p == ViewGovernance || p == ViewAPIs
	case RoleDeveloper:
		return p == UsePortal
	case RoleAuditViewer:
		return p == ViewAudit
	case RoleAuditor:
		return p.reads()
	}
	return false
}

// reads reports whether a permission only shows things.
func (p Permission) reads() bool { return strings.HasSuffix(string(p), ":view") }

// Root is the path of the business group at the top, the organisation itself.
const Root = "root"

// Scope is a place: a business group, or one environment of it. Group is the path
// of ids from the top, as "root/7/12"; an empty Environment means the group with
// all that lies below it.
type Scope struct {
	Group       string `json:"group"`
	Environment string `json:"environment,omitempty"`
}

// Place is where something lies now: environments and groups can be moved.
type Place interface {
	// At is its scope as the tree stands; one without a group where that can't be told.
	At() Scope
}

// At implements Place, for what stays where it is.
func (s Scope) At() Scope { return s }

// Covers reports whether what is granted in s holds in other: in the group itself,
// in all below it, and in their environments.
func (s Scope) Covers(other Scope) bool {
	if s.Group == "" || other.Group == "" {
		return false
	}
	if s.Environment != "" {
		return s == other
	}
	return s.Group == other.Group || strings.HasPrefix(other.Group, s.Group+"/")
}

// Grant gives a role, or a single permission, in a scope.
type Grant struct {
	Role       Role       `json:"role,omitempty"`
	Permission Permission `json:"permission,omitempty"`
	Scope      Scope      `json:"scope"`
}

// Allows reports whether the grant lets its bearer do p in the scope.
func (g Grant) Allows(p Permission, at Scope) bool {
	return p != "" && g.Scope.Covers(at) && (g.Permission == p || g.Role.Allows(p))
}
