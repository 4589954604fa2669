package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestInventoryKilled holds that what the console has shown as part of the inventory is
// there again after a kill, and that learning goes on.
func TestInventoryKilled(t *testing.T) {
	address, console, data := freePort(t), freePort(t), t.TempDir()
	settings := filepath.Join(t.TempDir(), "farrier.yaml")
	if err := os.WriteFile(settings, []byte("version: 1\naccess: {secondFactor: optional}\ndiscovery: {enabled: true, acceptRequests: 2, acceptMinutes: 1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := manifests(t, fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: shop}
spec:
  address: http://%s/api
  services: {shop: {address: %q}}
`, address, service(t)))
	words := []string{"orders", "customers", "invoices"}
	var shown []string
	var o *operator
	for round, word := range words {
		p := start(t, config, data, address, "--console", console, "--config", settings)
		if o == nil {
			o = signIn(t, p, console, data)
		}
		if page := o.page("/inventory", nil); round > 0 {
			for _, one := range shown {
				if !strings.Contains(page, one) {
					t.Fatalf("round %d: %s was shown before the kill and is not any more:\n%.3000s", round, one, page)
				}
			}
		}
		for i := range 6 {
			resp, err := http.Get(fmt.Sprintf("http://%s/api/%s/%d", address, word, 1000+17*i))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			_ = resp.Body.Close()
		}
		template := "/api/" + word + "/{"
		deadline := time.Now().Add(60 * time.Second)
		for !strings.Contains(o.page("/inventory", nil), template) {
			if time.Now().After(deadline) {
				t.Fatalf("%s… was never listed:\n%.3000s\n%s", template, o.page("/inventory", nil), p.log)
			}
			time.Sleep(100 * time.Millisecond)
		}
		shown = append(shown, template)
		if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait()
	}
	t.Logf("%d operations were shown, each before a kill, and all of them after it", len(shown)-1)
}
