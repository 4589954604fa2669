package ldapauth

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"time"
)

// Settings are what operators set.
type Settings struct {
	// LdapServerURL is the address of the directory: ldap://host:389, or ldaps://host:636 for TLS from the first byte.
	LdapServerURL string `json:"ldapServerURL" default:"ldap://127.0.0.1:389"`
	// DapServerURL is ldapServerURL as some published manifests misspell it; it is read where that is missing.
	DapServerURL string `json:"dapServerURL" default:""`
	// LdapServerUserDN is the distinguished name of the service user who searches.
	LdapServerUserDN string `json:"ldapServerUserDn" required:"true" minLength:"1"`
	// LdapServerUserPassword is the password of the service user. Write a reference, as $PASSWORD, rather than the password itself.
	LdapServerUserPassword string `json:"ldapServerUserPassword" required:"true" minLength:"1" secret:"true"`
	// LdapSearchBase is the distinguished name below which the users lie.
	LdapSearchBase string `json:"ldapSearchBase" required:"true"`
	// LdapSearchFilter finds the entry of a user; {0} stands for the user name, escaped. It must find exactly one.
	LdapSearchFilter string `json:"ldapSearchFilter" default:"(uid={0})"`
	// LdapSearchInSubtree says that users lie anywhere below the base, not only directly below it.
	LdapSearchInSubtree bool `json:"ldapSearchInSubtree" default:"false"`
	// StartTLS says that the connection to ldap:// is encrypted before anything is said on it (RFC 4511 §4.14).
	StartTLS bool `json:"startTLS" default:"false"`
	// TrustedCA are the certificates, in PEM, of those who may vouch for the directory; without them the roots of this machine do.
	TrustedCA string `json:"trustedCA" default:""`
	// SkipValidation says that the directory's certificate is not verified, so that anybody on the way can read all passwords.
	SkipValidation bool `json:"skipValidation" default:"false"`
	// Timeout is how many milliseconds connecting and each operation may take.
	Timeout int64 `json:"timeout" default:"5000" min:"1" max:"60000"`
}

const defaultURL = "ldap://127.0.0.1:389"

func defaults() Settings {
	return Settings{LdapSearchFilter: "(uid={0})", Timeout: 5000}
}

// address is the URL that counts.
func (s *Settings) address() (string, error) {
	switch {
	case s.LdapServerURL != "" && s.DapServerURL != "":
		return "", errors.New("dapServerURL: given together with ldapServerURL; keep that one")
	case s.LdapServerURL != "":
		return s.LdapServerURL, nil
	case s.DapServerURL != "":
		return s.DapServerURL, nil
	}
	return defaultURL, nil
}

// dialing makes of the settings how to connect.
func (s *Settings) dialing() (dialing, error) {
	d := dialing{
		startTLS: s.StartTLS, timeout: time.Duration(s.Timeout) * time.Millisecond,
		dn: s.LdapServerUserDN, password: s.LdapServerUserPassword,
	}
	text, err := s.address()
	if err != nil {
		return d, err
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.User != nil || u.RawQuery != "" || u.Path != "" && u.Path != "/" {
		return d, errors.New("ldapServerURL: it is not ldap://host:port or ldaps://host:port")
	}
	port := u.Port()
	d.ldaps = u.Scheme == "ldaps"
	switch {
	case port == "" && d.ldaps:
		port = "636"
	case port == "":
		port = "389"
	}
	d.address = net.JoinHostPort(u.Hostname(), port)
	if d.ldaps && d.startTLS {
		return d, errors.New("startTLS: ldaps:// is encrypted already; turn it off, or write ldap://")
	}
	d.tls = &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: u.Hostname(),
		InsecureSkipVerify: s.SkipValidation, //nolint:gosec // the operator asks for it, and is warned
	}
	if s.TrustedCA != "" {
		d.tls.RootCAs = x509.NewCertPool()
		if !d.tls.RootCAs.AppendCertsFromPEM([]byte(s.TrustedCA)) {
			return d, errors.New("trustedCA: it holds no certificate in PEM")
		}
	}
	if !d.ldaps && !d.startTLS && (s.TrustedCA != "" || s.SkipValidation) {
		return d, errors.New("startTLS: it is off and the address is ldap://, so that trustedCA and skipValidation mean nothing; turn it on, or remove them")
	}
	return d, nil
}

func warn(settings json.RawMessage) []string {
	s := defaults()
	if err := json.Unmarshal(settings, &s); err != nil {
		return nil // references that are not resolved yet
	}
	var warnings []string
	if s.SkipValidation {
		warnings = append(warnings, "skipValidation: whoever is on the way to the directory can read all passwords; give trustedCA instead")
	}
	text, err := s.address()
	if err != nil {
		return warnings
	}
	if u, err := url.Parse(text); err == nil && u.Scheme == "ldap" && !s.StartTLS && !loopback(u.Hostname()) {
		warnings = append(warnings, "ldapServerURL: passwords go to the directory in clear text; use ldaps:// or startTLS")
	}
	return warnings
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
