package notify

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestGuard(t *testing.T) {
	g := Guard{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("0.0.0.0/0")}}
	narrow := Guard{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	cases := map[string][2]bool{ // narrow, all of IPv4
		"10.1.2.3": {true, true}, "10.2.0.1": {false, true}, "127.0.0.1": {false, true}, "192.168.1.1": {false, true}, "172.16.0.1": {false, true},
		"8.8.8.8": {true, true}, "2001:4860:4860::8888": {true, true}, "::1": {false, false}, "fd12::1": {false, false}, "fe80::1": {false, false},
		"169.254.169.254": {false, false}, "100.100.100.200": {false, false}, "168.63.129.16": {false, false}, "fd00:ec2::254": {false, false},
		"0.0.0.0": {false, false}, "0.1.2.3": {false, true}, "100.64.0.1": {false, true}, "224.0.0.1": {false, false}, "255.255.255.255": {false, true},
		"::ffff:127.0.0.1": {false, true}, "::ffff:169.254.169.254": {false, false}, "64:ff9b::a9fe:a9fe": {false, false}, "64:ff9b::7f00:1": {false, true},
	}
	for text, want := range cases {
		ip := netip.MustParseAddr(text)
		if got := [2]bool{narrow.Allows(ip), g.Allows(ip)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if t.Logf("%d addresses", len(cases)); len(cases) < 20 {
		t.Error("too few addresses")
	}
}

// TestGuardHolds holds that neither a name nor an address gets past the guard.
func TestGuardHolds(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	e := NewEnv(Guard{}, time.Now)
	for _, host := range []string{"127.0.0.1", "localhost", "127.1"} {
		if _, err := e.Dial(t.Context(), "tcp", net.JoinHostPort(host, port)); err == nil {
			t.Errorf("%s was reached", host)
		}
		_, err := e.Post(t.Context(), "http://"+net.JoinHostPort(host, port)+"/hook?token=abc", "text/plain", nil, nil)
		if err == nil || strings.Contains(err.Error(), "abc") {
			t.Errorf("%s: %v", host, err)
		}
		if host == "127.0.0.1" && !errors.Is(err, ErrGuarded) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestCheckSettings(t *testing.T) {
	k := Kind{Name: "k", Field: []Field{
		{Name: "to", Label: "To", Kind: List, Required: true},
		{Name: "mode", Label: "Mode", Kind: Choice, Options: []string{"a", "b"}, Default: "b"},
		{Name: "port", Label: "Port", Kind: Number},
		{Name: "key", Label: "Key", Kind: Secret},
	}}
	s, err := k.Check(Settings{"to": "x\ny", "port": " 25 "})
	if err != nil || s["mode"] != "b" || s["port"] != "25" || len(s.List("to")) != 2 {
		t.Errorf("%v, %v", s, err)
	}
	for want, s := range map[string]Settings{
		"To: it is required": {}, "one of a, b": {"to": "x", "mode": "c"}, "must be a number": {"to": "x", "port": "many"},
		"no setting": {"to": "x", "other": "1"}, "one line": {"to": "x", "key": "a\nb"}, "too long": {"to": strings.Repeat("x", maxSetting+1)},
	} {
		if _, err := k.Check(s); !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	for address, want := range map[string]string{
		"https://hooks.example/x": "", "http://127.0.0.1:8080/x": "", "http://hooks.example/x": "https://", "ftp://h/": "https://", "https://u:p@h/": "user and password", "https://": "name a host", ":": "no address",
	} {
		_, err := Settings{"url": address}.URL("url")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestPlain(t *testing.T) {
	e := NewEnv(Guard{}, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Post(ctx, "https://hooks.example/secret-path", "text/plain", nil, nil); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("%v", err)
	}
	if got := Clip("ääää", 6); got != "ä…" {
		t.Errorf("%q", got)
	}
}
