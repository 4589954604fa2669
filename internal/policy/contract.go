package policy

// The states of a contract, in MuleSoft's words. Only an approved one gives
// access.
const (
	Pending  = "PENDING"
	Approved = "APPROVED"
	Rejected = "REJECTED"
	Revoked  = "REVOKED"
)

// Deny remembers that a client's contract is in a state that gives no access,
// so that refusals can say so.
func (c *Clients) Deny(id, state string) {
	if c.denied == nil {
		c.denied = map[string]string{}
	}
	c.denied[id] = state
}

// Why says for the decision trail why a client has no access.
func (c *Clients) Why(id string) string {
	if c != nil && c.denied[id] != "" {
		return "the client's contract on this API is " + c.denied[id]
	}
	return "no contract on this API has the client's id and secret"
}

// WhyUnknown is Why for callers who show no secret, as those with a token.
func (c *Clients) WhyUnknown(id string) string {
	if c != nil && c.denied[id] != "" {
		return c.Why(id)
	}
	return "its client has no contract on this API"
}
