package test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	scannedXML = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http"
	xmlns:db="http://www.mulesoft.org/schema/mule/db">
	<flow name="orders">
		<http:listener config-ref="listener" path="/api/*"/>
		<db:select config-ref="db"><db:sql>#["SELECT * FROM orders WHERE name = '" ++ attributes.queryParams.name ++ "'"]</db:sql></db:select>
	</flow>
</mule>
`
	mendedXML = `<mule xmlns="http://www.mulesoft.org/schema/mule/core" xmlns:http="http://www.mulesoft.org/schema/mule/http"
	xmlns:db="http://www.mulesoft.org/schema/mule/db">
	<flow name="orders">
		<http:listener config-ref="listener" path="/api/*"/>
		<db:select config-ref="db"><db:sql>SELECT * FROM orders WHERE name = :name</db:sql><db:input-parameters>#[{name: attributes.queryParams.name}]</db:input-parameters></db:select>
	</flow>
</mule>
`
)

// operator is somebody at the console.
type operator struct {
	t      *testing.T
	client *http.Client
	at     string
}

// page gives the body of a page; a form is sent with POST.
func (o *operator) page(path string, form url.Values) string {
	o.t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.at+path, body)
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Origin", o.at)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%s %s: %d %v\n%.2000s", method, path, resp.StatusCode, err, text)
	}
	return string(text)
}

// signIn follows the link that the first start prints, or one made anew, and sets a
// password.
func signIn(t *testing.T, p *process, console, data string) *operator {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, client: &http.Client{Jar: jar, Timeout: 30 * time.Second}, at: "http://" + console}
	token := regexp.MustCompile(`token=([^\s"]+)`).FindStringSubmatch(p.log.String())
	if token == nil {
		out, err := exec.Command(build(t), "login-link", "--data", data, "--console", console).CombinedOutput()
		if err != nil {
			t.Fatalf("login-link: %v\n%s", err, out)
		}
		if token = regexp.MustCompile(`token=([^\s"]+)`).FindStringSubmatch(string(out)); token == nil {
			t.Fatalf("no link in %s", out)
		}
	}
	o.page("/login/link", url.Values{"token": {token[1]}})
	o.page("/password", url.Values{"password": {"correct horse battery"}, "again": {"correct horse battery"}})
	return o
}

// TestFindingClosedAtGateway follows one weakness through the whole program: it
// stands in the code of a project, the console shows it at its API, an operator
// closes it at the gateway, and when the code is mended the next scan opens the
// gateway again.
func TestFindingClosedAtGateway(t *testing.T) {
	address, console := freePort(t), freePort(t)
	project, data := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(project, "orders", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mule-artifact.json", `{"minMuleVersion": "4.9.0"}`)
	write("src/main/mule/orders.xml", scannedXML)
	config := manifests(t, fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata:
  name: orders
spec:
  address: http://%s/api
  services:
    orders:
      address: %s
`, address, service(t)))
	settings := filepath.Join(t.TempDir(), "farrier.yaml")
	if err := os.WriteFile(settings, []byte("version: 1\naccess: {secondFactor: optional}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, config, data, address, "--console", console, "--projects", project, "--config", settings)
	o := signIn(t, p, console, data)

	ask := func(value string) int {
		t.Helper()
		resp, err := o.client.Get("http://" + address + "/api/list?name=" + url.QueryEscape(value))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	const evil = "x' or '1'='1"
	if before := ask(evil); before != http.StatusOK {
		t.Fatalf("before: %d", before)
	}
	page := o.page("/projects/scan", url.Values{"folder": {project}})
	for _, want := range []string{"MS-INJ-01", "/apis/default/orders", "Close at the gateway"} {
		if !strings.Contains(page, want) {
			t.Fatalf("the page of the project lacks %q:\n%.4000s", want, page)
		}
	}
	if found := o.page("/findings?api=default%2Forders", nil); !strings.Contains(found, "MS-INJ-01") && !strings.Contains(found, "SQL") {
		t.Error("the findings of the API lack that of its code")
	}
	fingerprint := regexp.MustCompile(`name="fingerprint" value="([0-9a-f]{32})"`).FindStringSubmatch(page)
	o.page("/projects/orders/patch", url.Values{"fingerprint": {fingerprint[1]}})
	for value, want := range map[string]int{evil: http.StatusForbidden, "Ada Lovelace": http.StatusOK, "1--": http.StatusForbidden} {
		if got := ask(value); got != want {
			t.Errorf("closed: %q is answered with %d, want %d", value, got, want)
		}
	}
	p.stop()
	p = start(t, config, data, address, "--console", console, "--projects", project, "--config", settings)
	if got := ask(evil); got != http.StatusForbidden {
		t.Errorf("after a restart: %d", got)
	}
	write("src/main/mule/orders.xml", mendedXML)
	if page := o.page("/projects/scan", url.Values{"folder": {project}}); strings.Contains(page, "MS-INJ-01") {
		t.Error("the mended code has the finding still")
	}
	if got := ask(evil); got != http.StatusOK {
		t.Errorf("mended: %d", got)
	}
	if log := o.page("/audit", nil); !strings.Contains(log, "patch-made") || !strings.Contains(log, "patch-ended") {
		t.Error("the audit log does not tell of the patch")
	}
	p.stop()
}
