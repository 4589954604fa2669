package app

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withHydra lets the real program guess.
var withHydra = flag.Bool("hydra", false, "guess a password a thousand times with hydra")

// TestHydra lets hydra guess a password a thousand times at the page to sign in, the
// right one among them after the first ten: it does not find it, and the owner gets in.
func TestHydra(t *testing.T) {
	program, err := exec.LookPath("hydra")
	if !*withHydra || err != nil {
		t.Skip("run with -hydra, where hydra is installed")
	}
	w := startAuthWorld(t, func(c *Config) { c.Access.SecondFactor = "optional" })
	password := "correct horse battery 47 staple"
	device := w.person("victim", password)
	var list strings.Builder
	for n := range 1000 {
		if n == 500 {
			fmt.Fprintln(&list, password)
			continue
		}
		fmt.Fprintf(&list, "guess-%04d\n", n)
	}
	path := filepath.Join(t.TempDir(), "guesses")
	if err := os.WriteFile(path, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	// What is not a redirect is a failure.
	out, err := exec.CommandContext(t.Context(), program, "-I", "-l", "victim", "-P", path, "-t", "8", "-s", at.Port(), at.Hostname(),
		"http-post-form", "/login:operator=^USER^&password=^PASS^:S=See Other").CombinedOutput()
	t.Logf("%.1500s, %v", out, err)
	if strings.Contains(string(out), "password: ") {
		t.Error("hydra found it")
	}
	if a := w.guess("victim", password, device); a.status != 303 {
		t.Errorf("the owner on a known device: %d", a.status)
	}
	w.seenGuesses(t, 1)
}
