// Package app builds and runs the house in one straight function, and is the
// only room that knows all others. It decides nothing: settings come in, rooms
// are wired, started and stopped in order.
package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/monitor/capture"
)

// Config are the settings of farrier serve: the file given with --config, then
// FARRIER_ variables, then flags, the later ones winning.
type Config struct {
	// Version of the file's form; 1.
	Version int `yaml:"version"`
	// Manifests are files and directories of gateway.mulesoft.com resources.
	Manifests []string `yaml:"manifests"`
	// Data is the folder that holds everything Farrier remembers.
	Data string `yaml:"data"`
	// Database is the address of a PostgreSQL database, postgres://…, or a
	// reference to it: env:NAME, file:/path. Empty stands for SQLite in Data.
	Database string `yaml:"database"`
	// MasterKey is where the master key is kept: env:NAME, file:/path or
	// vault-transit:https://HOST/KEY. Empty stands for the file in Data.
	MasterKey string `yaml:"masterKey"`
	// Vault is where references vault: lead, and how Vault is signed in to.
	Vault Vault `yaml:"vault"`
	// Console is the address of console and metrics; "off" for none.
	Console string `yaml:"console"`
	// ConsoleHosts are further host names under which the console is reached.
	ConsoleHosts []string `yaml:"consoleHosts"`
	// ConsoleTLS lets the console speak HTTPS; behind a proxy that does, access.url says
	// so.
	ConsoleTLS ConsoleTLS `yaml:"consoleTLS"`
	// Environment and Gateway name this process in records and metrics.
	Environment string `yaml:"environment"`
	Gateway     string `yaml:"gateway"`
	// RequireAuthentication refuses APIs on which no policy says who calls,
	// unless they are labelled farrier/public: "true".
	RequireAuthentication bool `yaml:"requireAuthentication"`
	// Bind stands in the place of 0.0.0.0 in the addresses of APIs; unset for every
	// address of the machine.
	Bind netip.Addr `yaml:"bind"`
	// AlertNetworks are the private networks that channels of alerts may reach, this
	// machine among them; none by default.
	AlertNetworks []netip.Prefix `yaml:"alertNetworks"`
	// TrustedProxies are the peers whose X-Forwarded headers are believed.
	TrustedProxies []netip.Prefix `yaml:"trustedProxies"`
	// Debounce is how long manifests must stay as they are before they are read.
	Debounce time.Duration `yaml:"debounce"`
	// LogLevel is debug, info, warn or error.
	LogLevel string  `yaml:"logLevel"`
	Limits   Limits  `yaml:"limits"`
	Capture  Capture `yaml:"capture"`
	// Governance are files and folders of profiles; none stands for a standard one.
	Governance []string `yaml:"governance"`
	// Projects are folders of Mule projects that operators may have scanned.
	Projects []string `yaml:"projects"`
	// Discovery learns the inventory from traffic.
	Discovery Discovery `yaml:"discovery"`
	// Access says who comes in to the console, and for how long.
	Access Access `yaml:"access"`
	// FIPS asserts that only algorithms approved by FIPS 140-3 are used.
	FIPS bool `yaml:"fips"`
	// Audit says how the audit log is signed and how long it is kept.
	Audit Audit `yaml:"audit"`
	// Fleet hears gateways that are processes of their own.
	Fleet Fleet `yaml:"fleet"`
	// ReadOnly says that files alone say what is served: the console shows resources and
	// changes none.
	ReadOnly bool `yaml:"readOnly"`
	// AuthorizationServer issues tokens; nil means that there is none.
	AuthorizationServer *AuthorizationServer `yaml:"authorizationServer"`
}

// Capture are the settings of the capture that dry runs read.
type Capture struct {
	// Enabled begins to capture; it is off unless it is asked for.
	Enabled bool `yaml:"enabled"`
	// Megabytes and Days bound what is kept.
	Megabytes int `yaml:"megabytes"`
	Days      int `yaml:"days"`
	// PerOperationHour is how many requests that were not refused are kept of
	// each operation in each hour.
	PerOperationHour int `yaml:"perOperationHour"`
}

// check refuses what makes no sense.
func (c *Capture) check() error {
	for _, one := range []struct {
		name      string
		value     int
		low, high int
	}{
		{"megabytes", c.Megabytes, 8, 1 << 20},
		{"days", c.Days, 1, 365},
		{"perOperationHour", c.PerOperationHour, 1, 10_000},
	} {
		if one.value < one.low || one.value > one.high {
			return fmt.Errorf("capture.%s is %d; it must be between %d and %d", one.name, one.value, one.low, one.high)
		}
	}
	return nil
}

// Limits are the caps of the process; 0 means the published default.
type Limits struct {
	// Connections in all and per client address.
	Connections           int `yaml:"connections"`
	ConnectionsPerAddress int `yaml:"connectionsPerAddress"`
	// InFlight are the exchanges under way.
	InFlight int64 `yaml:"inFlight"`
	// BufferedBytes are the bytes of bodies held for inspection.
	BufferedBytes int64 `yaml:"bufferedBytes"`
	// Judges are the exchanges waiting for a watch-mode judgement.
	Judges int `yaml:"judges"`
	// Lag is the delay in scheduling above which requests are shed.
	Lag time.Duration `yaml:"lag"`
	// DrainSeconds is how long exchanges under way may take at the end; 30.
	DrainSeconds int `yaml:"drainSeconds"`
}

// DefaultConfig are the settings of a process that is told nothing.
func DefaultConfig() Config {
	return Config{
		Version: 1, Data: "./farrier-data", Console: "127.0.0.1:9080",
		Environment: "default", Gateway: "farrier", LogLevel: "info",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Debounce:       500 * time.Millisecond,
		Limits:         Limits{DrainSeconds: 30},
		Discovery:      defaultDiscovery(),
		Audit:          defaultAudit(),
		Access:         defaultAccess(),
		Capture:        Capture{Megabytes: capture.DefaultMegabytes, Days: capture.DefaultDays, PerOperationHour: capture.DefaultPerOperationHour},
	}
}

// ReadFile reads a settings file over the settings. Unknown keys are errors.
func (c *Config) ReadFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	c.Version = 0
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading settings: %w", located(path, err))
	}
	if c.Version != 1 {
		return fmt.Errorf("reading settings: %s: version is %d; this program reads version 1", path, c.Version)
	}
	if err := errors.Join(c.Capture.check(), c.Discovery.check(), c.AuthorizationServer.check(), c.Audit.check(), c.Access.check(), c.ConsoleTLS.check()); err != nil {
		return fmt.Errorf("reading settings: %s: %w", path, err)
	}
	return nil
}

// unknownKey is how the YAML reader complains of one.
var unknownKey = regexp.MustCompile(`^line (\d+): field (.*) not found in type .*$`)

// located puts file and line in front of what is wrong in a settings file.
func located(path string, err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return fmt.Errorf("%s: %w", path, err)
	}
	all := make([]error, len(wrong.Errors))
	for i, one := range wrong.Errors {
		if m := unknownKey.FindStringSubmatch(one); m != nil {
			all[i] = fmt.Errorf("%s:%s: unknown key %s", path, m[1], m[2])
			continue
		}
		line, what, _ := strings.Cut(strings.TrimPrefix(one, "line "), ": ")
		all[i] = fmt.Errorf("%s:%s: %s", path, line, what)
	}
	return errors.Join(all...)
}

// variable is one environment variable that overrides a setting.
type variable struct {
	name string
	set  func(c *Config, value string) error
}

var variables = []variable{
	{"FARRIER_GOVERNANCE", func(c *Config, v string) error { c.Governance = strings.Split(v, ","); return nil }},
	{"FARRIER_PROJECTS", func(c *Config, v string) error { c.Projects = strings.Split(v, ","); return nil }},
	{"FARRIER_MANIFESTS", func(c *Config, v string) error { c.Manifests = strings.Split(v, ","); return nil }},
	{"FARRIER_DATA", func(c *Config, v string) error { c.Data = v; return nil }},
	{"FARRIER_DATABASE", func(c *Config, v string) error { c.Database = v; return nil }},
	{"FARRIER_MASTER_KEY", func(c *Config, v string) error { c.MasterKey = v; return nil }},
	{"FARRIER_CONSOLE", func(c *Config, v string) error { c.Console = v; return nil }},
	{"FARRIER_ENVIRONMENT", func(c *Config, v string) error { c.Environment = v; return nil }},
	{"FARRIER_GATEWAY", func(c *Config, v string) error { c.Gateway = v; return nil }},
	{"FLEX_NAME", func(c *Config, v string) error { c.Gateway = v; return nil }},
	{"FARRIER_LOG_LEVEL", func(c *Config, v string) error { c.LogLevel = v; return nil }},
	{"FARRIER_ALERT_NETWORKS", func(c *Config, v string) (err error) { c.AlertNetworks, err = ParsePrefixes(v); return err }},
	{"FARRIER_TRUSTED_PROXIES", func(c *Config, v string) (err error) { c.TrustedProxies, err = ParsePrefixes(v); return err }},
	{"FLEX_SYNC_DEBOUNCE_TIME", setDebounce},
	{"FARRIER_DEBOUNCE", setDebounce},
	// Those of other commands mean nothing here.
	{"FARRIER_SERVER", func(*Config, string) error { return nil }},
	{"FARRIER_TOKEN", func(*Config, string) error { return nil }},
	{"FARRIER_ENROLMENT_TOKEN", func(*Config, string) error { return nil }},
}

func setDebounce(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err == nil && d <= 0 {
		err = errors.New("must be positive")
	}
	c.Debounce = d
	return err
}

// ReadEnvironment reads the variables over the settings; a FARRIER_ variable
// that is none of them is an error.
func (c *Config) ReadEnvironment(environ []string) error {
	found := make(map[string]string)
	for _, one := range environ {
		name, value, _ := strings.Cut(one, "=")
		found[name] = value
	}
	for _, v := range variables {
		value, ok := found[v.name]
		delete(found, v.name)
		if !ok {
			continue
		}
		if err := v.set(c, value); err != nil {
			return fmt.Errorf("variable %s: %w", v.name, err)
		}
	}
	for name := range found {
		if strings.HasPrefix(name, "FARRIER_") {
			return fmt.Errorf("variable %s is none that Farrier knows", name)
		}
	}
	return nil
}

// ParsePrefixes reads a comma-separated list of networks or addresses.
func ParsePrefixes(text string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		if ip, err := netip.ParseAddr(one); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, fmt.Errorf("%q is no network: %w", one, err)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}
