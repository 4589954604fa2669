package test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Under twice the load that it can carry, the gateway goes on answering about
// as much as it can, refuses the rest with 503 and Retry-After or leaves it
// waiting to be accepted, and does not grow. The ratio is told, not judged:
// the machine decides it as much as the program.
func TestOverload(t *testing.T) {
	address := freePort(t)
	p := start(t, manifests(t, `
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://`+address+`/
  services: {orders: {address: "`+service(t)+`"}}
  policies:
  - {policyRef: {name: attack-protection}, config: {mode: block}}
`), t.TempDir(), address)
	// The gateway has one processor to itself, clients and service have the rest.
	var all, one, rest unix.CPUSet
	pinned := unix.SchedGetaffinity(0, &all) == nil && all.Count() > 1
	if pinned {
		rest = all
		one.Set(0)
		rest.Clear(0)
		pinned = pinAll(p.cmd.Process.Pid, &one) == nil && pinAll(os.Getpid(), &rest) == nil
		t.Cleanup(func() { _ = pinAll(os.Getpid(), &all) })
	}
	load(t, address, 8, 0, time.Second) // warm
	peak := load(t, address, 8, 0, 3*time.Second)
	before := p.peak()
	over := load(t, address, 900, 2*peak.rate(), 5*time.Second)
	t.Logf("peak %.0f good answers a second; offered twice that: %.0f good (%.0f %% of peak), %d refused with 503, %d not answered in time, %d closed before an answer; pinned %v",
		peak.rate(), over.rate(), 100*over.rate()/peak.rate(), over.shed, over.unanswered, over.closed, pinned)
	t.Logf("peak memory %d MiB before, %d MiB after", before, p.peak())
	if peak.good < 100 || over.good < 100 {
		t.Fatal("too few answers to show anything")
	}
	if peak.closed > 0 {
		t.Errorf("%d connections were closed without an answer, with no overload", peak.closed)
	}
	if peak.other+over.other > 0 {
		t.Errorf("%d answers were neither good nor 503 with Retry-After: %v, %v", peak.other+over.other, peak.strange.Load(), over.strange.Load())
	}
	if p.peak() > mostMemory {
		t.Errorf("peak memory %d MiB, at most %d are allowed", p.peak(), mostMemory)
	}
}

// pinAll restricts all threads of a process to some processors.
func pinAll(pid int, set *unix.CPUSet) error {
	tasks, err := threads(pid)
	if err != nil {
		return err
	}
	for _, id := range tasks {
		if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

type outcome struct {
	good, shed, other, unanswered int64
	// closed are connections that ended before an answer began, as where the head of a
	// request was not read within its time: nothing under overload, a fault without.
	closed int64
	took   time.Duration
	// strange is one of the other outcomes.
	strange atomic.Value
}

func (o *outcome) rate() float64 { return float64(o.good) / o.took.Seconds() }

// load sends requests over so many connections: one after the other on each,
// or, with a rate, at fixed times whatever the answers do (an open loop).
func load(t *testing.T, address string, connections int, rate float64, long time.Duration) *outcome {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	o := &outcome{}
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	began := time.Now()
	var clients sync.WaitGroup
	if rate == 0 {
		for range connections {
			clients.Go(func() {
				for ctx.Err() == nil {
					o.count(get(client, address))
				}
			})
		}
		clients.Wait()
		o.took = time.Since(began)
		return o
	}
	waiting := make(chan struct{}, 20_000) // what an open loop has under way at most
	for sent := 0; ctx.Err() == nil; {
		for due := int(time.Since(began).Seconds() * rate); sent < due; sent++ {
			select {
			case waiting <- struct{}{}:
				clients.Go(func() { o.count(get(client, address)); <-waiting })
			default:
				atomic.AddInt64(&o.unanswered, 1)
			}
		}
		time.Sleep(time.Millisecond) // the clock of the open loop
	}
	o.took = time.Since(began)
	good := atomic.LoadInt64(&o.good) // what comes later was late
	clients.Wait()
	o.good = good
	return o
}

func (o *outcome) count(status int, retry bool, err error) {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		atomic.AddInt64(&o.unanswered, 1)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		atomic.AddInt64(&o.closed, 1)
	case err != nil:
		atomic.AddInt64(&o.other, 1)
		o.strange.Store(err.Error())
	case status == http.StatusOK:
		atomic.AddInt64(&o.good, 1)
	case status == http.StatusServiceUnavailable && retry:
		atomic.AddInt64(&o.shed, 1)
	default:
		atomic.AddInt64(&o.other, 1)
		o.strange.Store(http.StatusText(status))
	}
}

func get(client *http.Client, address string) (status int, retry bool, err error) {
	resp, err := client.Get("http://" + address + "/orders?item=horseshoe&size=4&note=for+the+foal")
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Header.Get("Retry-After") != "", err
}
