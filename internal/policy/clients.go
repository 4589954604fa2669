package policy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"farrier.dev/farrier/internal/sharedstate"
	"farrier.dev/farrier/internal/traffic"
)

// Limit is one quota: at most Max requests in Period milliseconds.
type Limit struct {
	Max    int64
	Period int64
	// Burst, when above 0, makes the limit a token bucket that holds so many.
	Burst int64
}

// Client is a client application with an approved contract.
type Client struct {
	ID, Name string
	// Tier is the name of the SLA tier, empty without one.
	Tier   string
	Limits []Limit

	// properties are what the contract says of the caller; nil without a tier.
	properties map[string]any
	secret     [sha256.Size]byte
	hasSecret  bool
	hashed     []hashedSecret
	now        func() time.Time
	windows    []sharedstate.Limit
	// distributed are the windows as several gateways count them.
	distributed []sharedstate.Limit
}

// NewClient makes a client; an empty secret is one that no caller can know.
func NewClient(id, name, secret, tier string, limits []Limit) *Client {
	c := &Client{ID: id, Name: name, Tier: tier, Limits: limits, hasSecret: secret != ""}
	if tier != "" {
		c.properties = map[string]any{"slaId": tier}
	}
	c.secret = sha256.Sum256([]byte(secret))
	for _, l := range limits {
		// A longer period would overflow; it is beyond what is counted anyway.
		period := time.Duration(min(l.Period, longestPeriod)) * time.Millisecond
		if w := (sharedstate.Limit{Max: l.Max, Period: period, Burst: l.Burst}); !slices.Contains(c.windows, w) {
			c.windows = append(c.windows, w)
		}
	}
	c.distributed = sharedstate.Distributed(c.windows)
	return c
}

// hashedSecret is a secret of which only the hash is known.
type hashedSecret struct {
	sum   [sha256.Size]byte
	until time.Time // zero for no end
}

// HashPrefix begins the text of a hashed secret.
const HashPrefix = "sha256:"

// Accept lets the secret with a hash be right too, until a moment on the clock now;
// the zero time means for ever. The hash is HashPrefix and 64 hexadecimal digits.
func (c *Client) Accept(hash string, until time.Time, now func() time.Time) error {
	text, found := strings.CutPrefix(hash, HashPrefix)
	sum, err := hex.DecodeString(text)
	if !found || err != nil || len(sum) != sha256.Size || now == nil {
		return fmt.Errorf("a hashed secret must be %s and 64 hexadecimal digits", HashPrefix)
	}
	c.hashed, c.now = append(c.hashed, hashedSecret{[sha256.Size]byte(sum), until}), now
	return nil
}

// longestPeriod is a century in milliseconds.
const longestPeriod = 100 * 365 * 24 * 3600 * 1000

// Windows are the limits as counters take them, each once; the slice must not
// be changed.
func (c *Client) Windows() []sharedstate.Limit { return c.windows }

// WindowsOf are the limits as a tally takes them; the slice must not be changed.
func (c *Client) WindowsOf(t *Tally) []sharedstate.Limit {
	if t.Shared() {
		return c.distributed
	}
	return c.windows
}

// SecretIs compares with every secret, each in constant time.
func (c *Client) SecretIs(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	right := subtle.ConstantTimeCompare(sum[:], c.secret[:]) == 1 && c.hasSecret
	for i := range c.hashed {
		one := &c.hashed[i]
		same := subtle.ConstantTimeCompare(sum[:], one.sum[:]) == 1
		if lives := one.until.IsZero() || c.now().Before(one.until); same && lives {
			right = true
		}
	}
	return right
}

// Clients are the contracts on one API. A nil value knows nobody.
type Clients struct {
	byID   map[string]*Client
	denied map[string]string
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

// NoClientID and BadClient are what callers read whom the contracts don't know.
const (
	NoClientID = "Client ID is not present"
	BadClient  = "Invalid client id or secret"
)

// Find is the client with this id, nil when there is none.
func (c *Clients) Find(id string) *Client {
	if c == nil {
		return nil
	}
	return c.byID[id]
}

// Authenticate is the client with this id and this secret, nil when nobody has
// the id or the secret is another. Both take the same time.
func (c *Clients) Authenticate(id, secret string) *Client {
	client := c.Find(id)
	claimed := client
	if claimed == nil {
		claimed = &Client{}
	}
	if !claimed.SecretIs(secret) {
		return nil
	}
	return client
}

// Establish makes the client the caller of an exchange.
func (c *Client) Establish(a *traffic.Authentication) {
	a.ClientID, a.ClientName = c.ID, c.Name
	if c.properties != nil {
		a.SetProperties(c.properties)
	}
}
