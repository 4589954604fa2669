package link

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// errStranger says that another control plane answers, or somebody between.
var errStranger = errors.New("whoever answers there is not the control plane that made this token")

// statusError is an answer that says no.
type statusError struct {
	status int
	said   string
}

// Error implements error.
func (e *statusError) Error() string {
	return fmt.Sprintf("the control plane answers %d: %s", e.status, e.said)
}

// IsAway reports whether err says that the control plane can't be reached or can't
// answer now, so that it is worth to ask again.
func IsAway(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.status >= http.StatusInternalServerError
	}
	// What the other side says of a handshake is a refusal.
	var op *net.OpError
	return errors.As(err, &op) && op.Op != alert ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

// alert is what an error that the other side of TLS told begins with.
const alert = "remote error"

// tell says for people why a connection was not made.
func (c *Client) tell(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		op      *net.OpError
	)
	switch now := time.Now(); { //nolint:forbidigo // TLS went by the clock of this machine, which is what is told
	case errors.As(err, &unknown):
		return fmt.Errorf("whoever answers at %s is not the control plane that this gateway enrolled at: %w", c.base, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("by the clock of this machine it is %s, when the control plane's certificate is not good: set the clocks of both right: %w", now.UTC().Format(time.RFC3339), err)
	case errors.As(err, &op) && op.Op == "dial", c.expiry.IsZero():
		return err
	case now.After(c.expiry):
		// The other side need not have come to say so.
		return fmt.Errorf("the certificate of this gateway ended at %s: invite it again (Gateways), and start it with the new token: %w", c.expiry.UTC().Format(time.RFC3339), err)
	case op == nil || op.Op != alert:
		return err
	case strings.Contains(err.Error(), "expired"):
		return fmt.Errorf("the control plane takes the certificate of this gateway for expired or not good yet: set the clocks of both right; by this one it is %s: %w", now.UTC().Format(time.RFC3339), err)
	}
	return fmt.Errorf("the control plane does not know the authority of this gateway's certificate: invite it again (Gateways), and start it with the new token: %w", err)
}
