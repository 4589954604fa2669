package sharedstatetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a server of Redis or Valkey that a test started.
type Server struct {
	// Address is host:port.
	Address string

	t    testing.TB
	path string
	args []string // all but the port
	cmd  *exec.Cmd
}

// StartServer starts redis-server or valkey-server on a free port, with more
// settings as on its command line. The test is skipped when neither program is
// there, and fails when the environment variable CI is set.
func StartServer(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartServerAt(t, FreeAddress(t), args...)
}

// StartServerAt is StartServer on an address of the test's choice.
func StartServerAt(t testing.TB, address string, args ...string) *Server {
	t.Helper()
	return run(t, address, append([]string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...))
}

// StartSentinel starts a sentinel with a file of settings, which it rewrites.
func StartSentinel(t testing.TB, file string) *Server {
	t.Helper()
	return run(t, FreeAddress(t), []string{file, "--sentinel", "--bind", "127.0.0.1"})
}

func run(t testing.TB, address string, args []string) *Server {
	t.Helper()
	s := &Server{t: t, path: program(t), args: args, Address: address}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

func program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("redis-server is missing; install redis-server or valkey")
	}
	t.Skip("redis-server is missing; install redis-server or valkey to run this test")
	return ""
}

// FreeAddress is an address on which nobody listens now.
func FreeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// Start runs the server, again after Kill, and waits until it accepts.
func (s *Server) Start() {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(s.path, append(s.args[:len(s.args):len(s.args)], "--port", port)...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	Eventually(s.t, 10*time.Second, "the server accepts", func() bool {
		c, err := net.Dial("tcp", s.Address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// Kill ends the server without a word.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Pause stops the server where it stands; its connections stay open.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(which syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(which); err != nil {
		s.t.Fatal(err)
	}
}

// Ask sends one command in cleartext without a password and gives the first
// line of the answer.
func (s *Server) Ask(words ...string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var text strings.Builder
	text.WriteString("*" + strconv.Itoa(len(words)) + "\r\n")
	for _, word := range words {
		_, _ = fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, text.String())
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// Eventually waits until a condition holds, and fails the test when it does not
// in time.
func Eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("within %v it never came that %s", within, what)
		}
	}
}

// Proxy stands between a store and its server and makes the way there worse.
type Proxy struct {
	// Address is host:port to connect to instead of the server's.
	Address string

	to      string
	delay   atomic.Int64
	refuses atomic.Bool
	mu      sync.Mutex
	conns   map[net.Conn]bool
}

// StartProxy starts a proxy to an address.
func StartProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: ln.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = ln.Close(); p.Cut() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if p.refuses.Load() {
				_ = c.Close()
				continue
			}
			go p.serve(c)
		}
	}()
	return p
}

// Slow delays each answer of the server by so much from now on.
func (p *Proxy) Slow(by time.Duration) { p.delay.Store(int64(by)) }

// Refuse says whether new connections are closed at once.
func (p *Proxy) Refuse(yes bool) { p.refuses.Store(yes) }

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) keep(c net.Conn, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if yes {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.keep(client, true)
	defer p.keep(client, false)
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if n > 0 {
			if d := time.Duration(p.delay.Load()); d > 0 {
				time.Sleep(d) // this is the slowness, nothing waits for a condition
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
