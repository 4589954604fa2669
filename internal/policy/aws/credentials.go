package aws

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// credentials are an access key, with a session token where it is temporary.
type credentials struct {
	id, secret, token string
}

// source gives the credentials to sign with. It is asked for every request and
// keeps them as long as they are good.
type source interface {
	get(ctx context.Context) (*credentials, error)
}

// fixed are credentials that stand in the settings.
type fixed credentials

func (f *fixed) get(context.Context) (*credentials, error) { return (*credentials)(f), nil }

// Static are credentials in the settings.
type Static struct {
	// AccessKeyID is the id of the access key.
	AccessKeyID string `json:"accessKeyId" required:"true" minLength:"1"`
	// SecretAccessKey is its secret.
	SecretAccessKey string `json:"secretAccessKey" required:"true" minLength:"1" secret:"true"`
	// SessionToken belongs to temporary credentials.
	SessionToken string `json:"sessionToken" default:"" secret:"true"`
}

// source checks that nothing in the credentials breaks a header.
func (s *Static) source(setting string) (source, error) {
	if s == nil {
		return nil, fmt.Errorf("%s: required in this authenticationMode, but missing", setting)
	}
	for name, value := range map[string]string{"accessKeyId": s.AccessKeyID, "secretAccessKey": s.SecretAccessKey, "sessionToken": s.SessionToken} {
		if !printable(value) {
			return nil, fmt.Errorf("%s.%s: it holds a space or a character that no credential has", setting, name)
		}
	}
	return &fixed{id: s.AccessKeyID, secret: s.SecretAccessKey, token: s.SessionToken}, nil
}

func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

const (
	// retrieveTimeout bounds how long a request waits for credentials.
	retrieveTimeout = 5 * time.Second
	// rereadAfter is how long the content of a credentials file is used.
	rereadAfter = time.Minute
	// failedFor is how long a failure is remembered, so that not every request
	// asks again.
	failedFor = time.Second
)

// chain is the SDK's chain of credentials: environment, shared files, web
// identity, container and instance metadata. The SDK reads the environment and
// makes its calls itself, and refreshes before the credentials expire.
type chain struct {
	profile string
	now     func() time.Time
	// ready has a place for whoever opens the chain.
	ready    chan struct{}
	provider awssdk.CredentialsProvider
	// failed is when retrieving failed last, in Unix nanoseconds.
	failed atomic.Int64
}

func newChain(profile string, now func() time.Time) *chain {
	return &chain{profile: profile, now: now, ready: make(chan struct{}, 1)}
}

var errRetrieve = errors.New("no credentials of the chain could be retrieved")

func (c *chain) get(ctx context.Context) (*credentials, error) {
	if at := c.failed.Load(); at != 0 && c.now().UnixNano()-at < int64(failedFor) {
		return nil, errRetrieve
	}
	ctx, cancel := context.WithTimeout(ctx, retrieveTimeout)
	defer cancel()
	provider, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	got, err := provider.Retrieve(ctx)
	if err != nil {
		c.failed.Store(c.now().UnixNano())
		return nil, errRetrieve
	}
	return &credentials{got.AccessKeyID, got.SecretAccessKey, got.SessionToken}, nil
}

func (c *chain) open(ctx context.Context) (awssdk.CredentialsProvider, error) {
	select {
	case c.ready <- struct{}{}:
		defer func() { <-c.ready }()
	case <-ctx.Done():
		return nil, errors.New("the chain of credentials did not open in time")
	}
	if c.provider != nil {
		return c.provider, nil
	}
	var options []func(*config.LoadOptions) error
	if c.profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.profile))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil || loaded.Credentials == nil {
		return nil, errors.New("the chain of credentials can't be opened: the profile is missing or the configuration is broken")
	}
	c.provider = loaded.Credentials
	return c.provider, nil
}

// file is a shared credentials file, read again after a while so that rotated
// keys are found.
type file struct {
	name, profile string
	now           func() time.Time

	mu    sync.Mutex
	last  *credentials
	err   error
	again time.Time
}

func (f *file) get(ctx context.Context) (*credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if now.Before(f.again) {
		return f.last, f.err
	}
	f.last, f.err = f.read(ctx)
	f.again = now.Add(rereadAfter)
	if f.err != nil {
		f.again = now.Add(failedFor)
	}
	return f.last, f.err
}

func (f *file) read(ctx context.Context) (*credentials, error) {
	shared, err := config.LoadSharedConfigProfile(ctx, f.profile, func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{f.name}, []string{}
	})
	if err != nil {
		return nil, errors.New("the credentials file can't be read or has no such profile")
	}
	if !shared.Credentials.HasKeys() {
		return nil, errors.New("the profile of the credentials file holds no access key")
	}
	return &credentials{shared.Credentials.AccessKeyID, shared.Credentials.SecretAccessKey, shared.Credentials.SessionToken}, nil
}
