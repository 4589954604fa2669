package customerrors

import (
	"testing"

	"farrier.dev/farrier/internal/policy/policytest"
)

func TestConversations(t *testing.T) { policytest.Play(t, Policy(), 2) }

func TestAccepts(t *testing.T) {
	for _, c := range []struct {
		accept, media string
		want          bool
	}{
		{"", "text/html", true},
		{"*/*", "text/html", true},
		{"text/*", "text/html", true},
		{"application/json", "text/html", false},
		{"text/html;q=0", "text/html", false},
		{"text/html; q=0.0", "text/html", false},
		{"text/html; q=0.5, application/json", "text/html", true},
		{"TEXT/HTML", "text/html", true},
		{"text/html;level=1;q=1", "text/html", true},
	} {
		if got := accepts(c.accept, c.media); got != c.want {
			t.Errorf("%q accepts %s: %v, want %v", c.accept, c.media, got, c.want)
		}
	}
}
