package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"sync"
	"time"
)

// serverCertificate is the control plane's own, made anew when half of it is over.
type serverCertificate struct {
	ca    *authority
	hosts []string
	now   func() time.Time

	mu   sync.Mutex
	made time.Time
	cert *tls.Certificate
}

func (c *serverCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.cert != nil && now.Sub(c.made) < serverLife/2 {
		return c.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the control plane's certificate: %w", err)
	}
	text, err := c.ca.issue(c.template(now), &key.PublicKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(text))
	c.cert, c.made = &tls.Certificate{Certificate: [][]byte{block.Bytes, c.ca.certificate.Raw}, PrivateKey: key}, now
	return c.cert, nil
}
