// Package iplist is the policies ip-allowlist-flex, ip-blocklist-flex and ip-feeds: they
// let requests pass, or refuse them, by the address of the client. Unless an
// expression says otherwise that is the verified address of the exchange, which
// a client can not choose.
package iplist

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"

	"farrier.dev/farrier/internal/dataweave"
	"farrier.dev/farrier/internal/policy"
	"farrier.dev/farrier/internal/traffic"
)

//go:generate go run ../schemagen . .:FeedSettings

//go:embed schema.json
var schema []byte

// Allowlist is the entry of the catalogue for ip-allowlist-flex, which refuses
// whoever is not listed.
func Allowlist() policy.Policy {
	return policy.Policy{
		Name: "ip-allowlist-flex", Title: "IP Allowlist", Category: "Security",
		Phase: policy.Admit, Schema: schema, Warn: warn,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, true) },
	}
}

// Blocklist is the entry of the catalogue for ip-blocklist-flex, which refuses
// whoever is listed.
func Blocklist() policy.Policy {
	return policy.Policy{
		Name: "ip-blocklist-flex", Title: "IP Blocklist", Category: "Security",
		Phase: policy.Admit, Schema: schema, Warn: warn,
		Compile: func(settings json.RawMessage) (policy.Compiled, error) { return compile(settings, false) },
	}
}

// Settings are what operators set.
type Settings struct {
	// IPs are addresses (192.0.2.7, 2001:db8::7), networks (192.0.2.0/24,
	// 2001:db8::/32) and beginnings of IPv4 addresses (192.168 is
	// 192.168.0.0/16). An IPv4 address written as IPv6 (::ffff:192.0.2.7) counts
	// as the IPv4 address that it is.
	IPs []string `json:"ips" required:"true" minItems:"1"`
	// IPExpression gives the address to look up. The default stands for the
	// verified address of the client: that of the connection, or what a trusted
	// proxy said of it. Any other expression sees the request as it was received,
	// where a caller may have written what it likes; of a list the first entry
	// counts. A result that is no address is refused by both lists.
	IPExpression string `json:"ipExpression" default:"#[attributes.headers['x-forwarded-for']]" expr:"true"`
}

type list struct {
	networks *bart.Lite
	// address is nil for the verified address of the client.
	address *dataweave.Expression
	// allows says that the listed pass; otherwise the listed are refused.
	allows bool
}

func compile(settings json.RawMessage, allows bool) (policy.Compiled, error) {
	var s Settings
	if err := policy.Decode(settings, &s); err != nil {
		return nil, err
	}
	if len(s.IPs) == 0 {
		return nil, errors.New("ips: empty; give at least one address or network")
	}
	l := &list{networks: new(bart.Lite), allows: allows}
	for i, text := range s.IPs {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("ips[%d]: %w", i, err)
		}
		l.networks.Insert(network)
	}
	if verified(s.IPExpression) {
		return l, nil
	}
	expression, err := dataweave.Compile(s.IPExpression)
	if err != nil {
		return nil, fmt.Errorf("ipExpression: %w", err)
	}
	if _, literal := expression.Literal(); literal {
		return nil, errors.New("ipExpression: plain text is the same for every request; write an expression, #[…]")
	}
	l.address = expression
	return l, nil
}

// verified says that the expression is the default, which stands for the
// verified address of the client.
func verified(expression string) bool {
	bare := strings.NewReplacer(" ", "", "\t", "", "\n", "", `"`, "'").Replace(expression)
	return bare == "" || bare == "#[attributes.headers['x-forwarded-for']]"
}

// parseNetwork reads one entry of ips.
func parseNetwork(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if network, err := netip.ParsePrefix(text); err == nil {
		return unmap(network)
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	// The beginning of an IPv4 address: one to three octets.
	octets := strings.Split(strings.TrimSuffix(text, "."), ".")
	if missing := 4 - len(octets); missing > 0 && text != "" {
		full := strings.Join(octets, ".") + strings.Repeat(".0", missing)
		if address, err := netip.ParseAddr(full); err == nil && address.Is4() {
			return netip.PrefixFrom(address, 8*len(octets)), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%q is neither an address, nor a network, nor the beginning of an IPv4 address", text)
}

// unmap gives an IPv4 network written as IPv6 its own form.
func unmap(network netip.Prefix) (netip.Prefix, error) {
	const mapped = 96
	if !network.Addr().Is4In6() {
		return network.Masked(), nil
	}
	if network.Bits() < mapped {
		return netip.Prefix{}, fmt.Errorf("%s holds all IPv4 addresses and more; write 0.0.0.0/0 for those", network)
	}
	return netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapped).Masked(), nil
}

// Bind implements policy.Compiled.
func (l *list) Bind(policy.Env) (policy.Step, error) {
	return policy.Step{Request: l.check, RequestBody: policy.PayloadNeed(l.address)}, nil
}

func (l *list) check(_ context.Context, x *traffic.Exchange) policy.Verdict {
	address, problem := l.find(x)
	if problem != "" {
		return refuse(problem)
	}
	switch listed := l.networks.Contains(address); {
	case l.allows && !listed:
		return refuse(address.String() + " is not in the allowlist")
	case !l.allows && listed:
		return refuse(address.String() + " is in the blocklist")
	}
	return policy.Go()
}

// find is the address to look up, or why there is none.
func (l *list) find(x *traffic.Exchange) (address netip.Addr, problem string) {
	if l.address == nil {
		if address = x.Request.Client; !address.IsValid() {
			return address, "the address of the client is unknown"
		}
		return address.Unmap().WithZone(""), ""
	}
	value, err := l.address.Eval(&policy.Scope{Exchange: x})
	if err != nil {
		return address, "ipExpression could not be evaluated: " + err.Error()
	}
	if array, ok := value.AsArray(); ok && array.Len() > 0 {
		value = array.At(0)
	}
	if value.IsNull() {
		return address, "ipExpression gave no address"
	}
	text, _ := value.AsString()
	if address = parseAddress(text); !address.IsValid() {
		return address, "ipExpression gave something that is no address"
	}
	return address, ""
}

// parseAddress reads an address with or without a port, or the first of a list.
func parseAddress(text string) netip.Addr {
	text, _, _ = strings.Cut(text, ",")
	text = strings.TrimSpace(text)
	address, err := netip.ParseAddr(text)
	if err != nil {
		pair, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		address = pair.Addr()
	}
	return address.Unmap().WithZone("")
}

func refuse(reason string) policy.Verdict {
	return policy.Refuse(http.StatusForbidden, "IP is rejected.", reason)
}

func warn(settings json.RawMessage) []string {
	var s Settings
	if policy.Decode(settings, &s) != nil || verified(s.IPExpression) {
		return nil
	}
	switch strings.Join(strings.Fields(s.IPExpression), "") {
	case "#[attributes.clientAddress.ip]", "#[attributes.remoteAddress]":
		return nil
	}
	return []string{"ipExpression reads what the caller sent and may have made up; leave it out to look up the verified address of the client, and name your proxies as trusted"}
}
