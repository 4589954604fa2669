package authserver

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
)

// script puts a program beside the packages that it needs.
func script(t *testing.T, name string, packages ...string) string {
	t.Helper()
	dir := programtest.NPM(t, packages...)
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "authserver-"+name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startUpstream starts oidc-provider, a certified implementation of OpenID
// Connect, as the place where people sign in.
func startUpstream(t *testing.T, callback string) (issuer string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	node := exec.CommandContext(ctx, programtest.Program(t, "node"), script(t, "provider.mjs", "oidc-provider@9.13.3"), callback)
	node.WaitDelay = 5 * time.Second
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	node.Stderr = &complaints
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = node.Wait()
		if t.Failed() {
			t.Log(complaints.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if issuer, ok := strings.CutPrefix(lines.Text(), "issuer "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return issuer
		}
	}
	t.Fatal("the provider does not start")
	return ""
}

// TestRelyingParty lets openid-client, a certified relying party, do all that
// clients do, with people who sign in at oidc-provider.
func TestRelyingParty(t *testing.T) {
	main := script(t, "relyingparty.mjs", "openid-client@6.8.9")
	h := newHouse(t, func(o *Options) {
		o.Upstream.Scopes = nil
		o.Upstream.Issuer = startUpstream(t, o.Issuer+"/callback")
	})
	h.change(func() {
		phone := h.clients["phone"]
		phone.RedirectURIs = []string{shop}
		h.clients["phone"] = phone
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, programtest.Program(t, "node"), main, h.http.URL, shop).CombinedOutput()
	done := strings.Count(string(out), "ok ")
	if err != nil || !strings.HasSuffix(string(out), "done\n") || done < 14 {
		t.Fatalf("%v\n%s\n%s", err, out, h.log)
	}
	t.Logf("%d steps played", done)
}
