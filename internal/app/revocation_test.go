package app

import (
	"net/netip"
	"testing"

	"farrier.dev/farrier/internal/monitor/notify"
)

// TestRevocationLists holds that an address in a secret leads neither to this machine
// nor to what tells a cloud's machines their secrets.
func TestRevocationLists(t *testing.T) {
	guard := notify.Guard{Networks: companyNetworks()}
	cases := map[string]bool{
		"10.1.2.3": true, "172.20.0.1": true, "192.168.7.7": true, "fd12:3456::1": true, "203.0.113.9": true,
		"127.0.0.1": false, "::1": false, "169.254.169.254": false, "fd00:ec2::254": false, "100.100.100.200": false,
	}
	for address, want := range cases {
		if got := guard.Allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
	if t.Logf("%d addresses", len(cases)); len(cases) < 10 {
		t.Error("too few addresses")
	}
}
