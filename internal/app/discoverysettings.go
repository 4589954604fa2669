package app

import (
	"fmt"
	"net/netip"

	"farrier.dev/farrier/internal/discovery"
)

// Discovery are the settings of the inventory that is learned from traffic.
type Discovery struct {
	// Enabled learns; it is on unless it is turned off.
	Enabled bool `yaml:"enabled"`
	// AcceptRequests good calls in AcceptMinutes different minutes list an operation that
	// nobody described.
	AcceptRequests int `yaml:"acceptRequests"`
	AcceptMinutes  int `yaml:"acceptMinutes"`
	// Internal and Partner are networks of callers; private addresses are internal where
	// none is given.
	Internal []netip.Prefix `yaml:"internal"`
	Partner  []netip.Prefix `yaml:"partner"`
	// Specifications are files and folders of descriptions beside those of the manifests.
	Specifications []string `yaml:"specifications"`
	// Patterns is a file of sensitive data of one's own; Weights one of the weights of the
	// risk.
	Patterns string `yaml:"patterns"`
	Weights  string `yaml:"weights"`
	// Webhooks are called with JSON when operations appear or stand differently.
	Webhooks []string `yaml:"webhooks"`
	Mirror   Mirror   `yaml:"mirror"`
	OTLP     OTLP     `yaml:"otlp"`
}

// Mirror takes requests that other gateways copy to Farrier.
type Mirror struct {
	// Address to listen on, empty for none.
	Address string `yaml:"address"`
	// Token is what senders show; networks those that need none. Beyond the loopback
	// address one of them is required.
	Token    string         `yaml:"token"`
	Networks []netip.Prefix `yaml:"networks"`
	// Answers is "assumed", the default, where a request whose answer nobody tells counts
	// as good, and "unknown" where it lists nothing.
	Answers string `yaml:"answers"`
	// Plain says that copies are exact, so that no header tells their original.
	Plain bool `yaml:"plain"`
}

// OTLP takes traces.
type OTLP struct {
	// GRPC and HTTP are addresses to listen on, empty for none.
	GRPC string `yaml:"grpc"`
	HTTP string `yaml:"http"`
	// Token and networks are as those of mirrors.
	Token    string         `yaml:"token"`
	Networks []netip.Prefix `yaml:"networks"`
}

// check refuses what makes no sense.
func (d *Discovery) check() error {
	for _, one := range []struct {
		name  string
		value int
	}{{"acceptRequests", d.AcceptRequests}, {"acceptMinutes", d.AcceptMinutes}} {
		if one.value < 1 || one.value > 1000 {
			return fmt.Errorf("discovery.%s is %d; it must be between 1 and 1000", one.name, one.value)
		}
	}
	if d.AcceptMinutes > 4 {
		return fmt.Errorf("discovery.acceptMinutes is %d; it must be between 1 and 4", d.AcceptMinutes)
	}
	return nil
}

func defaultDiscovery() Discovery {
	return Discovery{Enabled: true, AcceptRequests: discovery.AcceptRequests, AcceptMinutes: discovery.AcceptMinutes}
}
