package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The refusals of Vault that a caller may want to tell apart.
var (
	// ErrVaultSealed says that Vault is sealed or in standby: nothing can be read yet.
	ErrVaultSealed = errors.New("vault is sealed or not ready")
	// ErrVaultDenied says that the token is wrong, has ended, or may not do this.
	ErrVaultDenied = errors.New("vault refuses the token")
)

const (
	vaultLimit   = 1 << 20 // bytes of an answer
	vaultTimeout = 10 * time.Second
)

// Vault speaks with HashiCorp Vault, or OpenBao, over its HTTP API. It is safe for
// use by many goroutines.
type Vault struct {
	base   *url.URL
	token  func() (string, error)
	client *http.Client
	now    func() time.Time

	// Fresh is how long a value is given without asking again; Stale how long it is
	// given when Vault can't be asked.
	Fresh, Stale time.Duration

	mu    sync.Mutex
	known map[string]vaultValue
}

type vaultValue struct {
	fields map[string]string
	at     time.Time
}

// NewVault makes a client for the Vault at address, which is https unless it is on
// this machine. The token is asked for at each call, so that it may change; transport
// nil is the standard one. Redirects are not followed: they would carry the token
// along.
func NewVault(address string, token func() (string, error), transport http.RoundTripper, now func() time.Time) (*Vault, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the address of Vault must be https://HOST[:PORT]")
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())) {
		return nil, errors.New("the address of Vault must be https: its token and keys would be read on the way")
	}
	if token == nil || now == nil {
		return nil, errors.New("vault needs a token and a clock")
	}
	return &Vault{
		base: base, token: token, now: now, Fresh: 5 * time.Minute, Stale: 24 * time.Hour, known: map[string]vaultValue{},
		client: &http.Client{Transport: transport, Timeout: vaultTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// call sends one request and reads the answer into out, nil for none.
func (v *Vault) call(ctx context.Context, method, path string, in, out any) error {
	token, err := v.token()
	if err != nil {
		return fmt.Errorf("the token of Vault: %w", err)
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("asking Vault: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.base.JoinPath("v1", path).String(), body)
	if err != nil {
		return fmt.Errorf("asking Vault: %w", err)
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	res, err := v.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking Vault: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, vaultLimit+1))
	if err != nil {
		return fmt.Errorf("reading the answer of Vault: %w", err)
	}
	if len(text) > vaultLimit {
		return fmt.Errorf("the answer of Vault is longer than %d bytes", vaultLimit)
	}
	if err := vaultRefusal(res.StatusCode, text); err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return errors.New("the answer of Vault is not what its API gives")
	}
	return nil
}

// vaultRefusal turns a status into an error. The text of Vault is not repeated: it
// may hold what was sent.
func vaultRefusal(status int, text []byte) error {
	switch status {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, 473:
		return fmt.Errorf("%w (HTTP %d)", ErrVaultSealed, status)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%w (HTTP %d): renew it, or let its policy reach the path", ErrVaultDenied, status)
	case http.StatusNotFound:
		return errors.New("vault has nothing at this path (HTTP 404)")
	}
	switch told := string(text); {
	case strings.Contains(told, "encryption key not found"):
		return errors.New("vault has no transit key of this name")
	case strings.Contains(told, "message authentication failed"), strings.Contains(told, "ciphertext"):
		return errors.New("vault can not decrypt it with this transit key: another one has encrypted it")
	}
	return fmt.Errorf("vault answers HTTP %d", status)
}

// Renew prolongs the life of the token. A token without an end is left alone.
func (v *Vault) Renew(ctx context.Context) error {
	var self struct {
		Data struct {
			Renewable bool `json:"renewable"`
			TTL       int  `json:"ttl"`
		} `json:"data"`
	}
	if err := v.call(ctx, http.MethodGet, "auth/token/lookup-self", nil, &self); err != nil {
		return fmt.Errorf("looking up the token: %w", err)
	}
	if self.Data.TTL == 0 {
		return nil
	}
	if !self.Data.Renewable {
		return fmt.Errorf("the token of Vault ends in %d s and can't be renewed; give a new one", self.Data.TTL)
	}
	if err := v.call(ctx, http.MethodPost, "auth/token/renew-self", map[string]any{}, nil); err != nil {
		return fmt.Errorf("renewing the token: %w", err)
	}
	return nil
}

// Read gives the field of a secret of the key-value engine, version 2. ref is
// MOUNT/PATH#FIELD; without #FIELD it is the field "value". What was read is given
// for the time Fresh without asking again.
func (v *Vault) Read(ctx context.Context, ref string) (string, error) {
	place, field, found := strings.Cut(ref, "#")
	if !found {
		field = "value"
	}
	mount, path, found := strings.Cut(place, "/")
	if !found || mount == "" || path == "" || field == "" || strings.Contains(place, "..") {
		return "", errors.New("reference vault: must be vault:MOUNT/PATH#FIELD")
	}
	v.mu.Lock()
	kept, have := v.known[place]
	v.mu.Unlock()
	if !have || v.now().Sub(kept.at) >= v.Fresh {
		fields, err := v.readKV(ctx, mount, path)
		switch {
		case err == nil:
			kept = vaultValue{fields, v.now()}
			v.mu.Lock()
			v.known[place] = kept
			v.mu.Unlock()
		case !have || v.now().Sub(kept.at) >= v.Stale:
			return "", fmt.Errorf("reference vault:%s: %w", place, err)
		}
	}
	value, ok := kept.fields[field]
	if !ok {
		return "", fmt.Errorf("reference vault:%s: it has no text field %q", place, field)
	}
	return value, nil
}

func (v *Vault) readKV(ctx context.Context, mount, path string) (map[string]string, error) {
	var answer struct {
		Data struct {
			Data map[string]any `json:"data"`
		} `json:"data"`
	}
	if err := v.call(ctx, http.MethodGet, mount+"/data/"+path, nil, &answer); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for name, value := range answer.Data.Data {
		if text, ok := value.(string); ok {
			fields[name] = text
		}
	}
	return fields, nil
}

// transit wraps keys by the transit engine.
type transit struct {
	vault      *Vault
	mount, key string
}

func newTransit(address string, vault func(string) (*Vault, error)) (*transit, error) {
	const form = "vault-transit: must be vault-transit:https://HOST[/MOUNT]/KEY"
	at, err := url.Parse(address)
	if err != nil || vault == nil {
		return nil, errors.New(form)
	}
	mount, key := "transit", strings.Trim(at.Path, "/")
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		mount, key = key[:i], key[i+1:]
	}
	if key == "" {
		return nil, errors.New(form)
	}
	at.Path = ""
	client, err := vault(at.String())
	if err != nil {
		return nil, err
	}
	return &transit{client, mount, key}, nil
}

// Wrap implements Wrapper.
func (t *transit) Wrap(ctx context.Context, plain []byte) (string, error) {
	var answer struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	err := t.vault.call(ctx, http.MethodPost, t.mount+"/encrypt/"+t.key, map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)}, &answer)
	return answer.Data.Ciphertext, err
}

// Unwrap implements Wrapper.
func (t *transit) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	var answer struct {
		Data struct {
			Plaintext string `json:"plaintext"`
		} `json:"data"`
	}
	if err := t.vault.call(ctx, http.MethodPost, t.mount+"/decrypt/"+t.key, map[string]string{"ciphertext": wrapped}, &answer); err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.DecodeString(answer.Data.Plaintext)
	if err != nil {
		return nil, errors.New("the answer of Vault is not what its API gives")
	}
	return plain, nil
}
