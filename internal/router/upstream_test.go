package router

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"farrier.dev/farrier/internal/revision"
)

func TestGuard(t *testing.T) {
	cases := []struct {
		declared, resolved string
		allowed            bool
	}{
		{"orders.internal", "10.0.0.7:80", true},
		{"orders.internal", "127.0.0.1:80", true},
		{"orders.internal", "[2001:db8::1]:80", true},
		{"orders.internal", "169.254.169.254:80", false},
		{"orders.internal", "[::ffff:169.254.169.254]:80", false},
		{"orders.internal", "[fe80::1%eth0]:80", false},
		{"orders.internal", "[fd00:ec2::254]:80", false},
		{"orders.internal", "100.100.100.200:80", false},
		{"orders.internal", "192.0.0.192:80", false},
		{"orders.internal", "168.63.129.16:80", false},
		{"orders.internal", "0.0.0.0:80", false},
		{"orders.internal", "[::]:80", false},
		{"orders.internal", "224.0.0.1:80", false},
		{"orders.internal", "[ff02::1]:80", false},
		{"169.254.169.254", "169.254.169.254:80", true},
		{"169.254.169.254", "[::ffff:169.254.169.254]:80", true},
		{"169.254.169.254", "169.254.169.253:80", false},
		{"fe80::1%eth0", "[fe80::1%eth0]:80", true},
		{"", "169.254.169.254:80", false},
	}
	for _, c := range cases {
		err := guard(c.declared)("tcp", c.resolved, nil)
		if (err == nil) != c.allowed || err != nil && !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("%q resolved to %s: %v, want allowed %t", c.declared, c.resolved, err, c.allowed)
		}
	}
	if err := guard("orders.internal")("tcp", "unreadable", nil); err == nil {
		t.Error("an address that can't be read is allowed")
	}
	t.Logf("%d cases", len(cases)+1)
}

func TestGuardStandsBeforeTheConnection(t *testing.T) {
	up, err := newUpstream(&revision.Service{Address: "http://orders.internal"}, revision.Timeouts{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := up.pooled.transport.DialContext(t.Context(), "tcp", "169.254.169.254:80")
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("got %v", err)
	}
}

func TestPolicyClientFollowsNothing(t *testing.T) {
	var target string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer s.Close()
	target = s.URL + "/elsewhere"
	resp, err := PolicyClient(nil).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound || resp.Request.URL.Path != "" {
		t.Errorf("status %d from %s", resp.StatusCode, resp.Request.URL)
	}
	resp, err = PolicyClient(nil).Get("http://169.254.169.254/latest/meta-data")
	if err == nil {
		_ = resp.Body.Close()
	}
	var op *net.OpError
	if !errors.Is(err, ErrForbiddenAddress) || !errors.As(err, &op) {
		t.Errorf("a metadata service: %v", err)
	}
}

func TestUpstreamAddresses(t *testing.T) {
	cases := []struct {
		address, scheme, host, path string
		cleartext2                  bool
	}{
		{"http://orders:8080", "http", "orders:8080", "", false},
		{"https://orders/v1/", "https", "orders", "/v1", false},
		{"h2://orders:50051", "http", "orders:50051", "", true},
	}
	for _, c := range cases {
		up, err := newUpstream(&revision.Service{Address: c.address}, revision.Timeouts{UpstreamResponseSeconds: 3}, nil)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		transport := up.pooled.transport
		if up.Scheme != c.scheme || up.Host != c.host || up.Path != c.path || transport.Protocols.UnencryptedHTTP2() != c.cleartext2 ||
			transport.Protocols.HTTP1() == c.cleartext2 {
			t.Errorf("%s: %+v, %v", c.address, up, transport.Protocols)
		}
		if transport.ResponseHeaderTimeout != 3*time.Second || transport.IdleConnTimeout != time.Minute {
			t.Errorf("%s: timeouts %s, %s", c.address, transport.ResponseHeaderTimeout, transport.IdleConnTimeout)
		}
	}
	if _, err := newUpstream(&revision.Service{Address: "http://a", TLS: []byte(`{}`)}, revision.Timeouts{}, nil); err == nil {
		t.Error("TLS settings on an http address are accepted")
	}
	t.Logf("%d cases", len(cases)+1)
}
