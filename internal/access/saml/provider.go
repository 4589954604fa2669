package saml

import (
	"context"
	"crypto/rsa"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// How long what a provider says of itself is believed.
const (
	metadataLife = 24 * time.Hour
	// keysPause is the least time between two readings: who sends messages with made-up
	// signatures can't make us ask the provider for each.
	keysPause = 30 * time.Second
	// holdOff is how long a provider that could not be read is not asked again.
	holdOff = 5 * time.Second
)

// Options are what a provider is made of. All are required.
type Options struct {
	Settings Settings
	// Base is our own address of this provider, as https://console.example.com/sso/corp.
	// Metadata, acs and slo lie below it.
	Base string
	// Key signs what the browser keeps while a sign-in is under way; 32 bytes. All
	// processes of one control plane have the same.
	Key []byte
	// Signer signs our messages, and Certificate (DER) is what our metadata show of it.
	Signer      *rsa.PrivateKey
	Certificate []byte
	// Once reports whether it sees an id for the first time, and remembers it until
	// then: it makes sign-ins, assertions and logout requests count once.
	Once func(ctx context.Context, id string, until time.Time) (bool, error)
	// HTTP reads metadata. It must have a time limit.
	HTTP *http.Client
	Now  func() time.Time
}

// Provider is one place where people sign in. It is safe for use by many goroutines.
type Provider struct {
	o      Options
	client *http.Client

	mu    sync.Mutex
	known peer
	// failure is why the metadata could not be read, tried when that was last done.
	failure error
	tried   time.Time
}

// New makes a provider and asks it nothing yet.
func New(o Options) (*Provider, error) {
	if err := o.Settings.Check(); err != nil {
		return nil, err
	}
	if o.Base == "" || len(o.Key) < 32 || o.Signer == nil || len(o.Certificate) == 0 || o.Once == nil || o.HTTP == nil || o.Now == nil {
		return nil, errors.New("saml: Base, Key, Signer, Certificate, Once, HTTP and Now are required")
	}
	client := *o.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Provider{o: o, client: &client}, nil
}

// Name is what the provider is called in addresses.
func (p *Provider) Name() string { return p.o.Settings.Name }

// Title is what people call the provider.
func (p *Provider) Title() string {
	if p.o.Settings.Title != "" {
		return p.o.Settings.Title
	}
	return p.o.Settings.Name
}

// entity is what the provider calls us.
func (p *Provider) entity() string {
	if p.o.Settings.EntityID != "" {
		return p.o.Settings.EntityID
	}
	return p.o.Base + "/metadata"
}

func (p *Provider) acs() string { return p.o.Base + "/acs" }

func (p *Provider) slo() string { return p.o.Base + "/slo" }

// peer reads what the provider says of itself, at most once a day; while it can't be
// read, what was known before holds.
func (p *Provider) peer(ctx context.Context) (peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known.read.IsZero() || p.o.Now().Sub(p.known.read) >= metadataLife {
		p.refresh(ctx, holdOff)
	}
	if p.known.read.IsZero() {
		return peer{}, p.failure
	}
	return p.known, nil
}

// renewed reads the metadata again, for a key that is not in them: providers change
// their keys. It reports whether there is anything new.
func (p *Provider) renewed(ctx context.Context, old peer) (peer, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known.read.Equal(old.read) {
		p.refresh(ctx, keysPause)
	}
	return p.known, !p.known.read.Equal(old.read)
}

func (p *Provider) refresh(ctx context.Context, pause time.Duration) {
	now := p.o.Now()
	if !p.tried.IsZero() && now.Sub(p.tried) < pause {
		return
	}
	p.tried = now
	text, err := p.read(ctx)
	if err != nil {
		p.failure = refuse(ErrUnreachable, "its metadata can't be read: %.300s", err.Error())
		return
	}
	found, err := readPeer(text, p.o.Settings.Issuer, now)
	if err != nil {
		p.failure = refuse(ErrUnreachable, "its metadata can't be used: %.300s", err.Error())
		return
	}
	found.read = now
	p.known, p.failure = found, nil
}

// read fetches the text of the metadata.
func (p *Provider) read(ctx context.Context) ([]byte, error) {
	at := p.o.Settings.Metadata
	if !strings.Contains(at, "://") {
		f, err := os.Open(at) //nolint:gosec // the settings name the file
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was read
		return bounded(f)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/samlmetadata+xml, application/xml, text/xml")
	resp, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("the answer has status " + resp.Status)
	}
	return bounded(resp.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMetadata+1))
	if err == nil && len(text) > maxMetadata {
		err = errors.New("it is longer than 1 MiB")
	}
	return text, err
}

// trust does something with the keys of the provider, once more with new ones if it
// fails by them.
func (p *Provider) trust(ctx context.Context, do func(of peer) error) (peer, error) {
	of, err := p.peer(ctx)
	if err != nil {
		return peer{}, err
	}
	if err = do(of); errors.Is(err, errKey) {
		if again, fresh := p.renewed(ctx, of); fresh {
			return again, do(again)
		}
	}
	return of, err
}
