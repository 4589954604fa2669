package export

import (
	"encoding/json"
	"net/netip"
	"strings"

	"farrier.dev/farrier/internal/audit"
)

// schemaVersion is that of OCSF by which events are made.
const schemaVersion = "1.3.0"

// OCSFEvent is an event of one of the classes Authentication (3002), Account Change
// (3001) and API Activity (6003); fields that a class does not have are left out.
type OCSFEvent struct {
	ActivityID   int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CategoryUID  int    `json:"category_uid"`
	CategoryName string `json:"category_name"`
	ClassUID     int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	TypeUID      int    `json:"type_uid"`
	TypeName     string `json:"type_name"`
	// Time is in milliseconds since 1970.
	Time       int64  `json:"time"`
	SeverityID int    `json:"severity_id"`
	Severity   string `json:"severity"`
	StatusID   int    `json:"status_id"`
	Status     string `json:"status"`
	Message    string `json:"message"`

	Metadata    ocsfMetadata   `json:"metadata"`
	Actor       *ocsfActor     `json:"actor,omitempty"`
	User        *ocsfUser      `json:"user,omitempty"`
	Session     *ocsfSession   `json:"session,omitempty"`
	SrcEndpoint ocsfEndpoint   `json:"src_endpoint"`
	Service     *ocsfNamed     `json:"service,omitempty"`
	API         *ocsfAPI       `json:"api,omitempty"`
	Resources   []ocsfResource `json:"resources,omitempty"`
	AuthID      int            `json:"auth_protocol_id,omitempty"`
	Auth        string         `json:"auth_protocol,omitempty"`

	Unmapped map[string]any `json:"unmapped"`
}

type ocsfMetadata struct {
	Version string      `json:"version"`
	UID     string      `json:"uid"`
	LogName string      `json:"log_name"`
	Product ocsfProduct `json:"product"`
}

type ocsfProduct struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type ocsfNamed struct {
	Name string `json:"name"`
}

type ocsfUser struct {
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type ocsfSession struct {
	UID string `json:"uid"`
}

type ocsfActor struct {
	User    ocsfUser     `json:"user"`
	Session *ocsfSession `json:"session,omitempty"`
}

type ocsfEndpoint struct {
	IP   string `json:"ip,omitempty"`
	Name string `json:"name,omitempty"`
}

type ocsfAPI struct {
	Operation string    `json:"operation"`
	Service   ocsfNamed `json:"service"`
}

type ocsfResource struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
	Data any    `json:"data,omitempty"`
}

// The classes.
const (
	accountChange  = 3001
	authentication = 3002
	apiActivity    = 6003
)

// Event is an entry as an OCSF event.
func Event(k *audit.Kept) OCSFEvent {
	class, activity, activityName := classify(k.Action)
	e := OCSFEvent{
		ActivityID: activity, ActivityName: activityName, ClassUID: class, TypeUID: class*100 + activity,
		Time: k.At.UnixMilli(), SeverityID: 1, Severity: "Informational", StatusID: 1, Status: "Success", Message: message(k),
		Metadata: ocsfMetadata{
			Version: schemaVersion, UID: "farrier-audit-" + k.Hash, LogName: "audit", Product: ocsfProduct{"Farrier", "Farrier"},
		},
		SrcEndpoint: endpoint(k.Address),
		Unmapped:    unmapped(k),
	}
	if k.Outcome != audit.Done {
		e.StatusID, e.Status, e.SeverityID, e.Severity = 2, "Failure", 2, "Low"
	}
	session := (*ocsfSession)(nil)
	if k.Session != "" {
		session = &ocsfSession{k.Session}
	}
	who := user(k.Operator)
	e.Actor = &ocsfActor{User: who, Session: session}
	switch class {
	case authentication:
		e.CategoryUID, e.CategoryName, e.ClassName = 3, "Identity & Access Management", "Authentication"
		e.User, e.Session, e.Service = &who, session, &ocsfNamed{"Farrier console"}
		e.AuthID, e.Auth = protocol(k)
	case accountChange:
		e.CategoryUID, e.CategoryName, e.ClassName = 3, "Identity & Access Management", "Account Change"
		subject := user(subject(k))
		e.User = &subject
	default:
		e.CategoryUID, e.CategoryName, e.ClassName = 6, "Application Activity", "API Activity"
		e.API = &ocsfAPI{Operation: string(k.Action), Service: ocsfNamed{"Farrier control plane"}}
		e.Resources = resources(k)
	}
	e.TypeName = e.ClassName + ": " + activityName
	return e
}

// classify says which class and activity an action is. Those that are not named here
// go by how their name ends.
func classify(a audit.Action) (class, activity int, name string) {
	text := string(a)
	switch {
	case a == audit.SignIn, a == audit.SignInFailed:
		return authentication, 1, "Logon"
	case a == audit.SignOut, strings.HasPrefix(text, "session-") && strings.HasSuffix(text, "ed"):
		return authentication, 2, "Logoff"
	case a == audit.PasswordSet:
		return accountChange, 3, "Password Change"
	case a == audit.LoginLinkIssued, a == audit.AccountReset, strings.HasPrefix(text, "password-reset"):
		return accountChange, 4, "Password Reset"
	case strings.HasPrefix(text, "mfa-"), strings.HasPrefix(text, "totp-"), strings.HasPrefix(text, "passkey-"), strings.HasPrefix(text, "factor-"),
		strings.HasPrefix(text, "second-factor-"), strings.HasPrefix(text, "recovery-"):
		if removes(text) {
			return accountChange, 11, "MFA Factor Disable"
		}
		return accountChange, 10, "MFA Factor Enable"
	case strings.HasPrefix(text, "grant-"), strings.HasPrefix(text, "role-"):
		if removes(text) {
			return accountChange, 8, "Detach Policy"
		}
		return accountChange, 7, "Attach Policy"
	case strings.HasPrefix(text, "account-"), strings.HasPrefix(text, "user-"):
		return accountActivity(text)
	}
	switch {
	case removes(text):
		return apiActivity, 4, "Delete"
	case ends(text, "made", "created", "adopted", "added", "issued", "uploaded", "published", "requested"):
		return apiActivity, 1, "Create"
	case ends(text, "read", "viewed", "exported", "scanned", "tested"):
		return apiActivity, 2, "Read"
	}
	return apiActivity, 3, "Update"
}

func accountActivity(text string) (class, activity int, name string) {
	switch {
	case ends(text, "created", "made", "added", "invited", "provisioned"):
		return accountChange, 1, "Create"
	case ends(text, "enabled", "restored", "unlocked"):
		return accountChange, 2, "Enable"
	case ends(text, "disabled", "suspended"):
		return accountChange, 5, "Disable"
	case ends(text, "locked"):
		return accountChange, 9, "Lock"
	case removes(text):
		return accountChange, 6, "Delete"
	}
	return accountChange, 99, "Other"
}

func removes(text string) bool {
	return ends(text, "removed", "ended", "deleted", "revoked", "reset", "disabled", "withdrawn", "pruned")
}

func ends(text string, with ...string) bool {
	for _, one := range with {
		if strings.HasSuffix(text, "-"+one) {
			return true
		}
	}
	return false
}

func user(name string) ocsfUser {
	switch name {
	case "":
		return ocsfUser{"unknown", 0, "Unknown"}
	case "system":
		return ocsfUser{name, 3, "System"}
	}
	return ocsfUser{name, 1, "User"}
}

// subject is whose account was changed.
func subject(k *audit.Kept) string {
	if kind, name, found := strings.Cut(k.Object, " "); found && (kind == "operator" || kind == "account" || kind == "user") {
		return name
	}
	return k.Operator
}

func endpoint(address string) ocsfEndpoint {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ocsfEndpoint{IP: ip.String()}
	}
	return ocsfEndpoint{Name: "unknown"}
}

// protocol is how somebody signed in.
func protocol(k *audit.Kept) (id int, name string) {
	via := k.Via
	if via == "" {
		via = k.Detail["via"]
	}
	switch kind, _, _ := strings.Cut(via, ":"); kind {
	case "":
		return 0, ""
	case "oidc":
		return 4, "OpenID"
	case "saml":
		return 5, "SAML"
	default:
		return 99, kind
	}
}

func resources(k *audit.Kept) []ocsfResource {
	if k.Object == "" {
		return nil
	}
	kind, name, found := strings.Cut(k.Object, " ")
	if !found {
		kind, name = "", k.Object
	}
	r := ocsfResource{Name: name, Type: kind}
	if k.Before != nil || k.After != nil {
		r.Data = changed(k)
	}
	return []ocsfResource{r}
}

func changed(k *audit.Kept) map[string]json.RawMessage {
	data := map[string]json.RawMessage{}
	if k.Before != nil {
		data["before"] = k.Before
	}
	if k.After != nil {
		data["after"] = k.After
	}
	return data
}

// unmapped is what OCSF has no field for.
func unmapped(k *audit.Kept) map[string]any {
	more := map[string]any{
		"action": string(k.Action), "outcome": string(k.Outcome), "entry": k.ID, "hash": k.Hash, "prev_hash": k.PrevHash,
	}
	if k.Environment != "" {
		more["environment"] = k.Environment
	}
	if k.Via != "" {
		more["via"] = k.Via
	}
	if len(k.Detail) > 0 {
		more["detail"] = k.Detail
	}
	for name, value := range changed(k) {
		more[name] = value
	}
	return more
}

func message(k *audit.Kept) string {
	who := k.Operator
	if who == "" {
		who = "somebody unknown"
	}
	text := who + ": " + string(k.Action)
	if k.Object != "" {
		text += " of " + k.Object
	}
	return text + " (" + string(k.Outcome) + ")"
}
