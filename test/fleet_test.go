package test

import (
	crand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"farrier.dev/farrier/internal/programtest"
)

var fleetKills = flag.Int("fleet-kills", 6, "how many processes TestFleet kills")

// fleetProcess is a process of the fleet that can be killed and started again.
type fleetProcess struct {
	name string
	args []string
	up   string // what its log says when it is up
	log  *safeBuffer
	cmd  *exec.Cmd
}

func (p *fleetProcess) start(t *testing.T) {
	t.Helper()
	p.log = &safeBuffer{}
	p.cmd = exec.Command(build(t), p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	eventually(t, p.name+" is up", func() bool { return strings.Contains(p.log.String(), p.up) }, func() string { return p.log.String() })
}

func (p *fleetProcess) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// eventually waits for something that is certain to come.
func eventually(t *testing.T, what string, is func() bool, why func() string) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < time.Minute {
		if is() {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	text := why()
	t.Fatalf("%s: not within a minute\n%s", what, text[max(0, len(text)-4000):])
	return 0
}

// program is the HTTP API of one control process, as a program uses it.
type apiOf struct{ base, token string }

func (a apiOf) call(method, path, body string, into any) (int, error) {
	r, err := http.NewRequest(method, a.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if into != nil && resp.StatusCode < 300 {
		err = json.Unmarshal(text, into)
	} else if resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	return resp.StatusCode, err
}

// publish puts an API into service whose answers say n.
func (a apiOf) publish(port, n int, upstream string) error {
	manifest := fmt.Sprintf(`apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: counted}
spec:
  address: http://0.0.0.0:%d/
  services: {counted: {address: %q}}
  policies:
  - {policyRef: {name: header-injection-flex}, config: {outboundHeaders: [{key: x-first, value: "%d"}]}}
  - {policyRef: {name: header-injection-flex}, config: {outboundHeaders: [{key: x-second, value: "%d"}]}}
`, port, upstream, n, n)
	if _, err := a.call("POST", "/environments/production/apply?prune=true", manifest, nil); err != nil {
		return err
	}
	var draft struct {
		Version int64 `json:"version"`
	}
	if _, err := a.call("GET", "/environments/production/draft", "", &draft); err != nil {
		return err
	}
	_, err := a.call("POST", "/environments/production/draft/publish", fmt.Sprintf(`{"draft":%d,"note":"%d"}`, draft.Version, n), nil)
	return err
}

// seen is the number that a gateway serves, -1 when it does not answer.
func seen(t *testing.T, address string) int {
	resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + address + "/")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	first, err := strconv.Atoi(resp.Header.Get("X-First"))
	second := resp.Header.Get("X-Second")
	if err != nil || second != strconv.Itoa(first) {
		t.Errorf("%s serves half of a change: %d and %q, status %d", address, first, second, resp.StatusCode)
	}
	return first
}

// TestFleet: two control processes and two gateways of their own on one PostgreSQL.
// What is published through one process is served by both gateways; whichever
// process is killed at whichever moment, no change that was acknowledged is lost,
// and none is ever served by half.
func TestFleet(t *testing.T) {
	database, dir := programtest.PostgresDatabase(t), t.TempDir()
	key := filepath.Join(dir, "shared.key")
	controls, gateways, apis := newFleet(t, database, dir, key)
	port, upstream := freePortNumber(t), service(t)
	addresses := []string{net.JoinHostPort("127.0.0.2", strconv.Itoa(port)), net.JoinHostPort("127.0.0.3", strconv.Itoa(port))}

	serves := func(n int) func() bool {
		return func() bool { return seen(t, addresses[0]) == n && seen(t, addresses[1]) == n }
	}
	logs := func() string { return controls[0].log.String() + gateways[0].log.String() + gateways[1].log.String() }
	var slowest time.Duration
	n := 0
	for range 6 {
		n++
		if err := apis[n%2].publish(port, n, upstream); err != nil {
			t.Fatal(err)
		}
		took := eventually(t, fmt.Sprintf("both gateways serve change %d", n), serves(n), logs)
		if n > 1 {
			slowest = max(slowest, took)
		}
	}
	t.Logf("a change was served by both gateways after %s at most", slowest.Round(time.Millisecond))

	all := append(append([]*fleetProcess{}, controls...), gateways...)
	for range *fleetKills {
		victim := all[rand.IntN(len(all))]
		var acknowledged atomic.Int64
		acknowledged.Store(int64(n))
		wait := time.Duration(rand.IntN(300)) * time.Millisecond
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(wait)
			victim.kill()
		}()
		for done := false; !done; {
			n++
			if apis[n%2].publish(port, n, upstream) == nil {
				acknowledged.Store(int64(n))
			}
			select {
			case <-killed:
				done = true
			default:
			}
		}
		victim.start(t)
		// A change that was not acknowledged may have been made all the same.
		least := int(acknowledged.Load())
		eventually(t, fmt.Sprintf("after %s was killed, change %d or a later one serves", victim.name, least), func() bool {
			a, b := seen(t, addresses[0]), seen(t, addresses[1])
			return a >= least && a == b
		}, logs)
	}
	t.Logf("%d processes were killed, %d changes published", *fleetKills, n)
}

func freePortNumber(t *testing.T) int {
	t.Helper()
	_, text, err := net.SplitHostPort(freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// newFleet starts two control processes and a gateway of each.
func newFleet(t *testing.T, database, dir, key string) (controls, gateways []*fleetProcess, apis []apiOf) {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = crand.Read(secret) // it never fails
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		t.Fatal(err)
	}
	token := ""
	for i := range 2 {
		name := fmt.Sprintf("control-%d", i)
		console, fleet := freePort(t), freePort(t)
		config := filepath.Join(dir, name+".yaml")
		text := fmt.Sprintf("version: 1\ndata: %s\ndatabase: %q\nmasterKey: file:%s\nconsole: %s\ngateway: %s\nfleet: {listen: %q, hosts: [127.0.0.1]}\nlogLevel: info\n",
			filepath.Join(dir, name), database, key, console, name, fleet)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &fleetProcess{name: name, args: []string{"serve", "--config", config}, up: "farrier is up"}
		p.start(t)
		controls = append(controls, p)
		if token == "" {
			out, err := exec.Command(build(t), "token", "trial", "--role", "admin", "--config", config).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			token, _, _ = strings.Cut(string(out), "\n")
		}
		api := apiOf{"http://" + console, token}
		if i == 0 {
			if _, err := api.call("POST", "/groups/root/environments", `{"id":"production","name":"Production","kind":"production"}`, nil); err != nil {
				t.Fatal(err)
			}
		}
		var invited struct {
			Token string `json:"token"`
		}
		if _, err := api.call("POST", "/environments/production/gateways", fmt.Sprintf(`{"name":"edge-%d"}`, i), &invited); err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(dir, fmt.Sprintf("edge-%d.yaml", i))
		if err := os.WriteFile(own, fmt.Appendf(nil, "version: 1\nbind: 127.0.0.%d\n", i+2), 0o600); err != nil {
			t.Fatal(err)
		}
		g := &fleetProcess{name: fmt.Sprintf("edge-%d", i), up: "the gateway is up", args: []string{
			"gateway", "--control", "https://" + fleet, "--config", own, "--data", filepath.Join(dir, fmt.Sprintf("edge-%d", i)), "--token", invited.Token,
		}}
		g.start(t)
		gateways, apis = append(gateways, g), append(apis, api)
	}
	return controls, gateways, apis
}
