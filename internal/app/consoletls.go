package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// ConsoleTLS lets the console speak HTTPS itself.
type ConsoleTLS struct {
	// Certificate and Key are files in PEM form; they are read again when they change.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// check refuses what makes no sense.
func (t *ConsoleTLS) check() error {
	if (t.Certificate == "") != (t.Key == "") {
		return errors.New("consoleTLS: certificate and key must both be named")
	}
	return nil
}

func (t *ConsoleTLS) set() bool { return t.Certificate != "" }

// consoleSecure says that browsers speak HTTPS to the console: to itself, or to a proxy
// before it.
func (c *Config) consoleSecure() bool {
	return c.ConsoleTLS.set() || strings.HasPrefix(c.Access.URL, "https://")
}

// consoleHosts are all names under which the console is reached.
func (c *Config) consoleHosts() []string {
	hosts := c.ConsoleHosts
	if public, err := url.Parse(c.Access.URL); err == nil && public.Hostname() != "" && !slices.Contains(hosts, public.Hostname()) {
		hosts = append(slices.Clone(hosts), public.Hostname())
	}
	return hosts
}

// consoleURL is where people find the console, for links that are sent to them; empty
// when that is not known.
func (c *Config) consoleURL() string {
	if c.Access.URL != "" || c.Console == "off" {
		return c.Access.URL
	}
	host, port, err := net.SplitHostPort(c.Console)
	if err != nil || port == "0" {
		return ""
	}
	if len(c.ConsoleHosts) > 0 {
		host = c.ConsoleHosts[0]
	} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return ""
	}
	return c.consoleScheme() + net.JoinHostPort(host, port)
}

// consoleScheme begins the URLs of the console at its own address.
func (c *Config) consoleScheme() string {
	if c.ConsoleTLS.set() {
		return "https://"
	}
	return "http://"
}

// certificateLook is how often the files are looked at, at most.
const certificateLook = time.Second

// certificateFiles are a certificate and its key, read again when they change.
type certificateFiles struct {
	files ConsoleTLS
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time
	current *tls.Certificate
}

func openCertificate(files ConsoleTLS, now func() time.Time, log *slog.Logger) (*certificateFiles, error) {
	c := &certificateFiles{files: files, now: now, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read reads the files when they are not those that were read last.
func (c *certificateFiles) read() error {
	var changed [2]time.Time
	for i, path := range []string{c.files.Certificate, c.files.Key} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("consoleTLS: %w", err)
		}
		changed[i] = info.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil {
		return fmt.Errorf("consoleTLS: %w", err)
	}
	c.current, c.changed = &pair, changed
	return nil
}

// get is the certificate for a connection. One that can't be read leaves the last one
// in its place.
func (c *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked).Abs() >= certificateLook {
		c.looked = now
		if err := c.read(); err != nil {
			c.log.Error("the certificate of the console can't be read; the last one serves on", "error", err)
		}
	}
	return c.current, nil
}

// listener speaks TLS on ln where the settings say so.
func (t *ConsoleTLS) listener(ln net.Listener, now func() time.Time, log *slog.Logger) (net.Listener, error) {
	if !t.set() {
		return ln, nil
	}
	files, err := openCertificate(*t, now, log)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get, NextProtos: []string{"http/1.1"}}), nil
}
