package iplist_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/policy/iplist"
	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/traffic"
)

func TestConversations(t *testing.T) {
	policytest.PlayAll(t, 5, iplist.Allowlist(), iplist.Blocklist(), iplist.Feeds())
}

// TestListsAreOpposites holds that of two equal lists exactly one lets an
// address pass, and that it is the one that netip says.
func TestListsAreOpposites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		octets := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "network")
		bits := rapid.IntRange(0, 32).Draw(t, "bits")
		network := netip.PrefixFrom(netip.AddrFrom4([4]byte(octets)), bits)
		client := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "client"))
		for kept := rapid.IntRange(0, 4).Draw(t, "kept"); kept > 0; kept-- {
			client[kept-1] = octets[kept-1]
		}
		address := netip.AddrFrom4(client)
		if rapid.Bool().Draw(t, "mapped") {
			address = netip.AddrFrom16(address.As16())
		}
		want := network.Contains(netip.AddrFrom4(client))
		for _, p := range []policy.Policy{iplist.Allowlist(), iplist.Blocklist()} {
			settings, _ := json.Marshal(map[string]any{"ips": []string{network.String()}})
			compiled, err := p.Compile(settings)
			if err != nil {
				t.Fatal(err)
			}
			step, err := compiled.Bind(policy.Env{})
			if err != nil {
				t.Fatal(err)
			}
			x := &traffic.Exchange{}
			x.Request.Client = address
			passed := !step.Request(t.Context(), x).Stops()
			if passed != (want == (p.Name == "ip-allowlist-flex")) {
				t.Fatalf("%s of %s lets %s pass: %v", p.Name, network, address, passed)
			}
		}
	})
}
