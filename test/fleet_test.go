package test

import (
	crand "crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	return a.publishing(port, n, upstream, func(string) {})
}

// publishing is publish that tells what is under way.
func (a apiOf) publishing(port, n int, upstream string, step func(string)) error {
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
	step("apply")
	if _, err := a.call("POST", "/environments/production/apply?prune=true", manifest, nil); err != nil {
		return err
	}
	var draft struct {
		Version int64 `json:"version"`
	}
	if _, err := a.call("GET", "/environments/production/draft", "", &draft); err != nil {
		return err
	}
	step("publish")
	_, err := a.call("POST", "/environments/production/draft/publish", fmt.Sprintf(`{"draft":%d,"note":"%d"}`, draft.Version, n), nil)
	if err == nil {
		step("what follows the answer")
	}
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

	k := &killing{n: n, apis: apis, controls: controls, port: port, upstream: upstream, addresses: addresses, moments: map[string]int{}}
	all := append(append([]*fleetProcess{}, controls...), gateways...)
	began := time.Now()
	for range *fleetKills {
		k.once(t, all[rand.IntN(len(all))], time.Duration(rand.IntN(300))*time.Millisecond, logs)
	}
	t.Logf("%d processes were killed, %d changes published; %s a kill, %s of it until the killed process was up again",
		*fleetKills, k.n, (time.Since(began) / time.Duration(max(*fleetKills, 1))).Round(time.Millisecond), (k.starting / time.Duration(max(*fleetKills, 1))).Round(time.Millisecond))
	for _, moment := range slices.Sorted(maps.Keys(k.moments)) {
		t.Logf("%4d times: %s", k.moments[moment], moment)
	}
}

// killing kills processes while changes are published.
type killing struct {
	n         int
	apis      []apiOf
	controls  []*fleetProcess
	port      int
	upstream  string
	addresses []string
	// moments counts what was under way when a process was killed.
	moments  map[string]int
	starting time.Duration
}

// once kills a process after a while of publishing, starts it again, and holds that no
// acknowledged change is lost.
func (k *killing) once(t *testing.T, victim *fleetProcess, wait time.Duration, logs func() string) {
	t.Helper()
	acknowledged, last := int64(k.n), 0
	var step, asked atomic.Value
	step.Store("before anything")
	asked.Store(victim)
	killed, at := make(chan struct{}), ""
	var toVictim bool
	go func() {
		defer close(killed)
		time.Sleep(wait)
		at, _ = step.Load().(string)
		toVictim = asked.Load() == any(victim)
		victim.kill()
	}()
	for done := false; !done; {
		k.n++
		to := k.n % len(k.apis)
		asked.Store(k.controls[to])
		if k.apis[to].publishing(k.port, k.n, k.upstream, func(s string) { step.Store(s) }) == nil {
			acknowledged = int64(k.n)
		} else {
			last = k.n
		}
		select {
		case <-killed:
			done = true
		default:
		}
	}
	began := time.Now()
	victim.start(t)
	k.starting += time.Since(began)
	// A change that was not acknowledged may have been made all the same.
	eventually(t, fmt.Sprintf("after %s was killed, change %d or a later one serves", victim.name, acknowledged), func() bool {
		a, b := seen(t, k.addresses[0]), seen(t, k.addresses[1])
		return int64(a) >= acknowledged && a == b
	}, logs)
	k.moments[k.moment(t, victim, at, toVictim, last)]++
}

// moment says for people what was under way.
func (k *killing) moment(t *testing.T, victim *fleetProcess, at string, toVictim bool, failed int) string {
	t.Helper()
	kind := "gateway"
	if slices.Contains(k.controls, victim) {
		kind = "control process that was not asked"
		if toVictim {
			kind = "control process that was asked"
		}
	}
	if !toVictim || at != "publish" || failed == 0 {
		return kind + ", during " + at
	}
	var page struct {
		Items []struct {
			Note string `json:"note"`
		} `json:"items"`
	}
	if _, err := k.apis[0].call("GET", "/environments/production/revisions?limit=20", "", &page); err != nil {
		t.Fatal(err)
	}
	for _, one := range page.Items {
		if one.Note == strconv.Itoa(failed) {
			return kind + ", during publish, between commit and answer"
		}
	}
	return kind + ", during publish, before the commit"
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
