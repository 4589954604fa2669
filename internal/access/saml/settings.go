// Package saml signs people in at a SAML 2.0 identity provider: the web browser SSO
// profile with our requests by redirect and the provider's answers by POST, and
// single logout. It is a protocol and no more: who the person is here, and what
// they may do, is decided by its callers, and it keeps nothing but the metadata of
// the provider. What comes in is read in three steps: a check of the bare document,
// the signature, and only then, from the bytes that were signed, what it says.
package saml

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The bounds of what a provider may take and tell.
const (
	// MaxMessage is the greatest message that is read, decoded, in bytes.
	MaxMessage = 256 << 10
	// maxInflated is the greatest compressed message, once it is inflated.
	maxInflated = 64 << 10
	// maxMetadata is the greatest metadata document, in bytes.
	maxMetadata = 1 << 20
	// maxElements is how many elements a message may have, maxDepth how deep.
	maxElements         = 1000
	maxMetadataElements = 20000
	maxDepth            = 32
	maxAttributes       = 64
	// maxText is the longest text that is used, in bytes.
	maxText = 255
	// maxKeys is how many signing keys a provider may have.
	maxKeys = 3
	// maxSessions is how many sessions a logout request may name.
	maxSessions = 32
	// skew is how far clocks may differ.
	skew = time.Minute
	// FlowLife is how long a sign-in may take.
	FlowLife = 10 * time.Minute
)

// The kinds of refusals. Each is wrapped with its reason, which quotes no message.
var (
	// ErrUnreachable says that the provider's metadata can't be used.
	ErrUnreachable = errors.New("the identity provider can't be used now")
	// ErrFlow says that a sign-in was not begun here, is over, or was answered before.
	ErrFlow = errors.New("this sign-in was not begun in this browser, took too long or is over")
	// ErrDenied says that the provider let nobody sign in.
	ErrDenied = errors.New("the identity provider signed nobody in")
	// ErrAnswer says that the provider's message proves nothing.
	ErrAnswer = errors.New("the answer of the identity provider is not valid")
	// ErrWeak says that the person signed in, but not as strongly or recently as asked.
	ErrWeak = errors.New("the sign-in at the identity provider is not strong enough")
)

func refuse(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %w", kind, fmt.Errorf(format, args...))
}

// Attributes name the attributes of an assertion; an empty one is not read.
type Attributes struct{ Name, Email, Display, Groups string }

// Settings say where people sign in, and what of the answer counts.
type Settings struct {
	// Name stands in addresses: lower-case letters, digits and hyphens, at most 32.
	Name string
	// Title is what people read; empty stands for Name.
	Title string
	// Metadata is the provider's own description: an https URL, or the path of a file.
	Metadata string
	// Issuer is the entity id of the provider; it may be empty if the metadata describe
	// one entity only.
	Issuer string
	// EntityID is what the provider calls us; empty stands for the address of our
	// metadata.
	EntityID string
	// NameIDFormat is how people are named: persistent, email or unspecified; empty
	// stands for persistent.
	NameIDFormat string
	// Attributes are those that tell of the person.
	Attributes Attributes
	// Classes, where set, demand a strong sign-in: the answer's AuthnContextClassRef is
	// one of them.
	Classes []string
	// MaxAge, unless 0, is how long ago a person may have signed in at the provider.
	MaxAge time.Duration
	// Unasked takes answers that nobody asked for (IdP-initiated sign-in).
	Unasked bool
}

// namePattern is what Settings.Name may be.
var namePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)

// Check says what is wrong with the settings, by the name of the field.
func (s *Settings) Check() error {
	switch {
	case !namePattern.MatchString(s.Name):
		return fmt.Errorf("name %.40q must be lower-case letters, digits and hyphens, 32 at most", s.Name)
	case s.Metadata == "":
		return errors.New("metadata is missing; it is the URL or the file of the provider's metadata")
	case s.MaxAge < 0:
		return errors.New("maxAge must not be negative")
	case s.format() == "":
		return fmt.Errorf("nameIdFormat %.60q must be persistent, email or unspecified", s.NameIDFormat)
	case len(s.EntityID) > 1024:
		return errors.New("entityId is longer than 1024 bytes")
	case slices.Contains(s.Classes, ""):
		return errors.New("requireStrongFactor.acr: one is empty")
	}
	if strings.Contains(s.Metadata, "://") {
		if err := address(s.Metadata); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	} else if !filepath.IsAbs(s.Metadata) {
		return fmt.Errorf("metadata %.100q must be a URL, or the whole path of a file", s.Metadata)
	}
	return nil
}

// address checks that browsers and we may be sent there.
func address(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%.100q is no plain URL", text)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%.100q must begin with https://", text)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// The names of how people are named.
const (
	formatPersistent  = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
	formatEmail       = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
	formatUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
)

// format is the URI of NameIDFormat, empty for an unknown one.
func (s *Settings) format() string {
	switch s.NameIDFormat {
	case "", "persistent":
		return formatPersistent
	case "email":
		return formatEmail
	case "unspecified":
		return formatUnspecified
	}
	return ""
}
