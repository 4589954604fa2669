package access

import (
	"context"
	"encoding/json"
	"net/netip"

	"farrier.dev/farrier/internal/store"
)

// The actions that access reports to its Auditor.
const (
	ActionSignIn             = "sign-in"
	ActionSignInFailed       = "sign-in-failed"
	ActionSignOut            = "sign-out"
	ActionConfirmed          = "identity-confirmed"
	ActionPasswordSet        = "password-set"
	ActionLoginLinkIssued    = "login-link-issued"
	ActionFactorAdded        = "factor-added"
	ActionFactorRemoved      = "factor-removed"
	ActionSessionRevoked     = "session-revoked"
	ActionAccountCreated     = "account-created"
	ActionAccountChanged     = "account-changed"
	ActionAccountDeleted     = "account-deleted"
	ActionAccountInvited     = "account-invited"
	ActionAccountReset       = "account-reset"
	ActionIdentityLinked     = "identity-linked"
	ActionIdentityUnlinked   = "identity-unlinked"
	ActionTokenCreated       = "token-created"
	ActionTokenRevoked       = "token-revoked"
	ActionGrantAdded         = "grant-added"
	ActionGrantRevoked       = "grant-revoked"
	ActionTeamCreated        = "team-created"
	ActionTeamChanged        = "team-changed"
	ActionTeamDeleted        = "team-deleted"
	ActionMemberAdded        = "team-member-added"
	ActionMemberRemoved      = "team-member-removed"
	ActionGroupMapped        = "group-mapped"
	ActionGroupUnmapped      = "group-unmapped"
	ActionGroupCreated       = "group-created"
	ActionGroupChanged       = "group-changed"
	ActionGroupDeleted       = "group-deleted"
	ActionEnvironmentCreated = "environment-created"
	ActionEnvironmentChanged = "environment-changed"
	ActionEnvironmentDeleted = "environment-deleted"
)

const (
	outcomeDone    = "done"
	outcomeRefused = "refused"
)

// system is who acts when the program itself does.
const system = "system"

// Event is what access tells the audit log.
type Event struct {
	// Action is one of the Action constants.
	Action string
	// Operator is who did it, "system" for the program itself, or empty when
	// nobody was recognised: a name that was only typed never stands here.
	Operator string
	// Via, Session and Address say how the operator had signed in, in which session,
	// and from where; empty when not known.
	Via, Session, Address string
	// Object is what it was done to.
	Object string
	// Outcome is "done" or "refused".
	Outcome string
	// Detail says more and holds no secrets.
	Detail map[string]string
	// Before and After are what was changed, as JSON objects without secrets; nil
	// where there is nothing to say.
	Before, After json.RawMessage
}

// Auditor keeps events. Record is called within the transaction of what it
// tells of; its error undoes and refuses that.
type Auditor interface {
	Record(ctx context.Context, tx *store.Tx, e Event) error
}

// tell records what somebody did. Before and after are nil or become JSON objects.
func (s *Service) tell(ctx context.Context, tx *store.Tx, by By, action, object string, before, after any) error {
	e := Event{Action: action, Operator: by.Operator, Via: by.Via, Session: by.Session, Object: object, Outcome: outcomeDone}
	if by.Address.IsValid() {
		e.Address = addressText(by.Address)
	}
	var err error
	if e.Before, err = picture(before); err != nil {
		return err
	}
	if e.After, err = picture(after); err != nil {
		return err
	}
	return s.audit.Record(ctx, tx, e)
}

func picture(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

// byAccount is somebody who acts for themselves, in a session.
func byAccount(k kept, addr netip.Addr) By {
	return By{Operator: k.operator, Via: k.via, Session: k.id, Address: addr}
}

// addressText is an address as entries say it.
func addressText(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	return addr.Unmap().WithZone("").String()
}
