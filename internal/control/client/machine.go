package client

// State is where a contract stands, in MuleSoft's words.
type State string

// The states. Only an approved contract gives access.
const (
	Pending  State = "PENDING"
	Approved State = "APPROVED"
	Rejected State = "REJECTED"
	Revoked  State = "REVOKED"
)

// Act is what can be done to a contract.
type Act string

// The acts.
const (
	// Request asks for access, anew after a rejection.
	Request Act = "request"
	// Approve grants what is asked for: access, or another tier.
	Approve Act = "approve"
	// Reject declines it.
	Reject Act = "reject"
	// Revoke takes access away, Restore gives it back.
	Revoke  Act = "revoke"
	Restore Act = "restore"
	// Change asks for another tier.
	Change Act = "change"
	// Remove forgets a contract that gives no access.
	Remove Act = "remove"
)

// Acts lists every act.
func Acts() []Act { return []Act{Request, Approve, Reject, Revoke, Restore, Change, Remove} }

// standing is the state of a contract, and whether an approved one waits for another
// tier.
type standing string

const (
	none     standing = ""
	pending           = standing(Pending)
	approved          = standing(Approved)
	changing standing = "CHANGING"
	rejected          = standing(Rejected)
	revoked           = standing(Revoked)
)

// outcome is where an act leads: when somebody must decide, and when nobody must.
type outcome struct{ asked, granted standing }

// machine is the table of all that can happen to a contract; what does not stand
// here can't. Where a removed contract goes is none.
func machine() map[standing]map[Act]outcome {
	return map[standing]map[Act]outcome{
		none: {Request: {pending, approved}},
		pending: {
			Approve: {approved, approved}, Reject: {rejected, rejected}, Change: {pending, approved},
		},
		approved: {
			Revoke: {revoked, revoked}, Change: {changing, approved},
		},
		changing: {
			Approve: {approved, approved}, Reject: {approved, approved}, Revoke: {revoked, revoked}, Change: {changing, approved},
		},
		rejected: {Request: {pending, approved}, Remove: {none, none}},
		revoked:  {Restore: {approved, approved}, Remove: {none, none}},
	}
}

// standing is where a contract stands.
func (c *Contract) standing() standing {
	if c.State == Approved && c.Wanted != nil {
		return changing
	}
	return standing(c.State)
}

// Allowed are the acts that are possible now, in the order of Acts.
func (c *Contract) Allowed() []Act {
	var all []Act
	for _, act := range Acts() {
		if _, ok := machine()[c.standing()][act]; ok {
			all = append(all, act)
		}
	}
	return all
}

// Can reports whether an act is possible now.
func (c *Contract) Can(act Act) bool {
	_, ok := machine()[c.standing()][act]
	return ok
}
