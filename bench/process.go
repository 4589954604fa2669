//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The CPUs of the two sides; anywhere leaves the choice to the system.
const (
	targetCPU = 0
	otherCPU  = 1
	anywhere  = -1
)

// process is a child that ends with the bench.
type process struct {
	name string
	cmd  *exec.Cmd
	said *tail
	done chan struct{} // closed when it has ended
}

// start starts a program on one CPU. What it says goes to out when that is not
// nil; of the rest the last lines are kept for errors.
func start(ctx context.Context, name string, cpu int, out io.Writer, program string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), said: &tail{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	if out != nil {
		p.cmd.Stdout = out
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.Env = p.cmd.Environ()
	if cpu != anywhere {
		p.cmd.Env = append(p.cmd.Env, "GOMAXPROCS=1")
	}
	if err := startOn(p.cmd, cpu); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // whoever waits for done asks for the state
		close(p.done)
	}()
	return p, nil
}

// startOn starts a command whose threads stay on one CPU: a child inherits
// where the thread that made it may run.
func startOn(cmd *exec.Cmd, cpu int) error {
	if cpu == anywhere {
		return cmd.Start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("asking for the CPUs of this thread: %w", err)
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("choosing CPU %d: %w", cpu, err)
	}
	return errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &before))
}

// reachable waits until the process accepts connections.
func (p *process) reachable(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s\n%s", p.name, p.cmd.ProcessState, p.said)
		case <-ctx.Done():
			return fmt.Errorf("%s accepts no connections: %w\n%s", p.name, err, p.said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tick is the unit of CPU times in /proc, the same on all of Linux.
const tick = time.Second / 100

// cpu is the CPU time that the process has used, its threads together.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, fmt.Errorf("reading what %s has used: %w", p.name, err)
	}
	// The name, in brackets, may hold anything; user and system time are the
	// 12th and 13th field behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading what %s has used: %w", p.name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// memory is the resident memory of the process in bytes.
func (p *process) memory() (int64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	text, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	kb, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.name, err)
	}
	return kb << 10, nil
}

func (p *process) proc(file string) string {
	return "/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/" + file
}

// tail keeps the end of what a process says.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer; it never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4<<10):]
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
