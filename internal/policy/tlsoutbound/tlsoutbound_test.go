package tlsoutbound_test

import (
	"crypto/tls"
	"slices"
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
	"farrier.dev/farrier/internal/policy/tlsoutbound"
)

func TestConversations(t *testing.T) { policytest.Play(t, tlsoutbound.Policy(), 1) }

// TestDefaults holds that no settings trust the system and nobody else.
func TestDefaults(t *testing.T) {
	config, err := tlsoutbound.Config(nil)
	if err != nil {
		t.Fatal(err)
	}
	if config.InsecureSkipVerify || config.RootCAs != nil || len(config.Certificates) > 0 {
		t.Error("the defaults trust more, or show more, than they say")
	}
	if config.MinVersion != tls.VersionTLS12 || config.MaxVersion != tls.VersionTLS13 || !slices.Equal(config.NextProtos, []string{"h2", "http/1.1"}) {
		t.Errorf("versions %x to %x, protocols %v", config.MinVersion, config.MaxVersion, config.NextProtos)
	}
	config, err = tlsoutbound.Config([]byte(`{"skipValidation": true, "alpn": ["http/1.1"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !config.InsecureSkipVerify || !slices.Equal(config.NextProtos, []string{"http/1.1"}) {
		t.Error("skipValidation or alpn had no effect")
	}
}
