// Package acme obtains certificates from an authority by ACME (RFC 8555): it makes an
// account and an order, has the challenges answered (http-01), and gives the chain that
// was issued. It keeps nothing: whoever calls it keeps account and order, and can go on
// with an order that was interrupted. The directory may be hostile; what it answers is
// bounded in size, time and number.
package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

// LetsEncrypt is the directory of Let's Encrypt.
const LetsEncrypt = acme.LetsEncryptURL

// Account is who asks an authority.
type Account struct {
	// Directory is the URL of the authority's directory.
	Directory string
	// Contact is an e-mail address, empty for none.
	Contact string
	Key     *ecdsa.PrivateKey
	// URI is what the authority calls the account, empty before it knows it.
	URI string
	// KeyID and HMAC bind the account to one that the authority knows from elsewhere;
	// empty where it asks for none.
	KeyID string
	HMAC  []byte
}

// Order is one certificate that was asked for and is not there yet.
type Order struct {
	// URL is what the authority calls the order, empty for none.
	URL string
	// Key is that of the certificate.
	Key *ecdsa.PrivateKey
}

// Steps are what the caller does on the way.
type Steps struct {
	// Keep keeps account and order for the next start, before the next step is done. An
	// error ends the attempt.
	Keep func(ctx context.Context) error
	// Present has the challenges answered, answers by token, and comes back when they
	// are. An error ends the attempt.
	Present func(ctx context.Context, answers map[string]string) error
}

// NewKey makes a key for an account or a certificate: ECDSA on P-256.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

// work is one attempt.
type work struct {
	client  *acme.Client
	account *Account
	order   *Order
	domains []string
	steps   Steps
}

// Obtain obtains a certificate for the domains and gives its chain, the certificate
// first, that of order.Key. It writes into account and order what is to be kept, and
// goes on with an order that is there already. Both are left as the next attempt needs
// them when there is an error, which Explain puts into words. The context bounds it.
func Obtain(ctx context.Context, through *http.Client, account *Account, order *Order, domains []string, steps Steps) ([]*x509.Certificate, error) {
	client := bounded(through)
	defer client.CloseIdleConnections()
	w := &work{
		account: account, order: order, domains: domains, steps: steps,
		client: &acme.Client{
			Key: account.Key, KID: acme.KeyID(account.URI), DirectoryURL: account.Directory,
			HTTPClient: client, RetryBackoff: backoff, UserAgent: "farrier",
		},
	}
	chain, err := w.run(ctx)
	if err == nil {
		return chain, nil
	}
	if unknownAccount(err) { // the authority has forgotten it
		account.URI, *order = "", Order{}
		err = errors.Join(err, steps.Keep(ctx))
	}
	return nil, err
}

func (w *work) run(ctx context.Context) ([]*x509.Certificate, error) {
	if err := w.register(ctx); err != nil {
		return nil, err
	}
	order, err := w.resume(ctx)
	if err != nil {
		return nil, err
	}
	if order == nil {
		if order, err = w.ask(ctx); err != nil {
			return nil, err
		}
	}
	if order.Status == acme.StatusPending {
		if err := w.authorise(ctx, order); err != nil {
			return nil, err
		}
		if order, err = w.wait(ctx, acme.StatusReady, acme.StatusValid); err != nil {
			return nil, err
		}
	}
	raw, err := w.finalize(ctx, order)
	if err != nil {
		return nil, err
	}
	return w.verify(raw)
}

// register makes the account, or finds it by its key.
func (w *work) register(ctx context.Context) error {
	if w.account.URI != "" {
		return nil
	}
	asked := &acme.Account{}
	if w.account.Contact != "" {
		asked.Contact = []string{"mailto:" + w.account.Contact}
	}
	if w.account.KeyID != "" {
		asked.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: w.account.KeyID, Key: w.account.HMAC}
	}
	made, err := w.client.Register(ctx, asked, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		made, err = w.client.GetReg(ctx, "")
	}
	if err != nil {
		return err
	}
	if made.URI == "" || len(made.URI) > maxURL {
		return &ProblemError{Text: "the authority does not say what it calls the account"}
	}
	w.account.URI = made.URI
	return w.steps.Keep(ctx)
}

// resume gives the order that is there already, nil when it is of no use any more.
func (w *work) resume(ctx context.Context) (*acme.Order, error) {
	if w.order.URL == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	order, err := w.client.GetOrder(ctx, w.order.URL)
	var refused *acme.Error
	if errors.As(err, &refused) && refused.StatusCode/100 == 4 && !unknownAccount(err) {
		return nil, nil //nolint:nilnil // the authority does not know it any more
	}
	if err != nil {
		return nil, err
	}
	order.URI = w.order.URL
	switch order.Status {
	case acme.StatusPending, acme.StatusReady, acme.StatusProcessing, acme.StatusValid:
		return order, nil
	}
	return nil, nil //nolint:nilnil // it has failed
}

// ask makes an order, and the key of its certificate.
func (w *work) ask(ctx context.Context) (*acme.Order, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	order, err := w.client.AuthorizeOrder(ctx, acme.DomainIDs(w.domains...))
	if err != nil {
		return nil, err
	}
	if order.URI == "" || len(order.URI) > maxURL || len(order.AuthzURLs) > len(w.domains) {
		return nil, &ProblemError{Text: "the authority answers with an order that was not asked for"}
	}
	w.order.URL, w.order.Key = order.URI, key
	return order, w.steps.Keep(ctx)
}

// drop forgets an order that came to nothing.
func (w *work) drop(ctx context.Context, why error) error {
	*w.order = Order{}
	return errors.Join(why, w.steps.Keep(ctx))
}

// wait waits until the order has one of some states.
func (w *work) wait(ctx context.Context, wanted ...string) (order *acme.Order, err error) {
	err = poll(ctx, func() (bool, error) {
		if order, err = w.client.GetOrder(ctx, w.order.URL); err != nil {
			return false, err
		}
		order.URI = w.order.URL
		for _, one := range wanted {
			if order.Status == one {
				return true, nil
			}
		}
		if order.Status == acme.StatusInvalid {
			return false, w.drop(ctx, refusedOrder(order))
		}
		return false, nil
	})
	return order, err
}

// finalize asks for the certificate and fetches it.
func (w *work) finalize(ctx context.Context, order *acme.Order) ([][]byte, error) {
	if order.Status == acme.StatusReady {
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: w.domains}, w.order.Key)
		if err != nil {
			return nil, fmt.Errorf("asking for a certificate: %w", err)
		}
		chain, _, err := w.client.CreateCertFromOrder(ctx, order, csr, true)
		var failed *acme.OrderError
		if errors.As(err, &failed) {
			return nil, w.drop(ctx, &ProblemError{Text: "the authority does not issue the certificate" + detail(failed.Problem)})
		}
		return chain, err
	}
	if order.Status != acme.StatusValid {
		var err error
		if order, err = w.wait(ctx, acme.StatusValid); err != nil {
			return nil, err
		}
	}
	return w.client.FetchCert(ctx, order.CertURL, true)
}

// verify holds what was issued against what was asked for. Whether it is valid now, the
// caller asks.
func (w *work) verify(raw [][]byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, der := range raw {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, &ProblemError{Text: "the authority sends something that is no certificate"}
		}
		chain = append(chain, one)
	}
	if len(chain) == 0 || !w.order.Key.PublicKey.Equal(public(chain[0])) {
		return nil, &ProblemError{Text: "the authority sends a certificate of another key"}
	}
	for _, domain := range w.domains {
		if err := chain[0].VerifyHostname(domain); err != nil {
			return nil, &ProblemError{Text: "the certificate that the authority sends does not hold for " + domain}
		}
	}
	return chain, nil
}

func public(c *x509.Certificate) crypto.PublicKey {
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); ok {
		return key
	}
	return nil
}

const (
	// maxURL bounds what an authority calls things, in bytes.
	maxURL = 2000
	// firstLook and longestLook are how long is waited before it is asked again how
	// something stands.
	firstLook   = 100 * time.Millisecond
	longestLook = 10 * time.Second
)

// poll looks again and again, more and more rarely, until it is done.
func poll(ctx context.Context, look func() (done bool, err error)) error {
	for pause := firstLook; ; pause = min(2*pause, longestLook) {
		if done, err := look(); done || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}
