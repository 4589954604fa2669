package policy

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// Limit is one quota: at most Max requests in Period milliseconds.
type Limit struct {
	Max    int64
	Period int64
}

// Client is a client application with an approved contract.
type Client struct {
	ID, Name string
	// Tier is the name of the SLA tier, empty without one.
	Tier   string
	Limits []Limit

	secret    [sha256.Size]byte
	hasSecret bool
}

// NewClient makes a client; an empty secret is one that no caller can know.
func NewClient(id, name, secret, tier string, limits []Limit) *Client {
	c := &Client{ID: id, Name: name, Tier: tier, Limits: limits, hasSecret: secret != ""}
	c.secret = sha256.Sum256([]byte(secret))
	return c
}

// SecretIs compares in constant time.
func (c *Client) SecretIs(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], c.secret[:]) == 1 && c.hasSecret
}

// Clients are the contracts on one API. A nil value knows nobody.
type Clients struct {
	byID map[string]*Client
}

// NewClients makes the look-up; two clients of one id are an error.
func NewClients(list []*Client) (*Clients, error) {
	c := &Clients{byID: make(map[string]*Client, len(list))}
	for _, one := range list {
		if c.byID[one.ID] != nil {
			return nil, fmt.Errorf("two contracts for the client id %q on one API", one.ID)
		}
		c.byID[one.ID] = one
	}
	return c, nil
}

// Find is the client with this id, nil when there is none.
func (c *Clients) Find(id string) *Client {
	if c == nil {
		return nil
	}
	return c.byID[id]
}
