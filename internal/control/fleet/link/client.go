package link

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"farrier.dev/farrier/internal/control/fleet"
	"farrier.dev/farrier/internal/secret"
)

// Identity is what a gateway knows itself by: its key and certificate. It is a
// secret; whoever keeps it must seal it.
type Identity struct {
	fleet.Issued
	// Key is PKCS #8, DER.
	Key []byte `json:"key"`
	// Token is the hash of the token that it was made with.
	Token string `json:"token,omitempty"`
}

// Client speaks for one gateway.
type Client struct {
	base string
	// expiry is when the certificate ends, zero while there is none.
	expiry time.Time
	http   *http.Client
}

// Dial makes the client of a gateway that has enrolled; it makes no connection yet.
// address is https://host:port.
func Dial(address string, id *Identity) (*Client, error) {
	base, err := baseOf(address)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's key: %w", err)
	}
	own, _ := pem.Decode([]byte(id.Certificate))
	pool := x509.NewCertPool()
	if own == nil || !pool.AppendCertsFromPEM([]byte(id.Authority)) {
		return nil, errors.New("the gateway's certificate is damaged; enrol it anew")
	}
	return &Client{base: base, expiry: id.Expires, http: newClient(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: fleet.AuthorityName,
		Certificates: []tls.Certificate{{Certificate: [][]byte{own.Bytes}, PrivateKey: key}},
	})}, nil
}

// Due reports whether the certificate is to be renewed: a third of its life is left.
func (c *Client) Due(now time.Time) bool {
	return c.expiry.Sub(now) < fleet.CertificateLife/3
}

func newClient(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       2 * hold,
		Transport:     &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func baseOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", errors.New("the control plane's address must be a URL as https://control.example.com:9443")
	}
	return "https://" + u.Host + strings.TrimSuffix(u.Path, "/"), nil
}

// Enrol makes a key, and a gateway of the invitation that token belongs to. The
// control plane is known by the fingerprint that the token holds.
func Enrol(ctx context.Context, address, token string) (*Identity, error) {
	base, err := baseOf(address)
	if err != nil {
		return nil, err
	}
	bare, authority, err := fleet.SplitToken(token)
	if err != nil {
		return nil, err
	}
	key, request, err := newRequest()
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, http: newClient(&tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: fleet.AuthorityName,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection knows the authority by its fingerprint
		VerifyConnection:   func(s tls.ConnectionState) error { return verifyAuthority(s, authority) },
	})}
	var issued fleet.Issued
	if _, err := c.post(ctx, pathEnrol, enrolment{Token: bare, Request: request}, &issued); err != nil {
		return nil, fmt.Errorf("enrolling at %s: %w", base, err)
	}
	return &Identity{Issued: issued, Key: key, Token: hashOf(token)}, nil
}

// MadeWith reports whether the identity came of a token.
func (id *Identity) MadeWith(token string) bool { return id.Token == "" || id.Token == hashOf(token) }

func hashOf(token string) string { return fmt.Sprintf("%x", secret.HashToken(token)) }

// verifyAuthority holds the other side's chain against the authority's fingerprint.
func verifyAuthority(s tls.ConnectionState, authority string) error {
	certs := s.PeerCertificates
	if len(certs) < 2 || fleet.Fingerprint(certs[len(certs)-1]) != authority {
		return errStranger
	}
	pool := x509.NewCertPool()
	pool.AddCert(certs[len(certs)-1])
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: pool, DNSName: fleet.AuthorityName})
	return err
}

func newRequest() (key, request []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the gateway's key: %w", err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, nil, fmt.Errorf("making the gateway's key: %w", err)
	}
	request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "gateway"}}, private)
	if err != nil {
		return nil, nil, fmt.Errorf("asking for a certificate: %w", err)
	}
	return key, request, nil
}

// Renew gives the gateway's next identity.
func (c *Client) Renew(ctx context.Context) (*Identity, error) {
	key, request, err := newRequest()
	if err != nil {
		return nil, err
	}
	var issued fleet.Issued
	if _, err := c.post(ctx, pathRenew, renewal{Request: request}, &issued); err != nil {
		return nil, fmt.Errorf("renewing the gateway's certificate: %w", err)
	}
	return &Identity{Issued: issued, Key: key}, nil
}

// Next waits for what must be served after the version with that digest; nil says
// that there is nothing newer yet. It tells the control plane how the gateway stands.
func (c *Client) Next(ctx context.Context, version int64, digest string, status fleet.Status) (*fleet.Served, error) {
	var served fleet.Served
	found, err := c.post(ctx, pathNext, have{Version: version, Digest: digest, Status: status}, &served)
	if err != nil {
		return nil, fmt.Errorf("asking for the next revision: %w", err)
	}
	if !found || served.Revision == nil {
		return nil, nil
	}
	return &served, nil
}

// Send hands over what was counted and recorded, and reads the answer.
func (c *Client) Send(ctx context.Context, batch, answer any) error {
	if _, err := c.post(ctx, pathRecords, batch, answer); err != nil {
		return fmt.Errorf("sending records: %w", err)
	}
	return nil
}

// Learned hands over what was learned of APIs, and reads the answer.
func (c *Client) Learned(ctx context.Context, batch, answer any) error {
	if _, err := c.post(ctx, pathLearned, batch, answer); err != nil {
		return fmt.Errorf("sending what was learned: %w", err)
	}
	return nil
}

// post sends a message and reads the answer; found says that there was one.
func (c *Client) post(ctx context.Context, path string, message, into any) (found bool, err error) {
	text, err := json.Marshal(message)
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(r)
	if err != nil {
		return false, c.tell(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	switch answer.StatusCode {
	case http.StatusOK:
		return true, decode(answer.Body, mostRevision, into)
	case http.StatusNoContent:
		return false, nil
	case http.StatusForbidden:
		if path == pathEnrol {
			return false, fleet.ErrToken
		}
		return false, fleet.ErrUnknownGateway
	}
	said, err := io.ReadAll(io.LimitReader(answer.Body, 512))
	if err != nil {
		return false, err
	}
	return false, &statusError{answer.StatusCode, strings.TrimSpace(string(said))}
}
